// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "k7/parallel/communicator.hpp"

namespace k7::spectral {

/// Starts PETSc and SLEPc on a communicator and ends them. One at a time; collective. Every matrix and every
/// solver must be gone before it.
class Session {
 public:
  /// @param passthrough_args options for PETSc and SLEPc, as on their command line
  Session(const parallel::Communicator& comm, const std::string& program,
          const std::vector<std::string>& passthrough_args);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Options that nothing has asked for so far, e.g. misspelt ones. Not collective.
  static std::vector<std::string> unused_options();

 private:
  std::vector<std::string> args_;  // PETSc keeps pointers into its arguments
  std::vector<char*> argv_;
};

/// Whether K7 and PETSc were built for matrices on NVIDIA GPUs.
bool built_with_cuda();

}  // namespace k7::spectral
