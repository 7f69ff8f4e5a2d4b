// SPDX-License-Identifier: Apache-2.0
#include "train/loss/notebook_loss.hpp"

#include "g2/forms.hpp"

namespace k7::train {
namespace {

using geometry::dim;

/// The determinant of the contraction metric is the target whatever phi is, so the term is rounding noise
/// (1e-30) and its gradient zero; it is evaluated for the record, without a graph.
at::Tensor determinant(const at::Tensor& b, double target) {
  const at::NoGradGuard no_gradient;
  return at::linalg_det(g2::metric_from_contraction(b, target));
}

}  // namespace

NotebookLoss::Value NotebookLoss::operator()(const model::Network& network, const at::Tensor& x,
                                             std::int64_t n_batch) const {
  const double share = 1.0 / static_cast<double>(n_batch);
  const at::Tensor points = x.detach().requires_grad_(true);
  const at::Tensor phi = network.forward(points).to(at::kDouble);

  // Every component i<j<k stands in 6 of the 343 entries.
  const at::Tensor torsion_term =
      (phi - g2::standard_form(phi)).square().sum() * (share * 6.0 / (dim * dim * dim));

  const at::Tensor b = g2::contraction(phi);
  const at::Tensor norm_term =
      (b - geometry::Constants::phi_norm * g2::identity_like(b)).square().sum() * (share / (dim * dim));

  const at::Tensor det_g = determinant(b, target_det);
  const at::Tensor det_term = (det_g - target_det).square().sum() * share;

  const at::Tensor gradient = torch::autograd::grad({phi.select(1, 0).sum()}, {points}, {},
                                                    /*retain_graph=*/true, /*create_graph=*/true)[0];
  const at::Tensor smooth_term = gradient.square().sum() * (share / dim);

  const at::Tensor loss = weights["torsion"] * torsion_term + weights["det"] * det_term +
                          weights["norm"] * norm_term + weights["smooth"] * smooth_term;
  const at::Tensor terms = at::stack({torsion_term.detach(), det_term, norm_term.detach(),
                                      smooth_term.detach(), loss.detach(), det_g.sum() * share});
  return {loss, terms};
}

}  // namespace k7::train
