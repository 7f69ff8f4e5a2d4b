// SPDX-License-Identifier: Apache-2.0
#include "train/loss/torsion_loss.hpp"

#include "g2/forms.hpp"
#include "g2/g2_structure.hpp"
#include "g2/small_products.hpp"

namespace k7::train {
namespace {

using geometry::dim;

/// The metric of phi, its determinant, and the torsion energies.
struct Geometry {
  g2::TorsionEnergy energy;
  at::Tensor g;         ///< (n, 7, 7)
  at::Tensor det_g;     ///< (n)
  at::Tensor positive;  ///< (n), 1 where phi is a G2-structure
};

Geometry geometry_of_coframe(const g2::Jet& a, const g2::CoframeTorsion& torsion) {
  return {torsion(a), g2::products(a.value.transpose(1, 2), a.value), at::linalg_det(a.value).square(),
          at::isfinite(a.value.detach()).flatten(1).all(1)};
}

Geometry geometry_of_components(const g2::Jet& phi, const g2::ExteriorDerivative& d) {
  const g2::BatchedG2 s = g2::g2_structure(phi.value);
  return {g2::torsion_energy(s, phi.derivatives, d), s.g, s.sqrt_det_g.square(), g2::is_definite(s.g)};
}

at::Tensor gauge(const at::Tensor& g, const at::Tensor& exact) {
  if (!exact.defined()) return at::zeros({g.size(0)}, g.options().requires_grad(false));
  const at::Tensor target = g2::products(exact.transpose(1, 2), exact);
  return (g - target).select(1, 0).square().sum(1);
}

}  // namespace

TorsionLoss::TorsionLoss(const LossWeights& weights, const geometry::Structure& structure)
    : weights_(weights), d_(structure), coframe_torsion_(structure) {}

const std::vector<std::string>& TorsionLoss::terms() const {
  static const std::vector<std::string> names{
      "loss",           "torsion",          "det",   "norm",  "smooth",  "det_mean",
      "torsion_closed", "torsion_coclosed", "trace", "gauge", "positive"};
  return names;
}

Objective::Value TorsionLoss::operator()(const model::LearnedForm& form, const model::Batch& batch,
                                         GlobalIndex n_batch) const {
  return of(form.jet(batch), batch, n_batch);
}

Objective::Value TorsionLoss::of(const model::FormJet& f, const model::Batch& batch,
                                 GlobalIndex n_batch) const {
  const double share = 1.0 / static_cast<double>(n_batch);
  const Value points = per_point(f, batch);
  return {points.loss.sum() * share, points.terms.sum(0) * share};
}

Objective::Value TorsionLoss::per_point(const model::FormJet& f, const model::Batch& batch) const {
  const Geometry s = f.coframe.value.defined() ? geometry_of_coframe(f.coframe, coframe_torsion_)
                                               : geometry_of_components(f.phi, d_);
  const at::Tensor energy = s.energy.closed + s.energy.coclosed;
  const at::Tensor identity = at::eye(dim, s.g.options().requires_grad(false));
  const at::Tensor det_term = (s.det_g - geometry::Constants::det_g).square();
  const at::Tensor norm_term =
      (g2::contraction(f.phi.value) - geometry::Constants::phi_norm * identity).square().sum({1, 2});
  const at::Tensor smooth_term = f.phi.derivatives.square().sum({1, 2});
  const at::Tensor trace_term = s.g.diagonal(0, 1, 2).sum(1) / dim;
  const at::Tensor gauge_term = gauge(s.g, batch.exact);

  // A term without weight is reported but not differentiated.
  at::Tensor total = weights_.torsion * energy;
  const auto add = [&total](double weight, const at::Tensor& term) {
    if (weight > 0.0) total = total + weight * term;
  };
  add(weights_.det, det_term);
  add(weights_.norm, norm_term);
  add(weights_.smooth, smooth_term);
  add(weights_.trace, trace_term);
  add(weights_.gauge, gauge_term);

  return {total, at::stack({total, energy, det_term, norm_term, smooth_term, s.det_g, s.energy.closed,
                            s.energy.coclosed, trace_term, gauge_term, s.positive.to(total.scalar_type())},
                           1)
                     .detach()};
}

}  // namespace k7::train
