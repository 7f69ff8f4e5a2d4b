// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "model/network.hpp"
#include "train/checkpoint.hpp"
#include "train/optimizer/optimizer.hpp"

namespace k7::train {

/// A state to go back to, on the device of the network: without the history, and without what fits nowhere
/// else.
struct Waypoint {
  int epoch = 0;
  double best_loss = 0.0;
  int best_epoch = -1;
  int epochs_without_best = 0;
  std::int64_t optimizer_steps = 0;
  Schedule::State schedule;
  at::Tensor parameters, best_parameters, exp_avg, exp_avg_sq;
  Tensors optimizer_memory;
};

/// Everything that a step of training changes.
class TrainState {
 public:
  /// @param network whose parameters are trained; it must outlive this
  /// @param terms of the objective
  TrainState(const TrainOptions& options, model::Network& network, const std::vector<std::string>& terms);

  /// The weights that are kept are those that the loss was computed with.
  /// @param epochs since the last call
  void judge(double loss, int epochs);
  /// Ends an epoch. @param terms of its loss, in the order of the objective
  void record(const std::vector<double>& terms, double gradient_norm);

  /// Where a loss that is not finite leads back to.
  Waypoint to_go_back_to() const;
  /// All of it.
  Checkpoint snapshot() const;
  /// Undoes what came after; the history loses its last rows.
  void restore(const Waypoint& w);
  void restore(const Checkpoint& c);
  /// The history of an earlier part of the run. @throws InputError naming a column that is missing, unless the
  /// file is older than the column
  void set_history(const Checkpoint& c);

  std::unique_ptr<Optimizer> optimizer;
  Schedule schedule;
  History history;
  int epoch = 0;
  double judged_loss = std::numeric_limits<double>::quiet_NaN();  ///< of the last call of judge()
  double best_loss = std::numeric_limits<double>::infinity();
  int best_epoch = -1;
  int epochs_without_best = 0;
  at::Tensor best_parameters;

 private:
  model::Network& network_;
  double min_delta_;
};

}  // namespace k7::train
