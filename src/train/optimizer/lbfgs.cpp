// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace k7::train {
namespace {

constexpr int most_evaluations = 30;
constexpr double sufficient_decrease = 1e-4;
constexpr double sufficient_slope = 0.9;

double product(const at::Tensor& a, const at::Tensor& b) {
  return at::dot(a, b).item<double>();
}

}  // namespace

Lbfgs::Lbfgs(std::int64_t n_parameters) {
  constexpr std::int64_t numbers = (256 << 20) / sizeof(double);  // that may be remembered
  most_pairs_ = static_cast<std::size_t>(std::clamp<std::int64_t>(numbers / (2 * n_parameters), 10, 50));
}

at::Tensor Lbfgs::direction(const at::Tensor& gradient) const {
  at::Tensor q = -gradient;
  std::vector<double> weights(pairs_.size());
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    weights[i] = pairs_[i].inverse_product * product(pairs_[i].step, q);
    q.sub_(pairs_[i].change, weights[i]);
  }
  if (!pairs_.empty()) {
    const Pair& last = pairs_.back();
    q.mul_(1.0 / (last.inverse_product * product(last.change, last.change)));
  }
  for (std::size_t i = 0; i < pairs_.size(); ++i)
    q.add_(pairs_[i].step, weights[i] - pairs_[i].inverse_product * product(pairs_[i].change, q));
  return q;
}

bool Lbfgs::step(const at::Tensor& parameters, const at::Tensor& gradients, double& loss,
                 const Evaluate& evaluate) {
  const at::NoGradGuard no_gradient;
  const at::Tensor start = parameters.clone();
  const at::Tensor start_gradient = gradients.clone();
  const at::Tensor d = direction(start_gradient);
  const double slope = product(d, start_gradient);
  if (!(slope < 0.0)) return false;

  double length = pairs_.empty() ? std::min(1.0, 0.1 / d.norm().item<double>()) : 1.0;
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  bool lower = false;
  double value = loss;
  for (int i = 0; i < most_evaluations; ++i) {
    parameters.copy_(start).add_(d, length);
    {
      const at::AutoGradMode with_gradient(true);
      value = evaluate();
    }
    lower = value <= loss + sufficient_decrease * length * slope;
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
    return false;
  }
  remember(parameters - start, gradients - start_gradient);
  loss = value;
  return true;
}

void Lbfgs::remember(const at::Tensor& step, const at::Tensor& change) {
  const double curvature = product(step, change);
  if (!(curvature > 0.0)) return;
  pairs_.push_back({step, change, 1.0 / curvature});
  if (pairs_.size() > most_pairs_) pairs_.pop_front();
}

std::pair<at::Tensor, at::Tensor> Lbfgs::memory() const {
  if (pairs_.empty()) return {};
  std::vector<at::Tensor> steps;
  std::vector<at::Tensor> changes;
  for (const Pair& pair : pairs_) {
    steps.push_back(pair.step);
    changes.push_back(pair.change);
  }
  return {at::stack(steps), at::stack(changes)};
}

void Lbfgs::set_memory(const at::Tensor& steps, const at::Tensor& changes) {
  pairs_.clear();
  for (std::int64_t i = 0; i < steps.size(0); ++i) remember(steps[i].clone(), changes[i].clone());
}

}  // namespace k7::train
