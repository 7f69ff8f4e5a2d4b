// SPDX-License-Identifier: Apache-2.0
//
// Points that no spectrum can be computed of, found before the work begins.
#pragma once

#include <string>

#include "k7/base/observer.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// Refuses coordinates and metrics whose squared distances leave the range of the numbers that they are
/// computed with, and warns of those that make it slow. Collective.
/// @throws CollectiveError naming `source`, dataset and row
void require_measurable(const PointCloud& cloud, const geometry::Manifold& manifold,
                        const std::string& source, const parallel::Communicator& comm, Observer& observer);

/// Refuses whole leaves of points in one place, if there are more than `most` points in it: searching n
/// copies for neighbours costs n^2 distances, and all of these are zero. Fewer copies than a leaf holds are
/// not seen; they cost little. Collective.
/// @throws CollectiveError naming `source` and a row
void require_distinct(const IndexedCloud& points, int most, const std::string& source,
                      const parallel::Communicator& comm);

}  // namespace k7::spectral
