// SPDX-License-Identifier: Apache-2.0
//
// What ranks have to agree on before they use GPUs. Nothing here needs one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "k7/base/device.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

/// The name of each rank's host, in rank order. Collective.
std::vector<std::string> hosts_of_ranks(const Communicator& comm);

/// GPUs that the CUDA driver shows to this process; 0 without a driver, and where K7 was built without CUDA.
int visible_gpus();

/// The GPUs that each rank can choose from: the least number that any rank sees; 0: all compute on CPUs.
/// Collective.
/// @param here GPUs that this rank sees
/// @throws CollectiveError where GPUs are asked for and none is there, or where some ranks see none and others
/// do, naming the first rank without one and its host
int gpus_per_rank(const Communicator& comm, int here, DeviceChoice requested);

/// The number of the GPU that this rank computes on, in every library: the ranks of a host take its GPUs in turn.
/// Empty: all compute on CPUs. Collective; throws as gpus_per_rank().
std::optional<int> own_gpu(const Communicator& comm, int here, DeviceChoice requested);

/// The GPU that a rank has chosen.
struct GpuPlace {
  std::string host;
  std::string gpu;  ///< its address on the host's bus
};

/// Why these ranks cannot sum gradients with NCCL: some share a GPU. Empty: nothing is wrong.
std::string shared_gpu(const std::vector<GpuPlace>& places);

/// Collective. @throws CollectiveError where ranks share a GPU
void require_own_gpus(const Communicator& comm, const std::string& gpu);

}  // namespace k7::parallel
