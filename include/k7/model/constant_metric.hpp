// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace k7::model {

/// A metric from a text file of 7 x 7 numbers, row by row; '#' starts a comment. Not collective.
/// @throws InputError naming the file and what is wrong with it: it must be symmetric and positive definite
std::vector<double> read_constant_metric(const std::string& path);

/// The round product metric of s1xs3xs3, 7 x 7 in its frame. @throws InputError unless three positive radii
std::vector<double> metric_of_radii(const std::vector<double>& radii);

}  // namespace k7::model
