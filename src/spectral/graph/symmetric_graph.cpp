// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/symmetric_graph.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace k7::spectral {
namespace {

/// What both directions of an edge have in common.
struct HalfEdge {
  double distance_sq;
  float volume_factor;
  std::uint8_t level;
};

/// An edge on its way to the owner of its row.
struct Message {
  GlobalIndex row;
  GlobalIndex column;
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

  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  /// Calls visit(i, entry, place) for those list entries i * k + m of local rows i that are edges.
  template <class F>
  void for_each_edge(const F& visit) const {
    const auto k = static_cast<std::size_t>(graph_.k);
    for (std::size_t entry = 0; entry < levels_.size(); ++entry)
      if (levels_[entry] < neighbors_.size()) visit(entry / k, entry, graph_.places[entry]);
  }

  /// The entry of a row's list that leads to a place and is an edge; none if there is none.
  std::size_t find(std::size_t row, std::uint32_t place) const {
    const auto k = static_cast<std::size_t>(graph_.k);
    const auto first = graph_.places.begin() + static_cast<std::ptrdiff_t>(row * k);
    const auto found = std::find(first, first + graph_.k, place);
    if (found == first + graph_.k) return none;
    const auto entry = static_cast<std::size_t>(found - graph_.places.begin());
    return levels_[entry] < neighbors_.size() ? entry : none;
  }

  HalfEdge half_edge(std::size_t entry) const {
    return {graph_.distance_sq[entry], graph_.volume_factors.empty() ? 1.0F : graph_.volume_factors[entry],
            levels_[entry]};
  }

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

/// The reverse of every edge whose end belongs to another rank, sent to that rank.
std::vector<Message> receive_reverse_edges(const KnnGraph& graph, const EdgeRule& rule,
                                           const parallel::Communicator& comm) {
  std::size_t n_sent = 0;
  rule.for_each_edge([&](std::size_t, std::size_t, std::uint32_t place) {
    if (place >= graph.n_local()) ++n_sent;
  });
  // Edges, not messages, which are made on the way: there are many, and a message takes four times as much.
  std::vector<int> owners;
  std::vector<std::size_t> entries;  // of the lists of neighbours
  owners.reserve(n_sent);
  entries.reserve(n_sent);
  rule.for_each_edge([&](std::size_t, std::size_t entry, std::uint32_t place) {
    if (place < graph.n_local()) return;
    owners.push_back(row_owner(graph.row_starts, graph.row_of(place)));
    entries.push_back(entry);
  });
  const parallel::Route route(owners, comm);
  std::vector<int>().swap(owners);
  return route.bring(1, [&](std::size_t sent, std::size_t) {
    const std::size_t entry = entries[sent];
    const GlobalIndex row =
        graph.row_begin + static_cast<GlobalIndex>(entry / static_cast<std::size_t>(graph.k));
    return Message{graph.row_of(graph.places[entry]), row, rule.half_edge(entry)};
  });
}

/// Both ends of an edge compute its numbers, in different order, and must agree to the bit: the smaller one counts.
HalfEdge joined(const HalfEdge& a, const HalfEdge& b) {
  return {std::min(a.distance_sq, b.distance_sq), std::min(a.volume_factor, b.volume_factor),
          std::min(a.level, b.level)};
}

/// The rows of the undirected graph, written where they stay: with the lists of neighbours they are most of the memory,
/// so that no edge is held twice on the way.
class RowBuilder {
 public:
  RowBuilder(const KnnGraph& lists, const EdgeRule& rule, const std::vector<Message>& incoming,
             SymmetricGraph& graph)
      : lists_(lists), rule_(rule), incoming_(incoming), graph_(graph) {}

  void build() {
    number_ghosts();
    find_mutual();
    allocate();
    add_own();
    add_incoming();
    for (std::size_t row = 0; row < lists_.n_local(); ++row) sort_row(row);
  }

 private:
  std::size_t n_local() const { return lists_.n_local(); }

  /// Ghosts are the ends of own edges and the senders of incoming ones.
  void number_ghosts() {
    std::vector<bool> is_used(lists_.ghost_rows.size(), false);
    rule_.for_each_edge([&](std::size_t, std::size_t, std::uint32_t place) {
      if (place >= n_local()) is_used[place - n_local()] = true;
    });
    auto& rows = graph_.ghost_rows;
    for (std::size_t ghost = 0; ghost < is_used.size(); ++ghost)
      if (is_used[ghost]) rows.push_back(lists_.ghost_rows[ghost]);
    for (const Message& m : incoming_) rows.push_back(m.column);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    for (std::size_t ghost = 0; ghost < is_used.size(); ++ghost) {
      const GlobalIndex row = lists_.ghost_rows[ghost];
      place_of_ghost_.push_back(is_used[ghost] ? place_of(row) : 0);
      if (is_used[ghost]) listed_ghosts_.emplace_back(row, static_cast<std::uint32_t>(n_local() + ghost));
    }
    std::sort(listed_ghosts_.begin(), listed_ghosts_.end());
  }

  /// Place in the new graph of another rank's row.
  std::uint32_t place_of(GlobalIndex row) const {
    const auto& rows = graph_.ghost_rows;
    return static_cast<std::uint32_t>(
        n_local() + static_cast<std::size_t>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin()));
  }

  std::uint32_t new_place(std::uint32_t place) const {
    return place < n_local() ? place : place_of_ghost_[place - n_local()];
  }

  /// The entry of an incoming edge's row that is the same edge; EdgeRule::none where there is none.
  std::size_t entry_of(const Message& m) const {
    const auto ghost = std::lower_bound(listed_ghosts_.begin(), listed_ghosts_.end(),
                                        std::make_pair(m.column, std::uint32_t{0}));
    if (ghost == listed_ghosts_.end() || ghost->first != m.column) return EdgeRule::none;
    return rule_.find(local_row(m), ghost->second);
  }

  std::size_t local_row(const Message& m) const { return static_cast<std::size_t>(m.row - lists_.row_begin); }

  /// Which edges stand in the lists of both their ends, and how many edges each row gets.
  void find_mutual() {
    is_mutual_.assign(lists_.places.size(), false);
    graph_.offsets.assign(n_local() + 1, 0);
    rule_.for_each_edge([&](std::size_t i, std::size_t entry, std::uint32_t place) {
      ++graph_.offsets[i + 1];
      if (place >= n_local()) return;
      is_mutual_[entry] = rule_.find(place, static_cast<std::uint32_t>(i)) != EdgeRule::none;
      if (!is_mutual_[entry]) ++graph_.offsets[place + std::size_t{1}];
    });
    for (const Message& m : incoming_)
      if (entry_of(m) == EdgeRule::none) ++graph_.offsets[local_row(m) + 1];
  }

  void allocate() {
    auto& offsets = graph_.offsets;
    for (std::size_t i = 1; i < offsets.size(); ++i) offsets[i] += offsets[i - 1];
    next_.assign(offsets.begin(), offsets.end() - 1);
    graph_.places.resize(offsets.back());
    graph_.distance_sq.resize(offsets.back());
    graph_.levels.resize(offsets.back());
    if (!lists_.volume_factors.empty()) graph_.volume_factors.resize(offsets.back());
  }

  HalfEdge edge(std::size_t e) const {
    return {graph_.distance_sq[e], graph_.volume_factors.empty() ? 1.0F : graph_.volume_factors[e],
            graph_.levels[e]};
  }

  void set(std::size_t e, const HalfEdge& edge) {
    graph_.distance_sq[e] = edge.distance_sq;
    graph_.levels[e] = edge.level;
    if (!graph_.volume_factors.empty()) graph_.volume_factors[e] = edge.volume_factor;
  }

  void add(std::size_t row, std::uint32_t place, const HalfEdge& edge) {
    const std::size_t e = next_[row]++;
    graph_.places[e] = place;
    set(e, edge);
  }

  /// Own entries, and the reverse of those that stand in one list only.
  void add_own() {
    rule_.for_each_edge([&](std::size_t i, std::size_t entry, std::uint32_t place) {
      const HalfEdge mine = rule_.half_edge(entry);
      const auto here = static_cast<std::uint32_t>(i);
      if (place >= n_local()) {
        add(i, new_place(place), mine);
      } else if (!is_mutual_[entry]) {
        add(i, place, mine);
        add(place, here, mine);
      } else if (here < place) {
        const HalfEdge both = joined(mine, rule_.half_edge(rule_.find(place, here)));
        add(i, place, both);
        add(place, here, both);
      }
    });
  }

  void add_incoming() {
    for (const Message& m : incoming_) {
      const std::size_t row = local_row(m);
      const std::uint32_t place = place_of(m.column);
      if (entry_of(m) == EdgeRule::none) {
        add(row, place, m.edge);
        continue;
      }
      std::size_t e = graph_.offsets[row];
      while (graph_.places[e] != place) ++e;
      set(e, joined(edge(e), m.edge));
    }
  }

  /// By matrix column, so that sums over a row do not depend on whose lists its edges come from.
  void sort_row(std::size_t row) {
    const std::size_t begin = graph_.offsets[row];
    row_.clear();
    for (std::size_t e = begin; e < graph_.offsets[row + 1]; ++e)
      row_.push_back({graph_.row_of(graph_.places[e]), graph_.places[e], edge(e)});
    std::sort(row_.begin(), row_.end(), [](const Place& a, const Place& b) { return a.column < b.column; });
    for (std::size_t e = 0; e < row_.size(); ++e) {
      graph_.places[begin + e] = row_[e].place;
      set(begin + e, row_[e].edge);
    }
  }

  struct Place {
    GlobalIndex column;
    std::uint32_t place;
    HalfEdge edge;
  };

  const KnnGraph& lists_;
  const EdgeRule& rule_;
  const std::vector<Message>& incoming_;
  SymmetricGraph& graph_;
  std::vector<std::uint32_t> place_of_ghost_;  // of each ghost of the lists that an edge leads to
  std::vector<std::pair<GlobalIndex, std::uint32_t>> listed_ghosts_;  // these, by row, with their old places
  std::vector<bool> is_mutual_;                                       // of each list entry
  std::vector<std::size_t> next_;                                     // of each row, where its next edge goes
  std::vector<Place> row_;
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
  return resolutions[level_of(k)].missing;
}

double SymmetricGraph::wrapped(int k) const {
  return resolutions.empty() ? 0.0 : resolutions[level_of(k)].wrapped;
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
  RowBuilder(graph, rule, incoming, result).build();
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
