// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "spectral/knn/regions.hpp"
#include "spectral/run.hpp"

namespace k7::spectral {

/// The points, each rank with a region of its own, and their nearest neighbours.
struct Neighborhoods {
  Regions regions;
  KnnGraph graph;
};

/// How points that are not like the others are treated.
struct PointPolicy {
  int most_copies;    ///< more points than this in one place are refused
  bool keeps_strays;  ///< see find_strays
  bool sees_boundary = true;
};

/// Gives each rank a region of the points and finds the k nearest neighbours of each, without strays unless the
/// policy keeps them. The caller of compute_spectrum sees the graph before it is returned. Collective.
Neighborhoods find_neighborhoods(Run& run, PointCloud cloud, const PointPolicy& policy, int k);

}  // namespace k7::spectral
