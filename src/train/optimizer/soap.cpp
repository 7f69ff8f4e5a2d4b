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

/// out = a m b, into the memory of out.
void multiply_into(at::Tensor out, const at::Tensor& a, const at::Tensor& m, const at::Tensor& b) {
  at::mm_out(out, at::mm(a, m), b);
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
  exp_avg.lerp_(gradients, 1.0 - beta1);
  // What goes entry by entry does so for all layers at once: a GPU is told half as often.
  const at::Tensor gradient = gradients.clone();
  const at::Tensor direction = exp_avg.clone();
  for (const Layer& layer : layers_) into_basis(layer, gradients, gradient);
  for (const Layer& layer : layers_) into_basis(layer, exp_avg, direction);
  exp_avg_sq.mul_(beta2).addcmul_(gradient, gradient, 1.0 - beta2);
  direction.div_(exp_avg_sq.sqrt().div_(std::sqrt(correction2)).add_(epsilon));
  for (const Layer& layer : layers_) out_of_basis(layer, direction);
  parameters.sub_(direction, lr / correction1);
  for (Layer& layer : layers_) refresh(layer, gradients);
  return {};
}

/// Q_L^T m Q_R of the layer's matrix in `from`, if it has axes; all (P).
void Soap::into_basis(const Layer& layer, const at::Tensor& from, const at::Tensor& to) {
  if (!layer.left.basis.defined()) return;
  multiply_into(layer.slot.view(to), layer.left.basis.t(), layer.slot.view(from), layer.right.basis);
}

/// The way back, in place.
void Soap::out_of_basis(const Layer& layer, const at::Tensor& values) {
  if (!layer.left.basis.defined()) return;
  multiply_into(layer.slot.view(values), layer.left.basis, layer.slot.view(values), layer.right.basis.t());
}

/// Takes the gradient into the covariances; the bases follow them at times.
void Soap::refresh(Layer& layer, const at::Tensor& gradients) {
  if (!layer.left.basis.defined()) return;
  const at::Tensor gradient = layer.slot.view(gradients);
  const auto follow = [&](Axis& axis, const at::Tensor& m) {
    axis.covariance.addmm_(m, m.t(), beta_covariance, 1.0 - beta_covariance);
    if (steps == 1)
      axis.basis.copy_(std::get<1>(at::linalg_eigh(with_preferred_axes(axis.covariance))));
    else if (steps % refresh_interval == 0)
      axis.basis.copy_(std::get<0>(at::linalg_qr(at::mm(with_preferred_axes(axis.covariance), axis.basis))));
  };
  follow(layer.left, gradient);
  follow(layer.right, gradient.t());
}

}  // namespace k7::train
