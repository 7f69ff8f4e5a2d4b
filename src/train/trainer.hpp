// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/stopwatch.hpp"
#include "k7/train/train.hpp"
#include "train/best_constants.hpp"
#include "train/gradient_step.hpp"
#include "train/run_folder.hpp"
#include "train/train_report.hpp"
#include "train/train_state.hpp"
#include "train/validator.hpp"

namespace k7::train {

/// A run of training, made of its parts. Every function is collective.
class Trainer {
 public:
  /// @param options completed
  Trainer(const TrainOptions& options, const parallel::Communicator& comm, Observer& observer);

  /// Makes the run folder this run's own, and goes on from what is in it.
  void start_or_resume();
  TrainResult run();

 private:
  void start();
  void resume(const std::string& file);
  void load(const Checkpoint& c, const std::string& file);

  std::optional<Stop> step();
  int draw() const { return state_.epoch / traits_.window; }
  int next_draw() const { return (state_.epoch + 1) / traits_.window; }
  void judge(const StepSums& sums);
  StepResult move(const StepSums& sums);
  void tell_progress();
  std::optional<Stop> go_back_or_give_up();
  bool roll_back();

  Checkpoint snapshot() const;
  void save();
  void save_or_warn();
  TrainResult result(Stop stop);
  io::Json report_on_best();
  std::string device_name() const { return device_.is_cuda() ? "cuda" : "cpu"; }

  TrainOptions options_;
  const parallel::Communicator& comm_;
  Observer& observer_;
  at::Device device_;
  std::unique_ptr<parallel::GradientReducer> reducer_;
  std::unique_ptr<Objective> objective_;
  model::LearnedForm form_;
  Chunks chunks_;
  TrainState state_;
  OptimizerTraits traits_;
  GradientStep gradient_step_;
  Validator validator_;
  BestConstants constants_;
  RunFolder folder_;

  std::optional<StepSums> sums_;  ///< of the parameters as they are; nothing: not known
  Waypoint good_;                 ///< where a loss that is not finite leads back to
  int first_epoch_ = 0;           ///< of this part of the run
  Timing timing_;                 ///< of earlier parts of the run, and the steps of this one
  k7::Stopwatch watch_;           ///< of this part
};

}  // namespace k7::train
