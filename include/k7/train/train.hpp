// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/json_file.hpp"
#include "k7/parallel/communicator.hpp"
#include "k7/train/train_options.hpp"

namespace k7::train {

/// How a training run ended, with its part of the results tree.
struct TrainResult {
  enum class Stop { finished, early, signal, not_finite };
  Stop stop;
  io::Json model;     ///< architecture, n_parameters, activation
  io::Json training;  ///< epochs, final_loss, best_loss, ...
  io::Json timing;
  std::string device;  ///< cpu or cuda
  std::string comm;    ///< mpi or nccl
};

/// Trains the network: data-parallel over the ranks, the same loss history at any rank count up to the
/// rounding of sums. Writes last.h5, best.h5 and history.csv into options.out, which is made if it does not
/// exist. Stops after a checkpoint on SIGTERM and SIGUSR1. Collective.
/// @param threads of this rank
/// @param record options as given, stored in the checkpoints
/// @throws CollectiveError for options, checkpoints and folders that do not work
TrainResult train(const TrainOptions& options, const parallel::Communicator& comm, int threads,
                  const io::Json& record);

}  // namespace k7::train
