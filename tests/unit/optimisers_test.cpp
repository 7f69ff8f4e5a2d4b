// SPDX-License-Identifier: Apache-2.0
// L-BFGS on functions with known minima; the best constant coefficients against tabulated minima.
#include <cmath>

#include "pinn/lbfgs.hpp"
#include "pinn/left_invariant.hpp"
#include "tensors.hpp"

namespace k7::pinn {
namespace {

/// Minimises f from x with up to `steps` steps; returns the last value.
template <class F>
double minimise(const F& f, const at::Tensor& x, int steps) {
  at::Tensor gradient = at::zeros_like(x);
  const auto evaluate = [&] {
    at::Tensor leaf = x.detach().clone().requires_grad_(true);
    const at::Tensor value = f(leaf);
    gradient.copy_(torch::autograd::grad({value}, {leaf})[0]);
    return value.template item<double>();
  };
  double loss = evaluate();
  Lbfgs optimiser;
  for (int i = 0; i < steps; ++i)
    if (!optimiser.step(x, gradient, loss, evaluate)) break;
  return loss;
}

TEST(Lbfgs, solves_an_ill_conditioned_quadratic) {
  const at::Tensor scales = at::logspace(0.0, 4.0, 30, 10.0, at::kDouble);
  const at::Tensor x = at::ones({30}, at::kDouble);
  const double value = minimise([&](const at::Tensor& t) { return (scales * t * t).sum(); }, x, 200);
  EXPECT_LT(value, 1e-20);
}

TEST(Lbfgs, finds_the_minimum_of_rosenbrocks_valley) {
  const at::Tensor x = at::tensor({-1.2, 1.0}, at::kDouble);
  const auto valley = [](const at::Tensor& t) {
    return 100.0 * (t[1] - t[0] * t[0]).square() + (1.0 - t[0]).square();
  };
  EXPECT_LT(minimise(valley, x, 100), 1e-20);
  EXPECT_NEAR(x[0].item<double>(), 1.0, 1e-9);
}

TEST(Lbfgs, says_when_nothing_lower_is_near) {
  const at::Tensor x = at::zeros({3}, at::kDouble);
  const at::Tensor gradient =
      at::ones({3}, at::kDouble);  // wrong on purpose: the loss does not fall along it
  double loss = 0.0;
  Lbfgs optimiser;
  EXPECT_FALSE(optimiser.step(x, gradient, loss, [&] { return x.square().sum().item<double>(); }));
  EXPECT_EQ(x.abs().max().item<double>(), 0.0);
  EXPECT_EQ(loss, 0.0);
}

LossWeights energy_only() {
  return {1.0, 0.0, 0.0, 0.0, 0.0, 0.0};
}

ModelSpec unit_neck() {
  ModelSpec spec;
  spec.radii = {1.0, 1.0, 1.0};
  spec.impose_det = true;
  return spec;
}

LeftInvariant best(const ModelSpec& spec, const LossWeights& weights) {
  const TorsionLoss loss(weights, manifold_of(spec)->structure());
  return best_left_invariant(spec, loss, 0, 32);
}

io::Hdf5File golden() {
  return io::Hdf5File::open(std::string(K7_TEST_DATA) + "/g2_fields.h5");
}

TEST(LeftInvariant, minima_under_a_condition_bound_are_the_tabulated_ones) {
  const auto file = golden();
  const auto kappa = file.read("/left_invariant_energy/condition_bound/kappa");
  const auto minimum = file.read("/left_invariant_energy/condition_bound/E_min");
  for (const double bound : {1.25, 2.0, 4.0}) {
    const auto i = static_cast<std::size_t>(std::find(kappa.begin(), kappa.end(), bound) - kappa.begin());
    ASSERT_LT(i, kappa.size());
    ModelSpec spec = unit_neck();
    spec.condition_bound = bound;
    const LeftInvariant found = best(spec, energy_only());
    EXPECT_NEAR(found.loss, minimum[i], 1e-6) << "cond(g) <= " << bound;
    EXPECT_LE(found.json["cond_g"].get<double>(), bound * (1.0 + 1e-12));
  }
}

TEST(LeftInvariant, minima_with_a_trace_penalty_are_the_tabulated_ones) {
  const auto file = golden();
  const auto mu = file.read("/left_invariant_energy/trace_penalty/mu");
  const auto minimum = file.read("/left_invariant_energy/trace_penalty/J_min");
  for (const double weight : {40.0, 10.0}) {
    const auto i = static_cast<std::size_t>(std::find(mu.begin(), mu.end(), weight) - mu.begin());
    ASSERT_LT(i, mu.size());
    LossWeights weights = energy_only();
    weights.trace = weight;
    EXPECT_NEAR(best(unit_neck(), weights).loss, minimum[i], 1e-6) << "mu = " << weight;
  }
}

}  // namespace
}  // namespace k7::pinn
