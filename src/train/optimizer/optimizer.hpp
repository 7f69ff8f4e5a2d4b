// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "g2/torch.hpp"
#include "k7/train/train_options.hpp"

namespace k7::train {

/// An optimiser that takes a fresh gradient in every step and multiplies its step by a learning rate. It
/// works on the flat parameters of a network; all ranks have the same gradient and take the same step.
class Optimizer {
 public:
  explicit Optimizer(const at::Tensor& parameters)
      : exp_avg(at::zeros_like(parameters)), exp_avg_sq(at::zeros_like(parameters)) {}
  virtual ~Optimizer() = default;

  /// parameters: updated in place; gradients: same shape.
  virtual void step(const at::Tensor& parameters, const at::Tensor& gradients, double lr) = 0;
  /// What it remembers beyond the moments, by name; tensors that are its own: copying into them restores it.
  virtual std::map<std::string, at::Tensor> memory() const { return {}; }

  std::int64_t steps = 0;
  at::Tensor exp_avg;     ///< first moment
  at::Tensor exp_avg_sq;  ///< second moment
};

/// Of options.optimizer; L-BFGS, which steps on its own, leaves AdamW unused.
std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& options, const at::Tensor& parameters);

}  // namespace k7::train
