// SPDX-License-Identifier: Apache-2.0
//
// The one table of the terms of the torsion loss: name, weight and value of each stand together.
#pragma once

#include <optional>
#include <vector>

#include "g2/coframe.hpp"
#include "k7/train/loss_weights.hpp"
#include "model/learned_form.hpp"

namespace k7::train {

/// The forms at a batch of points, with what their terms are made of.
struct PointForms {
  const model::FormJet& form;
  const model::Batch& batch;
  g2::TorsionEnergy energy;
  at::Tensor metric;        ///< (n, 7, 7)
  at::Tensor det_g;         ///< (n)
  at::Tensor positive;      ///< (n), 1 where phi is a G2-structure
  at::Tensor total_energy;  ///< (n)
};

struct LossTerm {
  const char* name;              ///< column of the history
  std::optional<double> weight;  ///< where none is given; nothing: only reported, never part of the loss
  const char* help;
  const char* manifold;                           ///< where alone it means something; nullptr: everywhere
  at::Tensor (*value)(const PointForms& points);  ///< (n)
};

/// In the order of the history's columns, which is that of the sum too.
const std::vector<LossTerm>& loss_terms();

}  // namespace k7::train
