// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace k7 {

/// The largest resident memory this process has had, in MiB.
double peak_memory_mib();

/// Lets glibc keep what is freed: blocks of megabytes that come and go in every training step otherwise go
/// back to the kernel and return page by page, a tenth of the step. No effect with another C library.
void keep_freed_memory();

}  // namespace k7
