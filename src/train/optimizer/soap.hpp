// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "model/network.hpp"
#include "train/optimizer/optimizer.hpp"

namespace k7::train {

/// SOAP (Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024, algorithm 3): Adam in the
/// eigenbasis of Shampoo's preconditioner. For a weight matrix W with gradient G,
///   L <- beta L + (1 - beta) G G^T,  R <- beta R + (1 - beta) G^T G,
/// Adam's step is taken for Q_L^T G Q_R, Q the eigenvectors of L and R, and turned back. The eigenvectors
/// follow L and R by one step of orthogonal iteration every `refresh` steps. Biases get Adam's step as it is.
/// The first gradient only sets the bases.
class Soap final : public Optimizer {
 public:
  Soap(const model::NetworkShape& shape, const at::Tensor& parameters, double weight_decay);

  StepResult step(const at::Tensor& parameters, const at::Tensor& gradients, double lr,
                  const LossHere& loss) override;
  Tensors memory() const override;

 private:
  /// One axis of a weight matrix.
  struct Axis {
    at::Tensor covariance;  ///< (n, n) L or R
    at::Tensor basis;       ///< (n, n) Q, eigenvectors in columns
  };
  struct Layer {
    model::ParameterSlot slot;
    Axis left, right;  ///< undefined for a bias
  };
  static void into_basis(const Layer& layer, const at::Tensor& from, const at::Tensor& to);
  static void out_of_basis(const Layer& layer, const at::Tensor& values);
  void refresh(Layer& layer, const at::Tensor& gradients);

  std::vector<Layer> layers_;
  double weight_decay_;
};

}  // namespace k7::train
