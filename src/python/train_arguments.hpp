// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "io/json_file.hpp"
#include "k7/train/train_options.hpp"

namespace k7::python {

/// The names of k7_train's options in Python: with _ for -.
std::vector<std::string> train_option_names();

/// A preset's options, with those that are given in their places. @throws InputError naming the one that does not fit
train::TrainOptions train_options(const pybind11::dict& given);

/// All options as k7_train records them: by their names on the command line, and mostly as text.
io::Json record_of(const train::TrainOptions& options);

}  // namespace k7::python
