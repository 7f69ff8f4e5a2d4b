// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/geometry/conventions.hpp"
#include "k7/train/train_options.hpp"
#include "model/network.hpp"

namespace k7::train {

/// The notebook's loss (its class G2PhysicsLoss), a weighted sum of means over the batch:
///   torsion  ((phi - phi_0)_ijk)^2, over all 343 entries: a distance to the standard form, no derivative
///   det      (det g - 65/32)^2 with the contraction metric, whose determinant is 65/32 by construction
///   norm     ((phi_ikl phi_jkl - 6 delta_ij))^2, over all 49 entries
///   smooth   (d phi_012 / d x_a)^2, over the 7 coordinates
struct NotebookLoss {
  /// Order of the numbers in `terms`.
  enum Term { torsion, det, norm, smooth, total, det_mean, n_terms };

  LossWeights weights;
  double target_det = geometry::Constants::det_g;

  struct Value {
    at::Tensor loss;   ///< scalar to differentiate
    at::Tensor terms;  ///< (n_terms), detached
  };

  /// @param x (n, 7) points, float64, on the network's device
  /// @param n_batch points of the whole batch over all ranks: this rank's share of every mean is returned, so
  ///        that a sum over ranks gives the mean
  Value operator()(const model::Network& network, const at::Tensor& x, std::int64_t n_batch) const;
};

}  // namespace k7::train
