// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/base/error.hpp"

namespace k7::cli {

/// Exit codes of every K7 program.
enum class ExitCode : int {
  done = 0,
  internal_error = 1,  ///< a bug
  bad_input = 2,       ///< bad usage or bad input; nothing was written
  not_passed = 3,      ///< --require-pass was not met
  numerical = 4,       ///< not converged, NaN; what is known was written and marked
  interrupted = 75,    ///< stopped by a signal after a checkpoint; run again to go on
};

/// How a program ends for a failure of the library.
inline ExitCode exit_code(Fault fault) {
  switch (fault) {
    case Fault::bad_input:
      return ExitCode::bad_input;
    case Fault::numerical:
      return ExitCode::numerical;
    case Fault::internal:
      break;
  }
  return ExitCode::internal_error;
}

}  // namespace k7::cli
