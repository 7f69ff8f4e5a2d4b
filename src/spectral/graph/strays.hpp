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
  static constexpr std::size_t most_rows = 20;  ///< that are kept in results
  GlobalIndex count = 0;
  std::vector<char> is_stray;  ///< (n_local)
  /// The first of them for people: "row 2999, whose neighbours are 40 times as far as theirs, ..."
  std::string examples;
  std::vector<GlobalIndex> rows;  ///< the first of them, ascending, the same on every rank
};

/// The points whose remoteness, how many times as far as others they are, is above `far`. Collective.
/// @param ids (n_local) rows of the points
Strays strays_beyond(double far, const std::vector<double>& remoteness, const std::vector<GlobalIndex>& ids,
                     const parallel::Communicator& comm);

/// Collective.
Strays find_strays(const KnnGraph& graph, const parallel::Communicator& comm);

/// "s.h5: 1 of 3000 points lie far from all others: row 2999 (40 times as far)".
std::string description(const Strays& strays, GlobalIndex n_points, const std::string& source);

/// Many of them are no accident, and a graph with k neighbours must remain.
bool are_too_many(GlobalIndex n_strays, GlobalIndex n_points, int k);

/// The points that are not strays; their ids stay. Collective.
PointCloud without(const PointCloud& cloud, const Strays& strays);

}  // namespace k7::spectral
