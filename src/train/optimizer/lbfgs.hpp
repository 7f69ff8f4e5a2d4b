// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include "train/optimizer/optimizer.hpp"

namespace k7::train {

/// Names of what L-BFGS remembers: steps of the parameters and changes of the gradient, each (pairs,
/// parameters).
constexpr const char* lbfgs_steps = "lbfgs_steps";
constexpr const char* lbfgs_changes = "lbfgs_changes";

/// Limited-memory BFGS (Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
/// 1989; two-loop recursion) on one flat parameter tensor. The line search is the bisection of Lewis and
/// Overton ("Nonsmooth optimization via quasi-Newton methods", 2013, algorithm 2.6) for the weak Wolfe
/// conditions; it takes no notice of the learning rate. It needs the same batch in every step of a window.
class Lbfgs final : public Optimizer {
 public:
  /// Remembers 50 steps of all parameters; fewer, but 10 at least, where that takes more than 256 MiB.
  explicit Lbfgs(const at::Tensor& parameters);

  /// One step downhill; where what is remembered leads nowhere, it is forgotten, and the step goes along the
  /// gradient. Where that lowers nothing either, the gradients are not those of the parameters any more.
  StepResult step(const at::Tensor& parameters, const at::Tensor& gradients, double lr,
                  const LossHere& loss) override;
  OptimizerTraits traits() const override;
  void start_window() override { pairs_.clear(); }

  Tensors memory() const override;
  /// It can begin anew anywhere.
  std::string missing_in(const Tensors& /*stored*/) const override { return {}; }
  void remember(const Tensors& stored) override;

 private:
  StepResult search(const at::Tensor& parameters, const at::Tensor& gradients, const LossHere& loss);
  void add_pair(const at::Tensor& step, const at::Tensor& change);
  at::Tensor direction(const at::Tensor& gradient) const;

  std::size_t most_pairs_;
  struct Pair {
    at::Tensor step, change;  ///< of the parameters and of the gradient
    double inverse_product;   ///< 1 / (step . change)
  };
  std::deque<Pair> pairs_;
};

}  // namespace k7::train
