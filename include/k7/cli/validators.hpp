// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace k7::cli {

/// A finite number above zero.
CLI::Validator positive();
/// A finite number, zero or more.
CLI::Validator non_negative();

}  // namespace k7::cli
