// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.hpp"

#include <algorithm>
#include <cmath>

#include "k7/geometry/conventions.hpp"

namespace k7::train {
namespace {

constexpr double plateau_threshold = 1e-4;
constexpr int plateau_patience = 100;
constexpr double plateau_factor = 0.5;

}  // namespace

double Schedule::rate(int epoch) const {
  return std::ldexp(scheduled(epoch), -state.rollbacks);
}

double Schedule::scheduled(int epoch) const {
  const auto& o = options_;
  if (epoch < o.warmup_epochs) return o.lr * (epoch + 1) / o.warmup_epochs;
  if (o.scheduler == SchedulerChoice::plateau) return o.lr * state.factor;
  const double t = epoch - o.warmup_epochs;
  const double period = std::max(1, o.epochs - o.warmup_epochs);
  if (o.scheduler == SchedulerChoice::exponential) return o.lr * std::pow(o.lr_min / o.lr, t / period);
  return o.lr_min + (o.lr - o.lr_min) * 0.5 * (1.0 + std::cos(geometry::pi * t / period));
}

void Schedule::observe(double loss) {
  if (options_.scheduler != SchedulerChoice::plateau) return;
  if (loss < state.best * (1.0 - plateau_threshold)) {
    state.best = loss;
    state.bad_epochs = 0;
  } else {
    ++state.bad_epochs;
  }
  if (state.bad_epochs > plateau_patience) {
    state.factor *= plateau_factor;
    state.bad_epochs = 0;
  }
}

}  // namespace k7::train
