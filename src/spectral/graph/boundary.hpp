// SPDX-License-Identifier: Apache-2.0
//
// How far points are from the boundary of the region that they fill.
#pragma once

#include <vector>

#include "k7/geometry/manifold.hpp"
#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// Whether the space is open anywhere: products of circles and spheres have no boundary.
bool may_have_boundary(const geometry::Embedding& embedding);

/// (n_local) distances to the boundary, in the metric, infinite where none is within reach of the neighbours. Near a
/// boundary the neighbours lie on one side: their mean displacement points away from it, and is longer the nearer the
/// boundary (Berry and Sauer, Computational Statistics and Data Analysis 107, 2017). The direction is taken from the
/// mean displacements of all neighbours, because the single ones are noisy; the distance is the one that a plane
/// would have, see mean_height(). On curved boundaries and in corners, where more than half of the ball is missing,
/// it is that of the cap with the same mean, a negative number.
///
/// A slope of the density moves the mean as well, but leaves points on both sides: where neighbours lie clearly beyond
/// the plane, the farthest of them counts. Collective.
/// @param points those of the graph's rows, in their order
std::vector<double> boundary_distances(const KnnGraph& graph, const PointCloud& points,
                                       const geometry::Manifold& manifold, int threads,
                                       const parallel::Communicator& comm);

}  // namespace k7::spectral
