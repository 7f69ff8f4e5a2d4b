// SPDX-License-Identifier: Apache-2.0
#include "k7/base/build_info.hpp"

#include "build_values.hpp"
#include "git_revision.hpp"

namespace k7 {

BuildInfo build_info() {
  return {K7_VERSION, K7_GIT_REVISION, K7_COMPILER, K7_BUILD_TYPE, K7_BUILD_FLAGS, K7_OPTIONS, K7_LIBRARIES};
}

std::string build_info_text() {
  const BuildInfo b = build_info();
  return "K7 " + b.version + " (" + b.git + ")\ncompiler: " + b.compiler + ", " + b.type + " " + b.flags +
         "\noptions: " + b.options + "\nlibraries: " + b.libraries + "\n";
}

}  // namespace k7
