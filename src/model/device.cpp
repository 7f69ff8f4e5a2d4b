// SPDX-License-Identifier: Apache-2.0
#include "model/device.hpp"

#include <torch/cuda.h>

#include "g2/device_path.hpp"
#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "parallel/gpus.hpp"

namespace k7::model {

at::Device choose_device(const parallel::Communicator& comm, DeviceChoice requested) {
  const int here = torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0;
  const auto gpu = parallel::own_gpu(comm, here, requested);
  return gpu ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(*gpu)) : at::Device(at::kCPU);
}

std::unique_ptr<parallel::GradientReducer> choose_reducer(const parallel::Communicator& comm,
                                                          parallel::Transport requested,
                                                          const at::Device& device) {
  using parallel::Transport;
  const bool nccl = requested == Transport::nccl ||
                    (requested == Transport::automatic && device.is_cuda() && parallel::nccl_available());
  if (!nccl) return parallel::make_mpi_reducer(comm);
  if (!parallel::nccl_available())
    throw CollectiveError(
        Fault::bad_input,
        "--comm nccl: this K7 was built without NCCL; use --comm mpi, or configure with the "
        "preset cuda");
  if (!device.is_cuda())
    throw CollectiveError(Fault::bad_input, "--comm nccl: needs --device cuda; use --comm mpi on the CPU");
  std::string address;
  parallel::agree(comm, [&] { address = parallel::gpu_address(device.index()); });
  parallel::require_own_gpus(comm, address);
  return parallel::make_nccl_reducer(comm, device.index());
}

void sum_over_ranks(parallel::GradientReducer& reducer, const at::Tensor& buffer) {
  const auto type =
      buffer.scalar_type() == at::kDouble ? parallel::ScalarType::float64 : parallel::ScalarType::float32;
  const auto count = static_cast<std::size_t>(buffer.numel());
  if (g2::takes_device_path(buffer.device()) && reducer.name() == "mpi") {
    const at::Tensor host = g2::to_host(buffer);
    reducer.sum(host.data_ptr(), count, type);
    buffer.copy_(g2::to_device(host, buffer.device()));
    return;
  }
  reducer.sum(buffer.data_ptr(), count, type);
}

}  // namespace k7::model
