// SPDX-License-Identifier: Apache-2.0
//
// How far the metric of the points is from one that is constant in the frame, whose spectrum is known exactly.
#pragma once

#include <optional>

#include "k7/parallel/communicator.hpp"
#include "k7/spectral/point_cloud.hpp"

namespace k7::spectral {

/// A constant metric g0 and how energies over volumes compare with its own. With A = sqrt(g) g^{-1}, B = sqrt(g) in the
/// frame, alpha g0^{-1} <= A <= alpha' g0^{-1} and beta' <= B <= beta over the points,
///     low = alpha / beta <= R_g(u) / R_0(u) <= alpha' / beta' = high
/// for every function u, if it holds between the points too. The same then holds for the k-th eigenvalues, by min-max.
struct NearConstant {
  geometry::Matrix7 metric;  ///< g0, in the frame of the points' metrics and in their units
  double low;                ///< at most 1
  double high;               ///< at least 1
};

/// The metric with g0^{-1} the mean of g^{-1} over the Riemannian volume, as the points with their densities have it;
/// without densities they are taken for uniform in the frame. Its eigenvalues are those of g to first order in the
/// difference, and the bounds need no density. None where high / low is above 1.2. Collective.
std::optional<NearConstant> near_constant(const PointCloud& cloud, const parallel::Communicator& comm);

}  // namespace k7::spectral
