// SPDX-License-Identifier: Apache-2.0
//
// Checks of option values, for CLI::Option::transform. They say in plain words what would be right, and leave
// nothing over at which CLI11's own conversion could fail.
#pragma once

#include <CLI/CLI.hpp>
#include <limits>
#include <string>
#include <vector>

namespace k7::cli {

/// A finite number above zero.
CLI::Validator positive();
/// A finite number, zero or more.
CLI::Validator non_negative();
/// One of some words.
CLI::Validator one_of(std::vector<std::string> names);
/// A whole number from a range; 1e3 becomes 1000. A long double holds every number of 64 bits.
CLI::Validator whole(long double least, long double most);
/// A whole number, at least `least`, that fits into `variable`.
template <typename T>
CLI::Validator whole(const T& /*variable*/, int least) {
  return whole(static_cast<long double>(least), static_cast<long double>(std::numeric_limits<T>::max()));
}
/// The same for every number of a list.
template <typename T>
CLI::Validator whole(const std::vector<T>& /*variable*/, int least) {
  return whole(T{}, least);
}

}  // namespace k7::cli
