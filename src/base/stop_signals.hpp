// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace k7 {

/// From now on SIGTERM and SIGUSR1 wait until catch_stop_signals(), also across execv, where a handler would
/// be lost and they would end the process. Not collective.
void hold_stop_signals();

/// From now on SIGTERM and SIGUSR1, those that waited too, ask for a stop instead of ending the process. Not
/// collective.
void catch_stop_signals();

/// Whether this rank was asked to stop. Not collective.
bool stop_requested_here();

}  // namespace k7
