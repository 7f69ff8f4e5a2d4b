// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

/// Directs spdlog's default logger to stderr on rank 0 and silences it elsewhere; results go to stdout.
/// @param verbosity -1 warnings only, 0 progress, 1 and more: details
void start_log(const Communicator& comm, int verbosity);

}  // namespace k7::parallel
