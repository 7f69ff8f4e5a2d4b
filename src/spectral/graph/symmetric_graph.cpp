// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/symmetric_graph.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

namespace k7::spectral {
namespace {

/// One direction of an edge.
struct HalfEdge {
  GlobalIndex column;
  double distance_sq;
  float volume_factor;
  std::uint8_t level;
};

/// A half-edge on its way to the owner of its row.
struct Message {
  GlobalIndex row;
  HalfEdge edge;
};

/// Which entries of the lists of neighbours are edges, and of which graphs.
class EdgeRule {
 public:
  EdgeRule(const KnnGraph& graph, const std::vector<int>& neighbors, Join join,
           const parallel::Communicator& comm)
      : graph_(graph), join_(join), neighbors_(neighbors.begin(), neighbors.end()) {
    const auto radii_sq = join == Join::balanced ? radii(comm) : std::vector<double>{};
    levels_.reserve(graph.places.size());
    const auto k = static_cast<std::size_t>(graph.k);
    for (std::size_t entry = 0; entry < graph.places.size(); ++entry)
      levels_.push_back(level_of(entry / k, entry % k, radii_sq));
  }

  /// Calls visit(i, m, place, level) for those list entries m of local rows i that are edges.
  template <class F>
  void for_each_edge(const F& visit) const {
    const auto k = static_cast<std::size_t>(graph_.k);
    for (std::size_t i = 0; i < graph_.n_local(); ++i)
      for (std::size_t m = 0; m < k; ++m)
        if (levels_[i * k + m] < neighbors_.size()) visit(i, m, graph_.places[i * k + m], levels_[i * k + m]);
  }

  /// Of a list entry i * k + m: the first of the graphs that has it.
  std::uint8_t level(std::size_t entry) const { return levels_[entry]; }

 private:
  /// (places, graphs) r^2 of own rows and of ghosts.
  std::vector<double> radii(const parallel::Communicator& comm) const {
    std::vector<double> result;
    result.reserve((graph_.n_local() + graph_.ghost_rows.size()) * neighbors_.size());
    const auto own = [&](std::size_t i, std::size_t k) {
      return graph_.distance_sq[i * static_cast<std::size_t>(graph_.k) + k - 1];
    };
    for (std::size_t i = 0; i < graph_.n_local(); ++i)
      for (const std::size_t k : neighbors_) result.push_back(own(i, k));
    const GhostExchange exchange(graph_, comm);
    std::vector<std::vector<double>> of_ghosts;
    for (const std::size_t k : neighbors_)
      of_ghosts.push_back(exchange.values([&](std::size_t i) { return own(i, k); }));
    for (std::size_t ghost = 0; ghost < graph_.ghost_rows.size(); ++ghost)
      for (const auto& values : of_ghosts) result.push_back(values[ghost]);
    return result;
  }

  /// The first of the graphs that has entry m of row i as an edge; their number if none has.
  std::uint8_t level_of(std::size_t i, std::size_t m, const std::vector<double>& radii_sq) const {
    const std::size_t entry = i * static_cast<std::size_t>(graph_.k) + m;
    const double d_sq = graph_.distance_sq[entry];
    const std::size_t n_levels = neighbors_.size();
    const std::size_t own = i * n_levels;
    const std::size_t other = graph_.places[entry] * n_levels;
    const auto is_edge = [&](std::size_t level) {
      if (join_ == Join::either) return m < neighbors_[level];
      return 4 * m < neighbors_[level] || d_sq * d_sq <= radii_sq[own + level] * radii_sq[other + level];
    };
    std::size_t level = 0;
    while (level < n_levels && !is_edge(level)) ++level;
    return static_cast<std::uint8_t>(level);
  }

  const KnnGraph& graph_;
  Join join_;
  std::vector<std::size_t> neighbors_;
  std::vector<std::uint8_t> levels_;  // (n_local, graph.k)
};

HalfEdge half_edge(const KnnGraph& graph, std::size_t i, std::size_t m, GlobalIndex column,
                   std::uint8_t level) {
  const std::size_t entry = i * static_cast<std::size_t>(graph.k) + m;
  return {column, graph.distance_sq[entry], graph.volume_factors.empty() ? 1.0F : graph.volume_factors[entry],
          level};
}

/// The reverse of every edge whose end belongs to another rank, sent to that rank.
std::vector<Message> receive_reverse_edges(const KnnGraph& graph, const EdgeRule& rule,
                                           const parallel::Communicator& comm) {
  std::size_t n_sent = 0;
  rule.for_each_edge([&](std::size_t, std::size_t, std::uint32_t place, std::uint8_t) {
    if (place >= graph.n_local()) ++n_sent;
  });
  // Edges, not messages, which are made on the way: there are many, and a message takes four times as much.
  std::vector<int> owners;
  std::vector<std::size_t> entries;  // of the lists of neighbours
  owners.reserve(n_sent);
  entries.reserve(n_sent);
  const auto k = static_cast<std::size_t>(graph.k);
  rule.for_each_edge([&](std::size_t i, std::size_t m, std::uint32_t place, std::uint8_t) {
    if (place < graph.n_local()) return;
    owners.push_back(row_owner(graph.row_starts, graph.row_of(place)));
    entries.push_back(i * k + m);
  });
  const parallel::Route route(owners, comm);
  std::vector<int>().swap(owners);
  return route.bring(1, [&](std::size_t sent, std::size_t) {
    const std::size_t i = entries[sent] / k;
    const GlobalIndex row = graph.row_begin + static_cast<GlobalIndex>(i);
    return Message{graph.row_of(graph.places[entries[sent]]),
                   half_edge(graph, i, entries[sent] % k, row, rule.level(entries[sent]))};
  });
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

std::uint8_t SymmetricGraph::level_of(int k) const {
  const auto found = std::find(neighbors.begin(), neighbors.end(), k);
  if (found == neighbors.end())
    throw std::invalid_argument("no graph of " + std::to_string(k) + " neighbours");
  return static_cast<std::uint8_t>(found - neighbors.begin());
}

namespace {

std::vector<double> mean_squares(const KnnGraph& graph, const std::vector<int>& neighbors) {
  std::vector<double> result;
  result.reserve(graph.n_local() * neighbors.size());
  const auto width = static_cast<std::size_t>(graph.k);
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    double weight = 0.0;
    double square = 0.0;
    std::size_t m = 0;
    for (const int k : neighbors) {
      for (; m < static_cast<std::size_t>(k); ++m) {
        const std::size_t entry = i * width + m;
        const double w =
            graph.volume_factors.empty() ? 1.0 : 1.0 / bounded_factor(graph.volume_factors[entry]);
        weight += w;
        square += w * graph.distance_sq[entry];
      }
      result.push_back(square / weight);
    }
  }
  return result;
}

}  // namespace

double SymmetricGraph::shortest_sq(int k) const {
  if (resolutions.empty()) return std::numeric_limits<double>::infinity();
  const double length = resolutions[level_of(k)].shortest;
  return length * length;
}

double SymmetricGraph::calibration_doubt(int k) const {
  if (resolutions.empty()) return 0.0;
  const double thinness = resolutions[level_of(k)].thinness;
  return 0.5 * std::min(thinness, 1.0 - thinness) / geometry::dim;
}

SymmetricGraph symmetrize(const KnnGraph& graph, const std::vector<int>& neighbors, Join join,
                          const parallel::Communicator& comm) {
  SymmetricGraph result;
  result.n_global = graph.n_global;
  result.neighbors = neighbors;
  result.row_starts = graph.row_starts;
  result.row_begin = graph.row_begin;
  result.ids = graph.ids;
  result.densities = graph.densities;
  result.boundary = graph.boundary;
  if (join == Join::balanced) result.mean_squares = mean_squares(graph, neighbors);
  const EdgeRule rule(graph, neighbors, join, comm);
  const auto incoming = receive_reverse_edges(graph, rule, comm);
  const auto n_local = graph.n_local();
  const auto local = [&](const Message& m) { return static_cast<std::size_t>(m.row - graph.row_begin); };

  RowBuilder rows(n_local);
  rule.for_each_edge([&](std::size_t i, std::size_t, std::uint32_t place, std::uint8_t) {
    rows.count(i);
    if (place < n_local) rows.count(place);
  });
  for (const Message& m : incoming) rows.count(local(m));
  rows.allocate();
  rule.for_each_edge([&](std::size_t i, std::size_t m, std::uint32_t place, std::uint8_t level) {
    rows.add(i, half_edge(graph, i, m, graph.row_of(place), level));
    if (place < n_local)
      rows.add(place, half_edge(graph, i, m, graph.row_begin + static_cast<GlobalIndex>(i), level));
  });
  for (const Message& m : incoming) rows.add(local(m), m.edge);
  rows.join_duplicates();
  rows.move_to(result, !graph.volume_factors.empty());
  return result;
}

namespace {

std::vector<int> owners_of(const std::vector<GlobalIndex>& rows, const std::vector<GlobalIndex>& row_starts) {
  std::vector<int> owners;
  owners.reserve(rows.size());
  for (const GlobalIndex row : rows) owners.push_back(row_owner(row_starts, row));
  return owners;
}

}  // namespace

GhostExchange::GhostExchange(const std::vector<GlobalIndex>& ghost_rows,
                             const std::vector<GlobalIndex>& row_starts, GlobalIndex row_begin,
                             const parallel::Communicator& comm)
    : route_(owners_of(ghost_rows, row_starts), comm) {
  rows_.reserve(route_.n_arrivals());
  for (const GlobalIndex row : route_.forth(ghost_rows))
    rows_.push_back(static_cast<std::uint32_t>(row - row_begin));
}

void GhostExchange::append_ghosts(std::vector<double>& local) const {
  const auto ghosts = values([&](std::size_t i) { return local[i]; });
  local.insert(local.end(), ghosts.begin(), ghosts.end());
}

}  // namespace k7::spectral
