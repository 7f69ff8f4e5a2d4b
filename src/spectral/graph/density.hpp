// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// A density of the points against the Riemannian volume, up to a factor.
struct DensityEstimate {
  std::vector<double> values;  ///< (n_local)
  /// Mean squared distance of the neighbours that it comes from: it is a mean over balls of this size, and differs
  /// from the density by a part of that order.
  double mean_distance_sq;
  /// How much of the neighbourhoods lies beyond the boundary: the mean of -log(share kept) over the volume.
  double mean_cut;
};

/// The density that the distances of the k nearest neighbours show: their mean square is (p F)^{-2/7}, F the share of
/// their ball that is not beyond the boundary. Collective.
DensityEstimate estimate_density(const KnnGraph& graph, int k, const parallel::Communicator& comm);

/// Two estimates from neighbourhoods of different size, the smaller one first. Collective.
std::vector<DensityEstimate> estimate_densities(const KnnGraph& graph, const parallel::Communicator& comm);

}  // namespace k7::spectral
