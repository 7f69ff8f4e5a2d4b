// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace k7::parallel {

/// Starts MPI (MPI_THREAD_FUNNELED) and ends it. One per program, the first object made and the last
/// destroyed.
class Environment {
 public:
  Environment(int& argc, char**& argv);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
};

}  // namespace k7::parallel
