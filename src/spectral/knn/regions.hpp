// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// Points in compact regions, one for each rank, in the order of its search tree.
struct Regions {
  std::unique_ptr<geometry::Embedding> embedding;
  IndexedCloud points;
};

/// Gives each rank a region of the points and orders it. Collective.
/// @param threads OpenMP threads to use
Regions make_regions(PointCloud cloud, const geometry::Manifold& manifold, const parallel::Communicator& comm,
                     int threads);

}  // namespace k7::spectral
