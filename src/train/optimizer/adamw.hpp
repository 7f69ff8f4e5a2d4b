// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "train/optimizer/optimizer.hpp"

namespace k7::train {

/// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2) on one flat
/// parameter tensor; the same arithmetic as torch.optim.AdamW.
class AdamW final : public Optimizer {
 public:
  AdamW(const at::Tensor& parameters, double weight_decay);

  StepResult step(const at::Tensor& parameters, const at::Tensor& gradients, double lr,
                  const LossHere& loss) override;

 private:
  double weight_decay_;
};

/// Scales gradients so that their norm is at most max_norm (factor min(1, max_norm / (norm + 1e-6)), as
/// torch.nn.utils.clip_grad_norm_). @param norm of the gradients, which the caller knows
void clip_gradients(const at::Tensor& gradients, double norm, double max_norm);

}  // namespace k7::train
