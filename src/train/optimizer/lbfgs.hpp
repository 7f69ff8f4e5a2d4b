// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "g2/torch.hpp"

namespace k7::train {

/// Limited-memory BFGS (Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
/// 1989; two-loop recursion) on one flat parameter tensor. The line search is the bisection of Lewis and
/// Overton ("Nonsmooth optimization via quasi-Newton methods", 2013, algorithm 2.6) for the weak Wolfe
/// conditions. It needs the same batch in every step of a window: clear() starts a new one.
class Lbfgs {
 public:
  /// Remembers 50 steps of n_parameters numbers; fewer, but 10 at least, where that takes more than 256 MiB.
  explicit Lbfgs(std::int64_t n_parameters);

  /// Computes the loss at the parameters as they are and leaves its gradient in the gradients' tensor.
  using Evaluate = std::function<double()>;

  /// One step downhill. `loss` and `gradients` belong to `parameters` on entry and, after a success, on
  /// return; `loss` is updated. Returns false when no step lowers the loss: parameters and memory are then as
  /// before, gradients are not.
  bool step(const at::Tensor& parameters, const at::Tensor& gradients, double& loss,
            const Evaluate& evaluate);

  bool empty() const { return pairs_.empty(); }
  void clear() { pairs_.clear(); }

  /// Steps and changes of the gradient of the remembered steps, each (pairs, parameters); undefined if empty.
  std::pair<at::Tensor, at::Tensor> memory() const;
  void set_memory(const at::Tensor& steps, const at::Tensor& changes);

 private:
  void remember(const at::Tensor& step, const at::Tensor& change);
  at::Tensor direction(const at::Tensor& gradient) const;

  std::size_t most_pairs_;
  struct Pair {
    at::Tensor step, change;  ///< of the parameters and of the gradient
    double inverse_product;   ///< 1 / (step . change)
  };
  std::deque<Pair> pairs_;
};

}  // namespace k7::train
