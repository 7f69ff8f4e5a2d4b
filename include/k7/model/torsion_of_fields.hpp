// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "k7/base/observer.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::model {

/// The G2-structure and torsion of given samples of a 3-form: writes the results of every row, and returns
/// their mean and extremes in the form of Model::report(). Collective.
/// @param fields FILE.h5:/group, or FILE.h5 for the file's root
/// @param out the results (HDF5), complete or not there
/// @throws CollectiveError for input and output that do not work
nlohmann::ordered_json torsion_of_fields(const std::string& fields, const std::string& out,
                                         const parallel::Communicator& comm, Observer& observer);

}  // namespace k7::model
