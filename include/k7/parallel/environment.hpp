// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace k7::parallel {

/// Starts MPI and ends it. One per program, the first object made and the last destroyed.
class Environment {
 public:
  /// @param longest_path characters of the longest path that will be opened through MPI, which must know of long ones
  Environment(int& argc, char**& argv, std::size_t longest_path = 0);
  /// Of a library that is loaded into somebody else's program: joins MPI where it was started already, and then does not
  /// end it either. Calls may come from any thread, one at a time.
  Environment();
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  bool is_owner_ = true;
};

}  // namespace k7::parallel
