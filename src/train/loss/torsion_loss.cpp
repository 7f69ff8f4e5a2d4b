// SPDX-License-Identifier: Apache-2.0
#include "train/loss/torsion_loss.hpp"

#include "g2/forms.hpp"
#include "g2/g2_structure.hpp"
#include "g2/small_products.hpp"

namespace k7::train {

TorsionLoss::TorsionLoss(const LossWeights& weights, const geometry::Structure& structure)
    : weights_(weights), d_(structure), coframe_torsion_(structure) {}

const std::vector<std::string>& TorsionLoss::terms() const {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all{"loss"};
    for (const LossTerm& term : loss_terms()) all.emplace_back(term.name);
    return all;
  }();
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

PointForms TorsionLoss::point_forms(const model::FormJet& f, const model::Batch& batch) const {
  PointForms points{f, batch, {}, {}, {}, {}, {}};
  if (f.coframe.value.defined()) {
    const at::Tensor& a = f.coframe.value;
    points.energy = coframe_torsion_(f.coframe);
    points.metric = g2::products(a.transpose(1, 2), a);
    points.det_g = at::linalg_det(a).square();
    points.positive = at::isfinite(a.detach()).flatten(1).all(1);
  } else {
    const g2::BatchedG2 s = g2::g2_structure(f.phi.value);
    points.energy = g2::torsion_energy(s, f.phi.derivatives, d_);
    points.metric = s.g;
    points.det_g = s.sqrt_det_g.square();
    points.positive = g2::is_definite(s.g);
  }
  points.total_energy = points.energy.closed + points.energy.coclosed;
  return points;
}

Objective::Value TorsionLoss::per_point(const model::FormJet& f, const model::Batch& batch) const {
  const PointForms points = point_forms(f, batch);
  std::vector<at::Tensor> columns(1);  // the loss comes first
  for (const LossTerm& term : loss_terms()) columns.push_back(term.value(points));
  // The first term makes the sum; of the others, one without weight is reported but not differentiated.
  at::Tensor& total = columns.front();
  for (std::size_t i = 0; i < loss_terms().size(); ++i) {
    if (!loss_terms()[i].weight) continue;
    const double weight = weights_[loss_terms()[i].name];
    if (!total.defined())
      total = weight * columns[i + 1];
    else if (weight > 0.0)
      total = total + weight * columns[i + 1];
  }
  return {total, at::stack(columns, 1).detach()};
}

}  // namespace k7::train
