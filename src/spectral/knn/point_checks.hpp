// SPDX-License-Identifier: Apache-2.0
//
// Points that no spectrum can be computed of, found before the work begins.
#pragma once

#include <string>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// Powers of ten that squared distances may have.
struct DistanceRange {
  double smallest;
  double largest;
};
/// Eigenvalues are the reciprocals of squared distances, and must be numbers.
constexpr DistanceRange any_units{-290.0, 290.0};
/// Where no units were taken out: bounds of the neighbour search are float32, and the eigensolver squares eigenvalues.
constexpr DistanceRange given_units{-100.0, 34.0};

/// Refuses coordinates and metrics whose squared distances leave a range. Collective.
/// @throws CollectiveError naming `source`, dataset and row
void require_measurable(const PointCloud& cloud, const geometry::Manifold& manifold,
                        const DistanceRange& range, const std::string& source,
                        const parallel::Communicator& comm);

/// Refuses whole leaves of points in one place, if there are more than `most` points in it: searching n
/// copies for neighbours costs n^2 distances, and all of these are zero. Fewer copies than a leaf holds are
/// not seen; they cost little. Collective.
/// @throws CollectiveError naming `source` and a row
void require_distinct(const IndexedCloud& points, int most, const std::string& source,
                      const parallel::Communicator& comm);

}  // namespace k7::spectral
