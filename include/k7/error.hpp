// SPDX-License-Identifier: Apache-2.0
//
// The errors of K7. What an exception means for the other ranks is part of its type:
//   Error            this rank only; it must be turned into a CollectiveError with parallel::agree before the
//                    next collective call, otherwise run_main ends the whole job with MPI_Abort.
//   CollectiveError  every rank throws the same one; all finalise MPI and return the same exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace k7 {

/// Exit codes of every K7 program.
enum class ExitCode : int {
  done = 0,
  internal_error = 1,  ///< a bug
  bad_input = 2,       ///< bad usage or bad input; nothing was written
  not_passed = 3,      ///< --require-pass was not met
  numerical = 4,       ///< not converged, NaN; what is known was written and marked
  interrupted = 75,    ///< stopped by a signal after a checkpoint; run again to go on
};

/// A failure on this rank. The text names what is wrong and what would be right, in one line.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Bad usage or bad input seen by this rank (exit code 2).
class InputError : public Error {
 public:
  explicit InputError(const std::string& text) : Error(ExitCode::bad_input, text) {}
};

/// A failure that every rank throws with the same code and text.
class CollectiveError : public Error {
 public:
  using Error::Error;
};

}  // namespace k7
