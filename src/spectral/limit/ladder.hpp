// SPDX-License-Identifier: Apache-2.0
//
// The same spectrum on graphs of several numbers of neighbours and on half of the points: what the limits
// k -> infinity and N -> infinity are computed from.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "spectral/graph/symmetric_graph.hpp"
#include "spectral/knn/knn_graph.hpp"
#include "spectral/solve/eigensolver.hpp"

namespace k7::spectral {

/// Numbers of neighbours of the graphs of all points and of both halves: k and 3 k. Rungs of the same points share their
/// noise, so that more of them cost time and tell hardly more: with 3/4 k, k, 3/2 k, 2 k, 3 k, limits were as far from the
/// truth, and took twice the edges.
std::vector<int> ladder_neighbors(int k);

/// A rung without its eigenvalues and components. @param part 0, 1 or 2
Rung rung_of(const SymmetricGraph& graph, const Laplacian& laplacian, int k, int part);

/// What all rungs have in common.
struct LadderOptions {
  EigenOptions eigen;
  std::string source;  ///< name of the input file, for messages
  Device device = Device::cpu;
};

/// Spectra of graphs of fewer neighbours, all out of one. Collective.
/// @param neighbors each one of graph.neighbors
/// @param done called after each rung
std::vector<Rung> climb(const SymmetricGraph& graph, const std::vector<int>& neighbors, int part,
                        const LadderOptions& options, const parallel::Communicator& comm,
                        const std::function<void(const Rung&)>& done);

/// The points of one half, chosen by a hash of their input rows: part 1 and part 2 have no point in common
/// and together have all. They stay on their ranks. Collective.
PointCloud half_sample(const PointCloud& cloud, int part, const parallel::Communicator& comm);

}  // namespace k7::spectral
