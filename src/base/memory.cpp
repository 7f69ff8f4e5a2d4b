// SPDX-License-Identifier: Apache-2.0
#include "base/memory.hpp"

#include <malloc.h>
#include <sys/resource.h>

namespace k7 {

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;  // Linux counts KiB
}

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that it accepts
  mallopt(M_TRIM_THRESHOLD, 2000 << 20);
#endif
}

}  // namespace k7
