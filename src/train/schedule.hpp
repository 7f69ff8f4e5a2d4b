// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include "k7/train/train_options.hpp"

namespace k7::train {

/// The learning rate over the epochs: a linear warm-up, then
///   cosine       lr_min + (lr - lr_min) (1 + cos(pi t / T)) / 2, T the epochs after the warm-up
///                (torch CosineAnnealingLR),
///   exponential  lr (lr_min / lr)^(t/T), or
///   plateau      halved when the loss has not fallen by a factor 1 - 1e-4 for more than 100 epochs
///                (torch ReduceLROnPlateau with factor 0.5, patience 100);
/// halved by every rollback.
class Schedule {
 public:
  explicit Schedule(const TrainOptions& options) : options_(options) {}

  /// Rate for a step of `epoch`.
  double rate(int epoch) const;
  /// To be called after each epoch with its loss.
  void observe(double loss);

  /// State of the plateau rule, and how often training went back.
  struct State {
    double factor = 1.0;
    double best = std::numeric_limits<double>::infinity();
    int bad_epochs = 0;
    int rollbacks = 0;
  } state;

 private:
  double scheduled(int epoch) const;

  TrainOptions options_;
};

}  // namespace k7::train
