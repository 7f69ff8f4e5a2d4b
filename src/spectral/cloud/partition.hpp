// SPDX-License-Identifier: Apache-2.0
//
// Gives each rank a compact region of space: recursive coordinate bisection of the embedded points. The
// points stay where they are until all cuts are known, then each moves once.
#pragma once

#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"

namespace k7::spectral {

/// e(p) of every point: (n_local, embedding.size()). Not collective.
std::vector<double> embed(const PointCloud& cloud, const geometry::Embedding& embedding);

/// The rank that each local point shall move to. Every rank gets floor or ceil of its even share of the
/// points, whatever the points are: equal coordinates are told apart by their row numbers. Collective.
std::vector<int> bisect(const PointCloud& cloud, const geometry::Embedding& embedding,
                        const parallel::Communicator& comm);

/// Moves every point to the rank that bisect() names. Collective.
PointCloud partition_points(PointCloud cloud, const geometry::Embedding& embedding,
                            const parallel::Communicator& comm);

}  // namespace k7::spectral
