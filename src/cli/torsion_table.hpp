// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "io/json_file.hpp"

namespace k7::cli {

/// Prints a report on the torsion of a 3-form as a table. @param source of the form, in words
void print_torsion(const io::Json& report, const std::string& source);

/// Whether every mean and maximum of a report is a finite number.
bool is_finite_torsion(const io::Json& report);

}  // namespace k7::cli
