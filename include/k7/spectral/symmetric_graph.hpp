// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "k7/spectral/knn_graph.hpp"

namespace k7::spectral {

/// This rank's rows of the undirected graph: i and j are joined when either is among the other's k nearest.
/// Since neighbours are sorted by distance, it holds the graphs of all smaller numbers of neighbours too:
/// edge e belongs to the graph of k' neighbours when levels[e] < k'.
struct SymmetricGraph {
  GlobalIndex n_global = 0;
  int k = 0;
  std::vector<GlobalIndex> row_starts;  ///< (ranks + 1) rank r owns rows [row_starts[r], row_starts[r+1])
  GlobalIndex row_begin = 0;
  std::vector<GlobalIndex> ids;       ///< (n_local) row of the input file
  std::vector<double> densities;      ///< (n_local) as in KnnGraph
  std::vector<std::size_t> offsets;   ///< (n_local + 1)
  std::vector<std::uint32_t> places;  ///< of each edge's other end, as in KnnGraph; by row, no duplicates
  std::vector<double> distance_sq;    ///< of each edge, the same number in both directions
  std::vector<std::uint16_t> levels;  ///< how many points are nearer, to that end of the edge where fewer are
  std::vector<float> volume_factors;  ///< as in KnnGraph; the same number in both directions
  std::vector<GlobalIndex> ghost_rows;  ///< ascending

  std::size_t n_local() const { return ids.size(); }
  GlobalIndex row_of(std::uint32_t place) const {
    return place < n_local() ? row_begin + place : ghost_rows[place - n_local()];
  }
};

/// The largest k that levels can tell apart.
inline constexpr int max_neighbors = 65535;

/// The rank that owns a row.
int row_owner(const std::vector<GlobalIndex>& row_starts, GlobalIndex row);

/// Sends every edge that crosses ranks to the owner of its other end.
/// Collective.
SymmetricGraph symmetrize(const KnnGraph& graph, const parallel::Communicator& comm);

/// Brings numbers from the owners of the ghosts, again and again.
class GhostExchange {
 public:
  /// Collective.
  GhostExchange(const SymmetricGraph& graph, const parallel::Communicator& comm);

  /// value_of(local row) of every ghost, as its owner has it. Collective.
  template <class F>
  auto values(const F& value_of) const {
    std::vector<decltype(value_of(std::size_t{0}))> send;
    send.reserve(send_rows_.size());
    for (const std::uint32_t row : send_rows_) send.push_back(value_of(std::size_t{row}));
    std::vector<std::size_t> received;
    return comm_.exchange(send, send_counts_, received);
  }
  /// Appends the ghosts' values to those of the local rows. Collective.
  void append_ghosts(std::vector<double>& local) const;

 private:
  const parallel::Communicator& comm_;
  std::vector<std::size_t> send_counts_;
  std::vector<std::uint32_t> send_rows_;
};

}  // namespace k7::spectral
