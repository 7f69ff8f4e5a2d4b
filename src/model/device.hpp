// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "g2/torch.hpp"
#include "k7/base/device.hpp"
#include "k7/parallel/communicator.hpp"
#include "k7/parallel/transport.hpp"
#include "parallel/gradient_reducer.hpp"

namespace k7::model {

/// The device of this rank for --device auto|cpu|cuda: with CUDA, the ranks of a node take its GPUs in turn.
/// Collective.
/// @throws CollectiveError when cuda is asked for and not there, or there for some ranks only
at::Device choose_device(const parallel::Communicator& comm, DeviceChoice requested);

/// How gradients travel for --comm auto|mpi|nccl. Collective.
/// @throws CollectiveError where ranks share a GPU and would use NCCL
std::unique_ptr<parallel::GradientReducer> choose_reducer(const parallel::Communicator& comm,
                                                          parallel::Transport requested,
                                                          const at::Device& device);

/// Sums a tensor over the ranks in place, through host memory where the reducer needs that. Collective.
void sum_over_ranks(parallel::GradientReducer& reducer, const at::Tensor& buffer);

}  // namespace k7::model
