// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

/// From now on SIGTERM and SIGUSR1 ask for a stop instead of ending the process. Not collective.
void catch_stop_signals();

/// Whether any rank was asked to stop. Collective.
bool stop_requested(const Communicator& comm);

/// Whether this rank was asked to stop. Not collective.
bool stop_requested_here();

}  // namespace k7::parallel
