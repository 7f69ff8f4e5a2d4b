// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/components.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace k7::spectral {
namespace {

/// Union-find over local rows; the least row is the root.
class LocalSets {
 public:
  explicit LocalSets(std::size_t n) : parent_(n) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = root(a);
    b = root(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::size_t> parent_;
};

/// Brings values of other ranks' rows here, again and again for the same rows.
class GhostRows {
 public:
  GhostRows(const SymmetricGraph& graph, std::vector<GlobalIndex> rows, const parallel::Communicator& comm)
      : row_begin_(graph.row_begin), comm_(comm) {
    std::vector<std::size_t> counts(static_cast<std::size_t>(comm.size()), 0);
    for (const GlobalIndex row : rows) ++counts[static_cast<std::size_t>(row_owner(graph.row_starts, row))];
    wanted_ = comm.exchange(rows, counts, wanted_counts_);  // rows are sorted, hence in rank order
  }

  template <class F>
  std::vector<GlobalIndex> values(const F& value_of_local_row) const {
    std::vector<GlobalIndex> send;
    send.reserve(wanted_.size());
    for (const GlobalIndex row : wanted_)
      send.push_back(value_of_local_row(static_cast<std::size_t>(row - row_begin_)));
    std::vector<std::size_t> received;
    return comm_.exchange(send, wanted_counts_, received);
  }

 private:
  GlobalIndex row_begin_;
  const parallel::Communicator& comm_;
  std::vector<GlobalIndex> wanted_;
  std::vector<std::size_t> wanted_counts_;
};

void sort_unique(std::vector<GlobalIndex>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

Components connected_components(const SymmetricGraph& graph, const parallel::Communicator& comm) {
  const std::size_t n = graph.n_local();
  const auto is_local = [&](GlobalIndex c) {
    return c >= graph.row_begin && c < graph.row_begin + static_cast<GlobalIndex>(n);
  };
  LocalSets sets(n);
  std::vector<GlobalIndex> ghosts;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t x = graph.offsets[i]; x < graph.offsets[i + 1]; ++x) {
      const GlobalIndex c = graph.columns[x];
      if (is_local(c)) {
        sets.join(i, static_cast<std::size_t>(c - graph.row_begin));
      } else {
        ghosts.push_back(c);
      }
    }
  }
  sort_unique(ghosts);

  std::vector<std::pair<std::size_t, std::size_t>> links;  // (local root, ghost) once each
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t x = graph.offsets[i]; x < graph.offsets[i + 1]; ++x)
      if (!is_local(graph.columns[x]))
        links.emplace_back(sets.root(i),
                           std::lower_bound(ghosts.begin(), ghosts.end(), graph.columns[x]) - ghosts.begin());
  std::sort(links.begin(), links.end());
  links.erase(std::unique(links.begin(), links.end()), links.end());

  Components result;
  result.labels.resize(n);  // until the end only those of roots count
  for (std::size_t i = 0; i < n; ++i) result.labels[i] = graph.row_begin + static_cast<GlobalIndex>(i);
  const GhostRows ghost_rows(graph, ghosts, comm);
  for (GlobalIndex changed = 1; comm.max(changed) > 0;) {
    const auto ghost_labels = ghost_rows.values([&](std::size_t i) { return result.labels[sets.root(i)]; });
    changed = 0;
    for (const auto& [root, ghost] : links) {
      if (ghost_labels[ghost] >= result.labels[root]) continue;
      result.labels[root] = ghost_labels[ghost];
      changed = 1;
    }
  }
  GlobalIndex own = 0;
  for (std::size_t i = 0; i < n; ++i) {
    result.labels[i] = result.labels[sets.root(i)];
    if (result.labels[i] == graph.row_begin + static_cast<GlobalIndex>(i)) ++own;
  }
  result.count = comm.sum(own);
  return result;
}

std::vector<int> number_components(const Components& components, GlobalIndex row_begin, int limit,
                                   const parallel::Communicator& comm) {
  std::vector<GlobalIndex> own;  // labels that are rows of this rank, ascending
  for (std::size_t i = 0; i < components.labels.size(); ++i)
    if (components.labels[i] == row_begin + static_cast<GlobalIndex>(i)) own.push_back(components.labels[i]);
  const GlobalIndex before = comm.exclusive_scan(static_cast<GlobalIndex>(own.size()));
  const GlobalIndex room = std::max(GlobalIndex{0}, limit - before);
  own.resize(static_cast<std::size_t>(std::min(room, static_cast<GlobalIndex>(own.size()))));

  std::vector<GlobalIndex> send;
  for (int r = 0; r < comm.size(); ++r) send.insert(send.end(), own.begin(), own.end());
  std::vector<std::size_t> received;
  const auto first = comm.exchange(
      send, std::vector<std::size_t>(static_cast<std::size_t>(comm.size()), own.size()), received);
  std::vector<int> numbers(components.labels.size(), -1);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto found = std::lower_bound(first.begin(), first.end(), components.labels[i]);
    if (found != first.end() && *found == components.labels[i])
      numbers[i] = static_cast<int>(found - first.begin());
  }
  return numbers;
}

}  // namespace k7::spectral
