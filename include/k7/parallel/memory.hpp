// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace k7::parallel {

/// The largest resident memory this process has had, in MiB.
double peak_memory_mib();

}  // namespace k7::parallel
