// SPDX-License-Identifier: Apache-2.0
#include "train/loss/loss_terms.hpp"

#include "g2/forms.hpp"
#include "g2/small_products.hpp"

namespace k7::train {
namespace {

using geometry::dim;

at::Tensor torsion(const PointForms& p) {
  return p.total_energy;
}

at::Tensor det(const PointForms& p) {
  return (p.det_g - geometry::Constants::det_g).square();
}

at::Tensor norm(const PointForms& p) {
  const at::Tensor b = g2::contraction(p.form.phi.value);
  return (b - geometry::Constants::phi_norm * g2::identity_like(b)).square().sum({1, 2});
}

at::Tensor smooth(const PointForms& p) {
  return p.form.phi.derivatives.square().sum({1, 2});
}

at::Tensor det_mean(const PointForms& p) {
  return p.det_g;
}

at::Tensor torsion_closed(const PointForms& p) {
  return p.energy.closed;
}

at::Tensor torsion_coclosed(const PointForms& p) {
  return p.energy.coclosed;
}

at::Tensor trace(const PointForms& p) {
  return p.metric.diagonal(0, 1, 2).sum(1) / dim;
}

at::Tensor gauge(const PointForms& p) {
  const at::Tensor& exact = p.batch.exact;
  if (!exact.defined()) return at::zeros({p.metric.size(0)}, p.metric.options().requires_grad(false));
  const at::Tensor target = g2::products(exact.transpose(1, 2), exact);
  return (p.metric - target).select(1, 0).square().sum(1);
}

at::Tensor positive(const PointForms& p) {
  return p.positive.to(p.total_energy.scalar_type());
}

}  // namespace

const std::vector<LossTerm>& loss_terms() {
  static const std::vector<LossTerm> terms{
      {"torsion", 1.0, "Weight of the torsion term", nullptr, torsion},
      {"det", 10.0, "Weight of the determinant term", nullptr, det},
      {"norm", 0.1, "Weight of |phi phi - 6 delta|^2", nullptr, norm},
      {"smooth", 0.01, "Weight of the gradient penalty", nullptr, smooth},
      {"det_mean", {}, "", nullptr, det_mean},
      {"torsion_closed", {}, "", nullptr, torsion_closed},
      {"torsion_coclosed", {}, "", nullptr, torsion_coclosed},
      {"trace", 0.0, "Weight of tr(g)/7 in the coframe", nullptr, trace},
      {"gauge", 0.0,
       "interval-s3xs3: weight of the distance to the known solution's lapse and shift, which fixes the "
       "coordinates",
       "interval-s3xs3", gauge},
      {"positive", {}, "", nullptr, positive}};
  return terms;
}

}  // namespace k7::train
