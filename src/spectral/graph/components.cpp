// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/components.hpp"

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

}  // namespace

Components connected_components(const SymmetricGraph& graph, int k, const parallel::Communicator& comm) {
  const std::size_t n = graph.n_local();
  LocalSets sets(n);
  const std::uint8_t level = graph.level_of(k);
  std::vector<std::pair<std::size_t, std::size_t>> links;  // (local row, ghost)
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t x = graph.offsets[i]; x < graph.offsets[i + 1]; ++x) {
      if (graph.levels[x] > level) continue;
      if (graph.places[x] < n)
        sets.join(i, graph.places[x]);
      else
        links.emplace_back(i, graph.places[x] - n);
    }
  }
  for (auto& link : links) link.first = sets.root(link.first);
  std::sort(links.begin(), links.end());
  links.erase(std::unique(links.begin(), links.end()), links.end());

  Components result;
  result.labels.resize(n);  // until the end only those of roots count
  for (std::size_t i = 0; i < n; ++i) result.labels[i] = graph.row_begin + static_cast<GlobalIndex>(i);
  const GhostExchange exchange(graph, comm);
  for (GlobalIndex changed = 1; comm.max(changed) > 0;) {
    const auto ghost_labels = exchange.values([&](std::size_t i) { return result.labels[sets.root(i)]; });
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
