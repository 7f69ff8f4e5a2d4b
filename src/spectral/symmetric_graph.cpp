// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/symmetric_graph.hpp"

#include <algorithm>

namespace k7::spectral {
namespace {

struct Edge {
  GlobalIndex row;
  GlobalIndex column;
  double distance_sq;
};

/// The reverse of every edge whose end belongs to another rank, sent to that rank.
std::vector<Edge> receive_reverse_edges(const KnnGraph& graph, const std::vector<GlobalIndex>& row_starts,
                                        const parallel::Communicator& comm) {
  const auto n_ranks = static_cast<std::size_t>(comm.size());
  const auto is_local = [&](GlobalIndex row) {
    return row >= graph.row_begin && row < graph.row_begin + static_cast<GlobalIndex>(graph.n_local());
  };
  std::vector<std::size_t> counts(n_ranks, 0);
  for (const Neighbor& n : graph.neighbors)
    if (!is_local(n.row)) ++counts[static_cast<std::size_t>(row_owner(row_starts, n.row))];
  std::vector<std::size_t> next(n_ranks + 1, 0);
  for (std::size_t r = 0; r < n_ranks; ++r) next[r + 1] = next[r] + counts[r];
  std::vector<Edge> send(next[n_ranks]);
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    for (int m = 0; m < graph.k; ++m) {
      const Neighbor& n = graph.row(i)[m];
      if (is_local(n.row)) continue;
      send[next[static_cast<std::size_t>(row_owner(row_starts, n.row))]++] = {
          n.row, graph.row_begin + static_cast<GlobalIndex>(i), n.distance_sq};
    }
  }
  std::vector<std::size_t> received;
  return comm.exchange(send, counts, received);
}

/// Half-edges of every local row, with duplicates.
class RowBuilder {
 public:
  explicit RowBuilder(std::size_t n_rows) : offsets_(n_rows + 1, 0) {}

  void count(std::size_t row) { ++offsets_[row + 1]; }
  void allocate() {
    for (std::size_t i = 1; i < offsets_.size(); ++i) offsets_[i] += offsets_[i - 1];
    next_.assign(offsets_.begin(), offsets_.end() - 1);
    entries_.resize(offsets_.back());
  }
  void add(std::size_t row, GlobalIndex column, double distance_sq) {
    entries_[next_[row]++] = {column, distance_sq};
  }
  /// Sorts the rows and keeps one of equal columns, the one with the smaller distance: both ends of an edge
  /// compute it, in different order, and must agree to the bit.
  void finish(SymmetricGraph& graph) {
    graph.offsets.assign(1, 0);
    for (std::size_t row = 0; row + 1 < offsets_.size(); ++row) {
      const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(offsets_[row]);
      const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(offsets_[row + 1]);
      std::sort(begin, end);
      for (auto e = begin; e != end; ++e) {
        if (e != begin && e->first == (e - 1)->first) continue;
        graph.columns.push_back(e->first);
        graph.distance_sq.push_back(e->second);
      }
      graph.offsets.push_back(graph.columns.size());
    }
  }

 private:
  std::vector<std::size_t> offsets_;
  std::vector<std::size_t> next_;
  std::vector<std::pair<GlobalIndex, double>> entries_;
};

}  // namespace

int row_owner(const std::vector<GlobalIndex>& row_starts, GlobalIndex row) {
  return static_cast<int>(std::upper_bound(row_starts.begin(), row_starts.end(), row) - row_starts.begin()) -
         1;
}

SymmetricGraph symmetrize(const KnnGraph& graph, const parallel::Communicator& comm) {
  SymmetricGraph result;
  result.n_global = graph.n_global;
  result.row_starts = comm.all_gather(graph.row_begin);
  result.row_starts.push_back(graph.n_global);
  result.row_begin = graph.row_begin;
  result.ids = graph.ids;
  const auto incoming = receive_reverse_edges(graph, result.row_starts, comm);
  const auto n_local = graph.n_local();
  const auto local = [&](GlobalIndex row) { return static_cast<std::size_t>(row - graph.row_begin); };
  const auto is_local = [&](GlobalIndex row) { return row >= graph.row_begin && local(row) < n_local; };

  RowBuilder rows(n_local);
  for (std::size_t i = 0; i < n_local; ++i) {
    for (int m = 0; m < graph.k; ++m) {
      rows.count(i);
      if (is_local(graph.row(i)[m].row)) rows.count(local(graph.row(i)[m].row));
    }
  }
  for (const Edge& e : incoming) rows.count(local(e.row));
  rows.allocate();
  for (std::size_t i = 0; i < n_local; ++i) {
    for (int m = 0; m < graph.k; ++m) {
      const Neighbor& n = graph.row(i)[m];
      rows.add(i, n.row, n.distance_sq);
      if (is_local(n.row))
        rows.add(local(n.row), graph.row_begin + static_cast<GlobalIndex>(i), n.distance_sq);
    }
  }
  for (const Edge& e : incoming) rows.add(local(e.row), e.column, e.distance_sq);
  rows.finish(result);
  return result;
}

}  // namespace k7::spectral
