// SPDX-License-Identifier: Apache-2.0
//
// The errors of K7. What an exception means for the other ranks is part of its type:
//   Error            this rank only; it must be turned into a CollectiveError with parallel::agree before the
//                    next collective call, otherwise a program ends the whole job with MPI_Abort.
//   CollectiveError  every rank throws the same one; all can go on, or end in the same way.
#pragma once

#include <stdexcept>
#include <string>

namespace k7 {

/// Whose fault a failure is.
enum class Fault {
  internal = 1,  ///< a bug, or a machine that has no more to give
  bad_input,     ///< bad usage or bad input; nothing was written
  numerical,     ///< not converged, NaN; what is known was written and marked
};

/// A failure on this rank. The text names what is wrong and what would be right, in one line.
class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& text) : std::runtime_error(text), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

/// Bad usage or bad input seen by this rank.
class InputError : public Error {
 public:
  explicit InputError(const std::string& text) : Error(Fault::bad_input, text) {}
};

/// A failure that every rank throws with the same fault and text.
class CollectiveError : public Error {
 public:
  using Error::Error;
};

/// Work that ended before its results because an observer asked for a stop; every rank throws it.
class Stopped : public CollectiveError {
 public:
  Stopped() : CollectiveError(Fault::internal, "stopped, as was asked for") {}
};

}  // namespace k7
