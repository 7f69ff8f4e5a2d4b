// SPDX-License-Identifier: Apache-2.0
//
// Which directions of the space the neighbourhoods resolve.
#pragma once

#include <vector>

#include "k7/geometry/manifold.hpp"
#include "spectral/graph/displacements.hpp"

namespace k7::spectral {

/// One for each number of neighbours, from the second moments of displacements in orthonormal frames, over points that
/// are not near a boundary. A direction is thin where two fifths of the mean are missing. Collective.
std::vector<Resolution> measure_resolution(const KnnGraph& graph, const PointCloud& points,
                                           const geometry::Manifold& manifold,
                                           const std::vector<int>& neighbors,
                                           const parallel::Communicator& comm);

}  // namespace k7::spectral
