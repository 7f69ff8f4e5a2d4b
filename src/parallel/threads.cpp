// SPDX-License-Identifier: Apache-2.0
#include "parallel/threads.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>

namespace k7::parallel {
namespace {

/// The cores (first hardware thread of each) that this process may run on.
std::set<int> allowed_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  std::set<int> cores;
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    std::ifstream siblings("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                           "/topology/thread_siblings_list");
    int first = cpu;
    if (!(siblings >> first)) first = cpu;
    cores.insert(first);
  }
  return cores;
}

}  // namespace

int threads_per_rank(const Communicator& comm) {
  MPI_Comm node = MPI_COMM_NULL;
  mpi_check(MPI_Comm_split_type(comm.handle(), MPI_COMM_TYPE_SHARED, comm.rank(), MPI_INFO_NULL, &node),
            "MPI_Comm_split_type");
  int result = 1;
  {
    const Communicator node_comm(node);
    const std::set<int> mine = allowed_cores();
    // A launcher that binds ranks gives them disjoint cores, one that does not gives all of them the same.
    const auto first_cores = node_comm.all_gather(*mine.begin());
    const auto sharing =
        std::max<std::ptrdiff_t>(1, std::count(first_cores.begin(), first_cores.end(), *mine.begin()));
    result = std::max(1, static_cast<int>(mine.size()) / static_cast<int>(sharing));
  }
  MPI_Comm_free(&node);
  return static_cast<int>(comm.min(GlobalIndex{result}));
}

}  // namespace k7::parallel
