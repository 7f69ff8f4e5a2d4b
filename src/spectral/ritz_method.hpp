// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "spectral/graph/density.hpp"
#include "spectral/neighbors.hpp"

namespace k7::spectral {

/// Rayleigh-Ritz values of the first `count` eigenvalues with bars of two standard deviations. Where the points have no
/// densities, those of two neighbourhoods of different size are taken. Collective.
/// @param densities empty where the points have theirs; changes the cloud's densities meanwhile
SpectrumLimit ritz_limit(Run& run, PointCloud& cloud, const std::vector<DensityEstimate>& densities,
                         int count);

}  // namespace k7::spectral
