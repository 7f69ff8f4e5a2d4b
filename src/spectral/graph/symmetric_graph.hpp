// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "parallel/route.hpp"
#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// The shape of the neighbourhoods of k points, in lengths of the metric. Where a direction of the space is shorter
/// than a neighbourhood, the neighbours fill all of it, and their mean square along it stays behind that along others.
/// Functions of low energy vary along the long directions.
struct Resolution {
  int k;
  /// The mean square of d along the longest directions, over the mean of all seven: 1 where all are resolved, 7/6 where
  /// one has no length at all.
  double stretch = 1.0;
  /// The part of it that is missing along the shortest direction: 0 to 1. The eigenvalues of functions that vary along
  /// that one are too low by so much.
  double missing = 0.0;
  /// Length of the shortest direction where a part is missing, otherwise infinite. Eigenfunctions that vary along it
  /// have eigenvalues of (pi / length)^2 and more.
  double shortest = std::numeric_limits<double>::infinity();
  double radius = 0.0;  ///< of a typical neighbourhood
  /// Where neighbourhoods just reach around a circle: the share of neighbours nearly half a period away, root of the sum
  /// of squares over the circles. 0 where they do not, and where they fill the circle evenly.
  double wrapped = 0.0;
};

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
  std::vector<GlobalIndex> ids;       ///< (n_local) row of the input file
  std::vector<double> densities;      ///< (n_local) as in KnnGraph
  std::vector<double> boundary;       ///< (n_local) as in KnnGraph
  std::vector<std::size_t> offsets;   ///< (n_local + 1)
  std::vector<std::uint32_t> places;  ///< of each edge's other end, as in KnnGraph; by row, no duplicates
  std::vector<double> distance_sq;    ///< of each edge, the same number in both directions
  /// (n_local, neighbors.size()) mean d^2 of the k nearest points of each row, with weights 1/J, see Laplacian
  std::vector<double> mean_squares;
  std::vector<Resolution> resolutions;  ///< (neighbors.size()) of each graph; empty where all is resolved
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
  /// Square of the shortest direction's length where the graph of k neighbours does not resolve it.
  double shortest_sq(int k) const;
  /// How far the calibration of the graph of k neighbours may be off, relative, for functions whose waves are short
  /// enough to vary along a direction that is not fully resolved.
  double calibration_doubt(int k) const;
  double wrapped(int k) const;  ///< see Resolution
};

/// A volume factor as weights take it. 1/J stops growing where J is very small: near a sphere's cut locus single edges
/// would outweigh all others. Displacements are that long only where there are very few points.
inline double bounded_factor(float volume_factor) {
  constexpr double smallest = 0.05;
  return std::max(smallest, double{volume_factor});
}

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
