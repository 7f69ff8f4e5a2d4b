// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "g2/device_path.hpp"

namespace k7::train {
namespace {

constexpr int window_epochs = 250;
constexpr int most_evaluations = 30;
constexpr double sufficient_decrease = 1e-4;
constexpr double sufficient_slope = 0.9;

double product(const at::Tensor& a, const at::Tensor& b) {
  return at::dot(a, b).item<double>();
}

/// q += scale number x, the number where q is: the host of a GPU does not wait for it.
void add_multiple(const at::Tensor& q, const at::Tensor& x, const at::Tensor& number, double scale) {
  if (g2::takes_device_path(q.device()))
    q.addcmul_(x, number, scale);
  else
    q.add_(x, scale * number.item<double>());
}

}  // namespace

Lbfgs::Lbfgs(const at::Tensor& parameters) : Optimizer(parameters) {
  constexpr std::int64_t numbers = (256 << 20) / sizeof(double);  // that may be remembered
  most_pairs_ =
      static_cast<std::size_t>(std::clamp<std::int64_t>(numbers / (2 * parameters.numel()), 10, 50));
}

OptimizerTraits Lbfgs::traits() const {
  OptimizerTraits traits;
  traits.window = window_epochs;
  traits.obeys_rate = false;
  traits.memory_fits_elsewhere = false;
  return traits;
}

at::Tensor Lbfgs::direction(const at::Tensor& gradient) const {
  at::Tensor q = -gradient;
  std::vector<at::Tensor> weights(pairs_.size());
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    weights[i] = at::dot(pairs_[i].step, q) * pairs_[i].inverse_product;
    add_multiple(q, pairs_[i].change, weights[i], -1.0);
  }
  if (!pairs_.empty()) {
    const Pair& last = pairs_.back();
    q.mul_((at::dot(last.change, last.change) * last.inverse_product).reciprocal());
  }
  for (std::size_t i = 0; i < pairs_.size(); ++i)
    add_multiple(q, pairs_[i].step, weights[i] - at::dot(pairs_[i].change, q) * pairs_[i].inverse_product,
                 1.0);
  return q;
}

StepResult Lbfgs::step(const at::Tensor& parameters, const at::Tensor& gradients, double /*lr*/,
                       const LossHere& loss) {
  const at::NoGradGuard no_gradient;
  const StepResult result = search(parameters, gradients, loss);
  if (result.moved || pairs_.empty()) return result;
  pairs_.clear();
  const at::AutoGradMode with_gradient(true);
  const double again = loss.evaluate();
  return search(parameters, gradients, {again, loss.evaluate});
}

/// Of a line along the direction that is remembered best. Parameters and memory are as before where no point
/// of it is lower.
StepResult Lbfgs::search(const at::Tensor& parameters, const at::Tensor& gradients, const LossHere& loss) {
  const at::NoGradGuard no_gradient;
  const at::Tensor start = parameters.clone();
  const at::Tensor start_gradient = gradients.clone();
  const at::Tensor d = direction(start_gradient);
  const double slope = product(d, start_gradient);
  if (!(slope < 0.0)) return {false, {}};

  double length = pairs_.empty() ? std::min(1.0, 0.1 / d.norm().item<double>()) : 1.0;
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  bool lower = false;
  double value = loss.value;
  for (int i = 0; i < most_evaluations; ++i) {
    parameters.copy_(start).add_(d, length);
    {
      const at::AutoGradMode with_gradient(true);
      value = loss.evaluate();
    }
    lower = value <= loss.value + sufficient_decrease * length * slope;
    if (!lower)
      high = length;  // also when the value is not a number
    else if (product(d, gradients) < sufficient_slope * slope)
      low = length;
    else
      break;
    length = std::isfinite(high) ? 0.5 * (low + high) : 2.0 * length;
  }
  if (!lower) {
    parameters.copy_(start);
    return {false, {}};
  }
  add_pair(parameters - start, gradients - start_gradient);
  return {true, value};
}

void Lbfgs::add_pair(const at::Tensor& step, const at::Tensor& change) {
  const double curvature = product(step, change);
  if (!(curvature > 0.0)) return;
  pairs_.push_back({step, change, 1.0 / curvature});
  if (pairs_.size() > most_pairs_) pairs_.pop_front();
}

Tensors Lbfgs::memory() const {
  if (pairs_.empty()) return {};
  std::vector<at::Tensor> remembered_steps;
  std::vector<at::Tensor> changes;
  for (const Pair& pair : pairs_) {
    remembered_steps.push_back(pair.step);
    changes.push_back(pair.change);
  }
  return {{lbfgs_steps, at::stack(remembered_steps)}, {lbfgs_changes, at::stack(changes)}};
}

void Lbfgs::remember(const Tensors& stored) {
  pairs_.clear();
  const auto first = stored.find(lbfgs_steps);
  if (first == stored.end()) return;
  const at::Tensor& changes = stored.at(lbfgs_changes);
  for (std::int64_t i = 0; i < first->second.size(0); ++i)
    add_pair(first->second[i].clone().to(exp_avg.device()), changes[i].clone().to(exp_avg.device()));
}

}  // namespace k7::train
