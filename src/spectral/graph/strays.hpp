// SPDX-License-Identifier: Apache-2.0
//
// Points that lie far from all others: one such row of a file makes an eigenvalue near zero of its own.
#pragma once

#include <string>
#include <vector>

#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// Points whose k-th neighbour is several times as far as those of its neighbours. A smooth density, and the thin
/// tails of a Gaussian, have none: in seven dimensions three times the distance is a density 2000 times lower.
struct Strays {
  GlobalIndex count = 0;
  std::vector<char> is_stray;  ///< (n_local)
  /// The first of them for people: "row 2999, whose neighbours are 40 times as far as theirs, ..."
  std::string examples;
  std::vector<GlobalIndex> rows;  ///< the first of them, ascending, the same on every rank
};

/// Collective.
Strays find_strays(const KnnGraph& graph, const parallel::Communicator& comm);

/// The points that are not strays; their ids stay. Collective.
PointCloud without(const PointCloud& cloud, const Strays& strays);

}  // namespace k7::spectral
