// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/soap.hpp"

#include <cmath>

namespace k7::train {
namespace {

constexpr double beta1 = 0.95;
constexpr double beta2 = 0.95;
constexpr double beta_covariance = 0.95;
constexpr double epsilon = 1e-8;
constexpr double ridge = 1e-2;  // of the mean eigenvalue
constexpr std::int64_t refresh_interval = 10;

/// With a small diagonal of different numbers. The gradient of a batch has far fewer directions than entries
/// at first; where it has none, rounding alone would choose the axes, and Adam's step depends on its axes.
at::Tensor with_preferred_axes(const at::Tensor& covariance) {
  const std::int64_t n = covariance.size(0);
  const at::Tensor size = covariance.trace() * (ridge / static_cast<double>(n));
  return covariance + at::diag(at::linspace(1.0, 2.0, n, covariance.options()) * size);
}

/// Q_L^T m Q_R
at::Tensor into_basis(const at::Tensor& m, const at::Tensor& left, const at::Tensor& right) {
  return at::mm(at::mm(left.t(), m), right);
}

}  // namespace

Soap::Soap(const model::NetworkShape& shape, const at::Tensor& parameters, double weight_decay)
    : Optimizer(parameters), weight_decay_(weight_decay) {
  const auto axis = [&](std::int64_t n) {
    return Axis{at::zeros({n, n}, parameters.options()), at::eye(n, parameters.options())};
  };
  for (const model::ParameterSlot& slot : model::parameter_slots(shape)) {
    Layer layer{slot, {}, {}};
    if (slot.shape.size() == 2) {
      layer.left = axis(slot.shape[0]);
      layer.right = axis(slot.shape[1]);
    }
    layers_.push_back(std::move(layer));
  }
}

Tensors Soap::memory() const {
  Tensors result;
  for (const Layer& layer : layers_) {
    if (!layer.left.basis.defined()) continue;
    const std::string name = "soap_" + layer.slot.name;
    result[name + "_left"] = layer.left.covariance;
    result[name + "_left_basis"] = layer.left.basis;
    result[name + "_right"] = layer.right.covariance;
    result[name + "_right_basis"] = layer.right.basis;
  }
  return result;
}

StepResult Soap::step(const at::Tensor& parameters, const at::Tensor& gradients, double lr,
                      const LossHere& /*loss*/) {
  const at::NoGradGuard no_gradient;
  ++steps;
  if (steps == 1) {
    for (Layer& layer : layers_) refresh(layer, gradients);
    return {};
  }
  const auto age = static_cast<double>(steps - 1);
  const double correction1 = 1.0 - std::pow(beta1, age);
  const double correction2 = 1.0 - std::pow(beta2, age);
  parameters.mul_(1.0 - lr * weight_decay_);
  exp_avg.mul_(beta1).add_(gradients, 1.0 - beta1);
  for (Layer& layer : layers_) {
    at::Tensor second = layer.slot.view(exp_avg_sq);
    at::Tensor gradient = layer.slot.view(gradients);
    at::Tensor direction = layer.slot.view(exp_avg);
    const bool has_axes = layer.left.basis.defined();
    if (has_axes) {
      gradient = into_basis(gradient, layer.left.basis, layer.right.basis);
      direction = into_basis(direction, layer.left.basis, layer.right.basis);
    }
    second.mul_(beta2).addcmul_(gradient, gradient, 1.0 - beta2);
    direction = direction / second.sqrt().div_(std::sqrt(correction2)).add_(epsilon);
    if (has_axes) direction = at::mm(at::mm(layer.left.basis, direction), layer.right.basis.t());
    layer.slot.view(parameters).sub_(direction, lr / correction1);
    refresh(layer, gradients);
  }
  return {};
}

/// Takes the gradient into the covariances; the bases follow them at times.
void Soap::refresh(Layer& layer, const at::Tensor& gradients) {
  if (!layer.left.basis.defined()) return;
  const at::Tensor gradient = layer.slot.view(gradients);
  const auto follow = [&](Axis& axis, const at::Tensor& square) {
    axis.covariance.mul_(beta_covariance).add_(square, 1.0 - beta_covariance);
    if (steps == 1)
      axis.basis.copy_(std::get<1>(at::linalg_eigh(with_preferred_axes(axis.covariance))));
    else if (steps % refresh_interval == 0)
      axis.basis.copy_(std::get<0>(at::linalg_qr(at::mm(with_preferred_axes(axis.covariance), axis.basis))));
  };
  follow(layer.left, at::mm(gradient, gradient.t()));
  follow(layer.right, at::mm(gradient.t(), gradient));
}

}  // namespace k7::train
