// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "spectral/graph/symmetric_graph.hpp"

namespace k7::spectral {

/// Connected components; a component is labelled with its least row.
struct Components {
  GlobalIndex count = 0;
  std::vector<GlobalIndex> labels;  ///< (n_local)
};

/// Of the graph of k neighbours, k <= graph.k. Joins local rows first, then exchanges labels across ranks
/// until none changes. Collective.
Components connected_components(const SymmetricGraph& graph, int k, const parallel::Communicator& comm);

/// Numbers the first `limit` components 0, 1, ... in order of their labels: (n_local) the number of each
/// row's component, -1 for later ones. Collective.
std::vector<int> number_components(const Components& components, GlobalIndex row_begin, int limit,
                                   const parallel::Communicator& comm);

}  // namespace k7::spectral
