// SPDX-License-Identifier: Apache-2.0
//
// The exact k nearest neighbours of every point under d^2(i,j) = 1/2 v^T (g_i + g_j) v, where v is the frame
// displacement from i to j (symmetric in i and j), across ranks.
//
// How. Every rank orders its points by a tree of leaves and searches leaf against leaf (see
// knn_search.hpp, with the proof that no bound drops a neighbour). What it found limits what can still come:
// each query leaf goes with its largest limit to the ranks that may own nearer points, these answer with the
// points that are near enough to the leaf's box, the halo, and a second search looks at the halo. The d^2 of
// a pair is computed by one function in float64 without fused operations, so lists are the same bits on any
// number of ranks and threads and on any instruction set.
#pragma once

#include <cstdint>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "spectral/knn/leaf_tree.hpp"

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

/// This rank's rows of the directed graph. A neighbour is stored as a place: places below n_local() are this
/// rank's rows, place n_local() + h is ghost h, a row of another rank.
struct KnnGraph {
  int k = 0;
  GlobalIndex n_global = 0;
  GlobalIndex n_rows = 0;               ///< of the input, see PointCloud
  std::vector<GlobalIndex> row_starts;  ///< (ranks + 1) rank r owns rows [row_starts[r], row_starts[r+1])
  GlobalIndex row_begin = 0;
  std::vector<GlobalIndex> ids;       ///< (n_local) row of the input file
  std::vector<double> densities;      ///< (n_local) of the sampling, empty if unknown, as in PointCloud
  std::vector<double> boundary;       ///< (n_local) distance to it, empty without one, as in PointCloud
  std::vector<std::uint32_t> places;  ///< (n_local, k), nearer first, equal distances by row of the input
  std::vector<double> distance_sq;    ///< (n_local, k)
  double length_sq = 1.0;             ///< what distance_sq is to be multiplied by for the caller's units
  /// (n_local, k) Manifold::volume_factor of each displacement; empty where that is 1 everywhere
  std::vector<float> volume_factors;
  std::vector<GlobalIndex> ghost_rows;  ///< matrix row of each ghost
  std::vector<GlobalIndex> ghost_ids;   ///< input row of each ghost
  GlobalIndex n_halo = 0;               ///< points of other ranks that this rank had to look at

  std::size_t n_local() const { return ids.size(); }
  GlobalIndex row_of(std::uint32_t place) const {
    return place < n_local() ? row_begin + place : ghost_rows[place - n_local()];
  }
  GlobalIndex id_of(std::uint32_t place) const {
    return place < n_local() ? ids[place] : ghost_ids[place - n_local()];
  }
  /// The m-th nearest neighbour of local row i.
  Neighbor neighbor(std::size_t i, std::size_t m) const {
    const std::size_t entry = i * static_cast<std::size_t>(k) + m;
    return {distance_sq[entry], id_of(places[entry]), row_of(places[entry])};
  }
};

/// Collective. Each rank holds its own points and a halo of those points of other ranks that can be
/// neighbours. Needs n_global > k.
KnnGraph build_knn_graph(const IndexedCloud& own, const geometry::Manifold& manifold,
                         const geometry::Embedding& embedding, int k, const parallel::Communicator& comm,
                         int threads);

}  // namespace k7::spectral
