// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "k7/spectral/knn_graph.hpp"

namespace k7::spectral {

/// This rank's rows of the undirected graph: i and j are joined when either is among the other's k nearest.
struct SymmetricGraph {
  GlobalIndex n_global = 0;
  std::vector<GlobalIndex> row_starts;  ///< (ranks + 1) rank r owns rows [row_starts[r], row_starts[r+1])
  GlobalIndex row_begin = 0;
  std::vector<GlobalIndex> ids;      ///< (n_local) row of the input file
  std::vector<std::size_t> offsets;  ///< (n_local + 1)
  std::vector<GlobalIndex> columns;  ///< sorted within each row, no duplicates
  std::vector<double> distance_sq;   ///< of each edge, the same number in both directions

  std::size_t n_local() const { return ids.size(); }
};

/// The rank that owns a row.
int row_owner(const std::vector<GlobalIndex>& row_starts, GlobalIndex row);

/// Sends every edge that crosses ranks to the owner of its other end. Collective.
SymmetricGraph symmetrize(const KnnGraph& graph, const parallel::Communicator& comm);

}  // namespace k7::spectral
