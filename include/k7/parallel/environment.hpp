// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace k7::parallel {

/// Starts MPI (MPI_THREAD_FUNNELED) and ends it. One per program, the first object made and the last
/// destroyed.
class Environment {
 public:
  /// @param longest_path characters of the longest path that will be opened through MPI, which must know of long ones
  Environment(int& argc, char**& argv, std::size_t longest_path = 0);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
};

}  // namespace k7::parallel
