// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace k7 {

/// Directs spdlog's default logger to stderr; results go to stdout.
/// @param speaks false: this process, one of many ranks, stays silent
/// @param verbosity -1 warnings only, 0 progress, 1 and more: details
void start_log(bool speaks, int verbosity);

}  // namespace k7
