// SPDX-License-Identifier: Apache-2.0
//
// Points in, spectrum out.
#pragma once

#include <functional>
#include <vector>

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

/// A metric that is known everywhere: points (n, manifold.point_size()) -> metrics (n, 7, 7) in manifold.frame(), row by
/// row. Called with points of this rank, not collectively; what it throws ends the computation on all ranks.
using MetricFunction = std::function<std::vector<double>(const std::vector<double>& points)>;

/// The same of a metric that is known everywhere: Rayleigh-Ritz on nodes of K7's own choice, so that there is no noise of
/// samples. Several quadrature rules, turned against each other at random, show the error of the integrals. The basis
/// and the rules are made finer, once, where a bar is larger than options.accuracy of its eigenvalue. Collective.
/// @param options method automatic or ritz; source names the metric in messages
/// @throws CollectiveError for options without sense here, a manifold without rules, and metrics that are none
SpectrumReport compute_spectrum(const MetricFunction& metric, const geometry::Manifold& manifold,
                                const SpectrumOptions& options, const parallel::Communicator& comm,
                                Observer& observer);

}  // namespace k7::spectral
