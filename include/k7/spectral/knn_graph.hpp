// SPDX-License-Identifier: Apache-2.0
//
// The exact k nearest neighbours of every point under d^2(i,j) = 1/2 v^T (g_i + g_j) v, where v is the frame
// displacement from i to j (symmetric in i and j), across ranks.
//
// Why pruning keeps the result exact. Let D be the embedding's reference metric and mu_i the least
// generalised eigenvalue of g_i against D, so v^T g_i v >= mu_i v^T D v for all v. The embedding never
// stretches, |e_i - e_j|^2 <= v^T D v. Together
//     d^2(i,j) = 1/2 v^T g_i v + 1/2 v^T g_j v >= 1/2 (mu_i + mu_j) |e_i - e_j|^2.
// For sets Q and T of points in boxes, replacing mu by its minimum over each set and |e_i - e_j| by the
// distance of the boxes only lowers the right side, so 1/2 (mu_Q + mu_T) dist^2(Q,T) bounds d^2 for every
// pair from below. A pair is dropped only when its bound exceeds the current k-th smallest d^2 of the query,
// which only falls later on; so no pair that belongs to the answer is dropped. Rounding is covered by the
// margins in knn_graph.cpp.
#pragma once

#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/leaf_tree.hpp"
#include "k7/spectral/point_cloud.hpp"

namespace k7::spectral {

/// Points in the order of their search tree, numbered with the rows of the matrix to come.
struct IndexedCloud {
  PointCloud cloud;
  std::vector<GlobalIndex> rows;  ///< (n) global row of each point; consecutive for a rank's own points
  LeafTree tree;
};

/// Orders a rank's points by a search tree and numbers them: rows of rank r follow those of rank r-1.
/// Collective.
/// @param threads OpenMP threads to use
IndexedCloud index_points(PointCloud cloud, const geometry::Embedding& embedding,
                          const parallel::Communicator& comm, int threads);

struct Neighbor {
  double distance_sq;
  GlobalIndex id;   ///< row in the input file
  GlobalIndex row;  ///< row in the matrix
};

/// Nearer first; equal distances by input row.
inline bool operator<(const Neighbor& a, const Neighbor& b) {
  return a.distance_sq < b.distance_sq || (a.distance_sq == b.distance_sq && a.id < b.id);
}

/// This rank's rows of the directed graph.
struct KnnGraph {
  int k = 0;
  GlobalIndex n_global = 0;
  GlobalIndex row_begin = 0;
  std::vector<GlobalIndex> ids;     ///< (n_local) row of the input file
  std::vector<Neighbor> neighbors;  ///< (n_local, k), sorted
  GlobalIndex n_halo = 0;           ///< points of other ranks that this rank had to look at

  std::size_t n_local() const { return ids.size(); }
  const Neighbor* row(std::size_t i) const { return neighbors.data() + i * static_cast<std::size_t>(k); }
};

/// Collective. Each rank holds its own points and a halo of those points of other ranks that can be
/// neighbours. Needs n_global > k.
KnnGraph build_knn_graph(const IndexedCloud& own, const geometry::Manifold& manifold,
                         const geometry::Embedding& embedding, int k, const parallel::Communicator& comm,
                         int threads);

}  // namespace k7::spectral
