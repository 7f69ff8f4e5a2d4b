// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/adamw.hpp"

#include <cmath>

namespace k7::train {
namespace {

constexpr double beta1 = 0.9;
constexpr double beta2 = 0.999;
constexpr double epsilon = 1e-8;

}  // namespace

AdamW::AdamW(const at::Tensor& parameters, double weight_decay)
    : Optimizer(parameters), weight_decay_(weight_decay) {}

StepResult AdamW::step(const at::Tensor& parameters, const at::Tensor& gradients, double lr,
                       const LossHere& /*loss*/) {
  const at::NoGradGuard no_gradient;
  ++steps;
  const double correction1 = 1.0 - std::pow(beta1, static_cast<double>(steps));
  const double correction2 = 1.0 - std::pow(beta2, static_cast<double>(steps));
  parameters.mul_(1.0 - lr * weight_decay_);
  exp_avg.mul_(beta1).add_(gradients, 1.0 - beta1);
  exp_avg_sq.mul_(beta2).addcmul_(gradients, gradients, 1.0 - beta2);
  const at::Tensor denominator = exp_avg_sq.sqrt().div_(std::sqrt(correction2)).add_(epsilon);
  parameters.addcdiv_(exp_avg, denominator, -lr / correction1);
  return {};
}

void clip_gradients(const at::Tensor& gradients, double norm, double max_norm) {
  const double factor = max_norm / (norm + 1e-6);
  if (factor < 1.0) gradients.mul_(factor);
}

}  // namespace k7::train
