// SPDX-License-Identifier: Apache-2.0
#include "parallel/gpus.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <set>

#include "k7/base/error.hpp"

#ifdef K7_HAVE_CUDA
#include <cuda_runtime_api.h>
#endif

namespace k7::parallel {
namespace {

using Name = std::array<char, 256>;

/// Cut to fit.
Name to_name(const std::string& text) {
  Name name{};
  std::copy_n(text.begin(), std::min(text.size(), name.size() - 1), name.begin());
  return name;
}

std::vector<std::string> gather(const Communicator& comm, const std::string& text) {
  std::vector<std::string> all;
  for (const Name& name : comm.all_gather(to_name(text))) all.emplace_back(name.data());
  return all;
}

int rank_within_host(const Communicator& comm) {
  MPI_Comm host = MPI_COMM_NULL;
  mpi_check(MPI_Comm_split_type(comm.handle(), MPI_COMM_TYPE_SHARED, comm.rank(), MPI_INFO_NULL, &host),
            "MPI_Comm_split_type");
  int rank = 0;
  MPI_Comm_rank(host, &rank);
  MPI_Comm_free(&host);
  return rank;
}

}  // namespace

int visible_gpus() {
#ifdef K7_HAVE_CUDA
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
#else
  return 0;
#endif
}

std::vector<std::string> hosts_of_ranks(const Communicator& comm) {
  std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
  int length = 0;
  mpi_check(MPI_Get_processor_name(name.data(), &length), "MPI_Get_processor_name");
  return gather(comm, std::string(name.data(), static_cast<std::size_t>(length)));
}

int gpus_per_rank(const Communicator& comm, int here, DeviceChoice requested) {
  if (requested == DeviceChoice::cpu) return 0;
  const std::vector<int> all = comm.all_gather(here);
  const int most = *std::max_element(all.begin(), all.end());
  const auto none = std::find(all.begin(), all.end(), 0);
  if (none == all.end()) return *std::min_element(all.begin(), all.end());
  if (most == 0 && requested == DeviceChoice::automatic) return 0;
  if (most == 0)
    throw CollectiveError(Fault::bad_input,
                          "--device cuda: no CUDA device is visible; use --device cpu, or libraries with "
                          "CUDA on a machine with a GPU");
  const auto rank = static_cast<std::size_t>(none - all.begin());
  const std::vector<std::string> hosts = hosts_of_ranks(comm);
  throw CollectiveError(Fault::bad_input, "--device " + name_of(requested) + ": rank " +
                                              std::to_string(rank) + " on " + hosts[rank] +
                                              " sees no CUDA device, but others do; use --device cpu, or "
                                              "leave this host out");
}

std::optional<int> own_gpu(const Communicator& comm, int here, DeviceChoice requested) {
  const int gpus = gpus_per_rank(comm, here, requested);
  if (gpus == 0) return std::nullopt;
  return rank_within_host(comm) % gpus;
}

std::string shared_gpu(const std::vector<GpuPlace>& places) {
  struct Host {
    int ranks = 0;
    std::set<std::string> gpus;
  };
  std::map<std::string, Host> hosts;
  for (const GpuPlace& place : places) {
    Host& host = hosts[place.host];
    ++host.ranks;
    host.gpus.insert(place.gpu);
  }
  for (const auto& [name, host] : hosts) {
    const auto gpus = std::to_string(host.gpus.size());
    if (static_cast<std::size_t>(host.ranks) > host.gpus.size())
      return "--comm nccl: " + std::to_string(host.ranks) + " ranks on " + name + " share " + gpus +
             (host.gpus.size() == 1 ? " GPU" : " GPUs") + "; start at most " + gpus +
             " there, or use --comm mpi";
  }
  return {};
}

void require_own_gpus(const Communicator& comm, const std::string& gpu) {
  const std::vector<std::string> hosts = hosts_of_ranks(comm);
  const std::vector<std::string> gpus = gather(comm, gpu);
  std::vector<GpuPlace> places;
  for (std::size_t rank = 0; rank < hosts.size(); ++rank) places.push_back({hosts[rank], gpus[rank]});
  const std::string obstacle = shared_gpu(places);
  if (!obstacle.empty()) throw CollectiveError(Fault::bad_input, obstacle);
}

}  // namespace k7::parallel
