// SPDX-License-Identifier: Apache-2.0
// Tests on the devices that LibTorch sees, with the small training runs that they share.
#pragma once

#include <torch/cuda.h>

#include "device_test.hpp"
#include "k7/model/threads.hpp"
#include "k7/train/train.hpp"

namespace k7::test {

class TorchDeviceTest : public DeviceTest {
 protected:
  bool sees_cuda() const override { return torch::cuda::is_available(); }
};

/// A preset with a tiny network, few points, and gradients that travel with MPI.
inline train::TrainOptions tiny_run(train::Preset preset, const std::string& out) {
  train::TrainOptions options = train::preset(preset);
  options.model.network.hidden = {16, 12};
  options.start = train::StartChoice::random;
  options.batch_size = 48;
  options.validation_points = 256;
  options.report_points = 256;
  options.log_every = 1000;
  options.scheduler = train::SchedulerChoice::plateau;  // its rate does not depend on the number of epochs
  options.comm = parallel::Transport::mpi;
  options.resume = "never";
  options.out = out;
  return options;
}

/// Trains with so many threads on each rank. Collective on comm.
inline train::TrainResult run(const train::TrainOptions& options, const parallel::Communicator& comm,
                              int threads) {
  model::use_threads(threads);
  Observer silent;
  return train::train(options, comm, silent);
}

/// Only this rank.
inline const parallel::Communicator& alone() {
  static const auto* comm = new parallel::Communicator(MPI_COMM_SELF);  // never freed, as world()
  return *comm;
}

}  // namespace k7::test
