// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "spectral/knn/regions.hpp"
#include "spectral/run.hpp"

namespace k7::spectral {

/// Gives each rank a region of the points. Collective.
/// @param most_copies more points than this in one place are refused
Regions redistribute(Run& run, PointCloud cloud, int most_copies);

/// The graph of the k nearest neighbours, which the caller of compute_spectrum sees before it is returned. Collective.
KnnGraph find_neighbors(Run& run, const Regions& regions, int k);

}  // namespace k7::spectral
