// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "k7/version.hpp"

namespace k7 {

/// What this library was built from and with.
struct BuildInfo {
  std::string version;    ///< K7_VERSION
  std::string git;        ///< revision of the sources, "-dirty" behind it where they were changed
  std::string compiler;   ///< e.g. "GNU 12.2.0"
  std::string type;       ///< CMake's build type
  std::string flags;      ///< of the compiler
  std::string options;    ///< of K7's configuration
  std::string libraries;  ///< with their versions when K7 was configured
};
BuildInfo build_info();

/// The same in a few lines, for people.
std::string build_info_text();

}  // namespace k7
