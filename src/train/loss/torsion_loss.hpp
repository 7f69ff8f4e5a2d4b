// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "g2/coframe.hpp"
#include "train/loss/loss_terms.hpp"
#include "train/loss/objective.hpp"

namespace k7::train {

/// The torsion of phi, with exact derivatives:
///   torsion   |d phi|^2_g + |d *phi|^2_g (torsion_closed + torsion_coclosed)
///   det       (det g - 65/32)^2
///   norm      |phi_ikl phi_jkl - 6 delta_ij|^2, the sum over the 49 entries
///   smooth    |E_a phi_I|^2, the sum over the 7 directions and 35 components
///   trace     tr(g)/7
///   gauge     (g_0i - g*_0i)^2 summed over i, g* the known solution: its lapse and shift define the
///             coordinates
///   positive  the share of points where phi is a G2-structure (not part of the loss)
/// All in the manifold's coframe, g the metric of phi. The terms stand in the table of loss_terms.cpp.
class TorsionLoss final : public Objective {
 public:
  TorsionLoss(const LossWeights& weights, const geometry::Structure& structure);

  const std::vector<std::string>& terms() const override;
  GlobalIndex chunk_points() const override { return 128; }
  Value operator()(const model::LearnedForm& form, const model::Batch& batch,
                   GlobalIndex n_batch) const override;
  /// The loss of a form that is known already.
  Value of(const model::FormJet& f, const model::Batch& batch, GlobalIndex n_batch) const;
  /// The same point by point: loss (n) to differentiate and terms (n, terms().size()).
  Value per_point(const model::FormJet& f, const model::Batch& batch) const;
  const LossWeights& weights() const { return weights_; }

 private:
  PointForms point_forms(const model::FormJet& f, const model::Batch& batch) const;

  LossWeights weights_;
  g2::ExteriorDerivative d_;
  g2::CoframeTorsion coframe_torsion_;
};

}  // namespace k7::train
