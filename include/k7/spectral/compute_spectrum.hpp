// SPDX-License-Identifier: Apache-2.0
//
// Points in, spectrum out.
#pragma once

#include <functional>

#include "k7/base/observer.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "k7/spectral/spectrum.hpp"
#include "k7/spectral/spectrum_options.hpp"

namespace k7::spectral {

struct KnnGraph;

/// Called with the nearest neighbours before they are made into a matrix, on all ranks at once, so that it may be
/// collective; not called by methods that have no neighbours.
using NeighborsFound = std::function<void(const KnnGraph&)>;

/// The smallest eigenvalues of the Laplace-Beltrami operator -Delta of the points' metric, functions free at
/// boundaries (Neumann), with error bars; eigenvalues have the unit 1/length^2 of the metric. Needs a Session;
/// works on any communicator of its processes. Collective.
/// @param cloud this rank's share of the points, see read_points
/// @throws CollectiveError for options, points and ranks that do not go together
SpectrumReport compute_spectrum(PointCloud cloud, const geometry::Manifold& manifold,
                                const SpectrumOptions& options, const parallel::Communicator& comm,
                                Observer& observer, const NeighborsFound& neighbors_found = {});

}  // namespace k7::spectral
