// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "g2/torch.hpp"
#include "k7/train/train_options.hpp"

namespace k7::train {

/// The loss at the parameters as they are, and how to compute it anew once they have moved: evaluate() leaves
/// the gradient there in the gradients' tensor. Who needs only a gradient leaves both alone.
struct LossHere {
  double value = 0.0;
  std::function<double()> evaluate;
};

/// What a step did.
struct StepResult {
  bool moved = true;           ///< false: no step lowers the loss; parameters are as before
  std::optional<double> loss;  ///< of the new parameters, where gradients and loss are known already
};

/// What training has to know of an optimiser beside its steps.
struct OptimizerTraits {
  int window = 1;  ///< epochs that want the same points; 1: fresh ones in every step
  /// Its steps are as long as the learning rate says. Then gradients are clipped, and half the rate can save a
  /// run whose loss was not finite.
  bool obeys_rate = true;
  /// What it remembers fits the parameters of other epochs too: a state to go back to, the best weights.
  bool memory_fits_elsewhere = true;
};

using Tensors = std::map<std::string, at::Tensor>;

/// An optimiser works on the flat parameters of a network; all ranks have the same gradient and take the same
/// step. To add one: a file with its class, its name in OptimizerChoice, and a line in the table of
/// optimizer.cpp.
class Optimizer {
 public:
  explicit Optimizer(const at::Tensor& parameters)
      : exp_avg(at::zeros_like(parameters)), exp_avg_sq(at::zeros_like(parameters)) {}
  virtual ~Optimizer() = default;

  /// parameters: updated in place; gradients: same shape.
  virtual StepResult step(const at::Tensor& parameters, const at::Tensor& gradients, double lr,
                          const LossHere& loss) = 0;
  virtual OptimizerTraits traits() const { return {}; }
  /// From now on points are others: what holds for the old ones only is forgotten.
  virtual void start_window() {}

  /// What it remembers beyond the moments, by name.
  virtual Tensors memory() const { return {}; }
  /// The name of what it cannot go on without and `stored` lacks or has in another shape; empty: nothing.
  virtual std::string missing_in(const Tensors& stored) const;
  /// Takes back what memory() gave, of which missing_in() misses nothing.
  virtual void remember(const Tensors& stored);

  std::int64_t steps = 0;
  at::Tensor exp_avg;     ///< first moment; zero where an optimiser has none
  at::Tensor exp_avg_sq;  ///< second moment
};

/// Of options.optimizer.
std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& options, const at::Tensor& parameters);

}  // namespace k7::train
