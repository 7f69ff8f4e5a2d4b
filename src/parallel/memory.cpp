// SPDX-License-Identifier: Apache-2.0
#include "k7/parallel/memory.hpp"

#include <sys/resource.h>

namespace k7::parallel {

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;  // Linux counts KiB
}

}  // namespace k7::parallel
