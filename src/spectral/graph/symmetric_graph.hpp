// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/route.hpp"
#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// Which points are joined by an edge.
enum class Join {
  /// d^2_ij <= r_i r_j, r the distance of the k-th neighbour: to first order the ball around the middle of
  /// the edge whose radius the density has there. An edge to one of the k/4 nearest neighbours of either end
  /// is kept in any case, so that no point is alone; in a density that varies little over a neighbourhood all
  /// of these satisfy the inequality.
  balanced,
  /// Either point is among the other's k nearest: d_ij <= max(r_i, r_j). The maximum has a kink at r_i = r_j:
  /// where the density has a gradient, edges along it are too long, and eigenvalues err by O(h), not O(h^2).
  either
};

/// This rank's rows of the undirected graphs of several numbers of neighbours. Since neighbours are sorted by
/// distance, one list holds them all; with more neighbours no edge goes away.
struct SymmetricGraph {
  GlobalIndex n_global = 0;
  std::vector<int> neighbors;           ///< k of each graph, ascending
  std::vector<GlobalIndex> row_starts;  ///< (ranks + 1) rank r owns rows [row_starts[r], row_starts[r+1])
  GlobalIndex row_begin = 0;
  std::vector<GlobalIndex> ids;         ///< (n_local) row of the input file
  std::vector<double> densities;        ///< (n_local) as in KnnGraph
  std::vector<std::size_t> offsets;     ///< (n_local + 1)
  std::vector<std::uint32_t> places;    ///< of each edge's other end, as in KnnGraph; by row, no duplicates
  std::vector<double> distance_sq;      ///< of each edge, the same number in both directions
  std::vector<std::uint8_t> levels;     ///< of each edge, the first of the graphs that has it
  std::vector<float> volume_factors;    ///< as in KnnGraph; the same number in both directions
  std::vector<GlobalIndex> ghost_rows;  ///< ascending

  std::size_t n_local() const { return ids.size(); }
  GlobalIndex row_of(std::uint32_t place) const {
    return place < n_local() ? row_begin + place : ghost_rows[place - n_local()];
  }
  /// Edge e belongs to the graph of k neighbours when levels[e] <= level_of(k).
  /// @throws std::invalid_argument when there is no graph of k neighbours
  std::uint8_t level_of(int k) const;
};

/// The rank that owns a row.
int row_owner(const std::vector<GlobalIndex>& row_starts, GlobalIndex row);

/// Sends every edge that crosses ranks to the owner of its other end. Collective.
/// @param neighbors ascending, each at most graph.k, at most 254 numbers
SymmetricGraph symmetrize(const KnnGraph& graph, const std::vector<int>& neighbors, Join join,
                          const parallel::Communicator& comm);

/// Brings numbers from the owners of the ghosts, again and again.
class GhostExchange {
 public:
  /// Collective.
  /// @param graph a KnnGraph or a SymmetricGraph
  template <class Graph>
  GhostExchange(const Graph& graph, const parallel::Communicator& comm)
      : GhostExchange(graph.ghost_rows, graph.row_starts, graph.row_begin, comm) {}

  /// value_of(local row) of every ghost, as its owner has it. Collective.
  template <class F>
  auto values(const F& value_of) const {
    std::vector<decltype(value_of(std::size_t{0}))> send;
    send.reserve(rows_.size());
    for (const std::uint32_t row : rows_) send.push_back(value_of(std::size_t{row}));
    return route_.back(send);
  }
  /// Appends the ghosts' values to those of the local rows. Collective.
  void append_ghosts(std::vector<double>& local) const;

 private:
  GhostExchange(const std::vector<GlobalIndex>& ghost_rows, const std::vector<GlobalIndex>& row_starts,
                GlobalIndex row_begin, const parallel::Communicator& comm);

  parallel::Route route_;            ///< from those who have ghosts to their owners; values go back
  std::vector<std::uint32_t> rows_;  ///< local rows that other ranks want, as they come
};

}  // namespace k7::spectral
