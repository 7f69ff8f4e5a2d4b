// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/symmetric_graph.hpp"

#include <algorithm>

namespace k7::spectral {
namespace {

/// One direction of an edge.
struct HalfEdge {
  GlobalIndex column;
  double distance_sq;
  float volume_factor;
  std::uint16_t level;
};

/// A half-edge on its way to the owner of its row.
struct Message {
  GlobalIndex row;
  HalfEdge edge;
};

HalfEdge half_edge(const KnnGraph& graph, std::size_t i, std::size_t m, GlobalIndex column) {
  const std::size_t entry = i * static_cast<std::size_t>(graph.k) + m;
  return {column, graph.distance_sq[entry], graph.volume_factors.empty() ? 1.0F : graph.volume_factors[entry],
          static_cast<std::uint16_t>(m)};
}

/// The reverse of every edge whose end belongs to another rank, sent to that rank.
std::vector<Message> receive_reverse_edges(const KnnGraph& graph, const parallel::Communicator& comm) {
  const auto n_ranks = static_cast<std::size_t>(comm.size());
  const auto k = static_cast<std::size_t>(graph.k);
  const auto owner = [&](std::uint32_t place) {
    return static_cast<std::size_t>(row_owner(graph.row_starts, graph.row_of(place)));
  };
  std::vector<std::size_t> counts(n_ranks, 0);
  for (const std::uint32_t place : graph.places)
    if (place >= graph.n_local()) ++counts[owner(place)];
  std::vector<std::size_t> next(n_ranks + 1, 0);
  for (std::size_t r = 0; r < n_ranks; ++r) next[r + 1] = next[r] + counts[r];
  std::vector<Message> send(next[n_ranks]);
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    for (std::size_t m = 0; m < k; ++m) {
      const std::uint32_t place = graph.places[i * k + m];
      if (place < graph.n_local()) continue;
      send[next[owner(place)]++] = {graph.row_of(place),
                                    half_edge(graph, i, m, graph.row_begin + static_cast<GlobalIndex>(i))};
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
    edges_.resize(offsets_.back());
  }
  void add(std::size_t row, const HalfEdge& edge) { edges_[next_[row]++] = edge; }

  /// Sorts the rows and joins equal columns. Both ends of an edge compute its numbers, in different order,
  /// and must agree to the bit: the smaller one counts.
  void join_duplicates() {
    std::size_t written = 0;
    std::size_t begin = 0;
    for (std::size_t row = 0; row + 1 < offsets_.size(); ++row) {
      const auto first = edges_.begin() + static_cast<std::ptrdiff_t>(begin);
      begin = offsets_[row + 1];
      const auto last = edges_.begin() + static_cast<std::ptrdiff_t>(begin);
      std::sort(first, last, [](const HalfEdge& a, const HalfEdge& b) { return a.column < b.column; });
      const std::size_t row_begin = written;
      for (auto e = first; e != last; ++e) {
        if (written > row_begin && edges_[written - 1].column == e->column)
          join(edges_[written - 1], *e);
        else
          edges_[written++] = *e;
      }
      offsets_[row + 1] = written;
    }
    edges_.resize(written);
  }

  void move_to(SymmetricGraph& graph, bool has_factors) {
    graph.offsets = std::move(offsets_);
    const auto n_local = static_cast<GlobalIndex>(graph.n_local());
    const auto is_local = [&](GlobalIndex row) {
      return row >= graph.row_begin && row < graph.row_begin + n_local;
    };
    for (const HalfEdge& e : edges_)
      if (!is_local(e.column)) graph.ghost_rows.push_back(e.column);
    std::sort(graph.ghost_rows.begin(), graph.ghost_rows.end());
    graph.ghost_rows.erase(std::unique(graph.ghost_rows.begin(), graph.ghost_rows.end()),
                           graph.ghost_rows.end());
    graph.places.reserve(edges_.size());
    graph.distance_sq.reserve(edges_.size());
    graph.levels.reserve(edges_.size());
    for (const HalfEdge& e : edges_) {
      const auto ghost = std::lower_bound(graph.ghost_rows.begin(), graph.ghost_rows.end(), e.column) -
                         graph.ghost_rows.begin();
      graph.places.push_back(
          static_cast<std::uint32_t>(is_local(e.column) ? e.column - graph.row_begin : n_local + ghost));
      graph.distance_sq.push_back(e.distance_sq);
      graph.levels.push_back(e.level);
      if (has_factors) graph.volume_factors.push_back(e.volume_factor);
    }
  }

 private:
  static void join(HalfEdge& kept, const HalfEdge& other) {
    kept.distance_sq = std::min(kept.distance_sq, other.distance_sq);
    kept.volume_factor = std::min(kept.volume_factor, other.volume_factor);
    kept.level = std::min(kept.level, other.level);
  }

  std::vector<std::size_t> offsets_;
  std::vector<std::size_t> next_;
  std::vector<HalfEdge> edges_;
};

}  // namespace

int row_owner(const std::vector<GlobalIndex>& row_starts, GlobalIndex row) {
  return static_cast<int>(std::upper_bound(row_starts.begin(), row_starts.end(), row) - row_starts.begin()) -
         1;
}

SymmetricGraph symmetrize(const KnnGraph& graph, const parallel::Communicator& comm) {
  SymmetricGraph result;
  result.n_global = graph.n_global;
  result.k = graph.k;
  result.row_starts = graph.row_starts;
  result.row_begin = graph.row_begin;
  result.ids = graph.ids;
  result.densities = graph.densities;
  const auto incoming = receive_reverse_edges(graph, comm);
  const auto n_local = graph.n_local();
  const auto k = static_cast<std::size_t>(graph.k);
  const auto local = [&](const Message& m) { return static_cast<std::size_t>(m.row - graph.row_begin); };

  RowBuilder rows(n_local);
  for (std::size_t e = 0; e < graph.places.size(); ++e) {
    rows.count(e / k);
    if (graph.places[e] < n_local) rows.count(graph.places[e]);
  }
  for (const Message& m : incoming) rows.count(local(m));
  rows.allocate();
  for (std::size_t i = 0; i < n_local; ++i) {
    for (std::size_t m = 0; m < k; ++m) {
      const std::uint32_t place = graph.places[i * k + m];
      rows.add(i, half_edge(graph, i, m, graph.row_of(place)));
      if (place < n_local)
        rows.add(place, half_edge(graph, i, m, graph.row_begin + static_cast<GlobalIndex>(i)));
    }
  }
  for (const Message& m : incoming) rows.add(local(m), m.edge);
  rows.join_duplicates();
  rows.move_to(result, !graph.volume_factors.empty());
  return result;
}

GhostExchange::GhostExchange(const SymmetricGraph& graph, const parallel::Communicator& comm)
    : comm_(comm), send_counts_(static_cast<std::size_t>(comm.size()), 0) {
  std::vector<std::size_t> wanted(send_counts_.size(), 0);
  for (const GlobalIndex row : graph.ghost_rows)
    ++wanted[static_cast<std::size_t>(row_owner(graph.row_starts, row))];
  for (const GlobalIndex row : comm.exchange(graph.ghost_rows, wanted, send_counts_))
    send_rows_.push_back(static_cast<std::uint32_t>(row - graph.row_begin));
}

void GhostExchange::append_ghosts(std::vector<double>& local) const {
  const auto ghosts = values([&](std::size_t i) { return local[i]; });
  local.insert(local.end(), ghosts.begin(), ghosts.end());
}

}  // namespace k7::spectral
