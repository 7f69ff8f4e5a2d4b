// SPDX-License-Identifier: Apache-2.0
#include "parallel/tree_sum.hpp"

#include <utility>

namespace k7::parallel {
namespace {

void add_to(std::vector<double>& sum, const std::vector<double>& values) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
}

}  // namespace

void TreeSum::add(GlobalIndex item, std::vector<double> values) {
  push(nodes_, {0, item, std::move(values)});
}

/// Appends a node and joins what has become complete.
void TreeSum::push(std::vector<Node>& nodes, Node node) {
  nodes.push_back(std::move(node));
  while (nodes.size() > 1) {
    const Node& last = nodes.back();
    Node& before = nodes[nodes.size() - 2];
    const bool are_siblings =
        before.level == last.level && before.index % 2 == 0 && last.index == before.index + 1;
    if (!are_siblings) return;
    add_to(before.values, last.values);
    ++before.level;
    before.index /= 2;
    nodes.pop_back();
  }
}

/// Of the nodes of all items: where their number is no power of two, the last subtrees are joined from the
/// right.
std::vector<double> TreeSum::total(std::vector<Node> nodes, std::size_t size) {
  if (nodes.empty()) return std::vector<double>(size, 0.0);
  for (std::size_t i = nodes.size() - 1; i > 0; --i) add_to(nodes[i - 1].values, nodes[i].values);
  return std::move(nodes.front().values);
}

std::vector<double> TreeSum::finish_here() {
  return total(std::exchange(nodes_, {}), size_);
}

std::vector<double> TreeSum::finish(const Communicator& comm) {
  if (comm.size() == 1) return finish_here();
  const std::vector<Node> mine = std::exchange(nodes_, {});
  const auto ranks = static_cast<std::size_t>(comm.size());
  const auto slice = [&](std::size_t rank) {
    return even_rows(static_cast<GlobalIndex>(size_), static_cast<int>(rank), comm.size());
  };

  std::vector<GlobalIndex> places;  // level and index of each node, for every rank
  std::vector<double> send;
  std::vector<std::size_t> counts;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const RowRange rows = slice(rank);
    for (const Node& node : mine) {
      places.insert(places.end(), {node.level, node.index});
      send.insert(send.end(), node.values.begin() + rows.begin, node.values.begin() + rows.end);
    }
    counts.push_back(mine.size() * static_cast<std::size_t>(rows.count()));
  }
  std::vector<std::size_t> received;
  const auto all_places = comm.exchange(places, std::vector<std::size_t>(ranks, 2 * mine.size()), received);
  const auto all_values = comm.exchange(send, counts, received);

  const auto n = static_cast<std::size_t>(slice(static_cast<std::size_t>(comm.rank())).count());
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < all_places.size() / 2; ++i) {
    const auto begin = all_values.begin() + static_cast<std::ptrdiff_t>(i * n);
    push(nodes, {all_places[2 * i], all_places[2 * i + 1], {begin, begin + static_cast<std::ptrdiff_t>(n)}});
  }
  const std::vector<double> part = total(std::move(nodes), n);
  send.clear();
  for (std::size_t rank = 0; rank < ranks; ++rank) send.insert(send.end(), part.begin(), part.end());
  return comm.exchange(send, std::vector<std::size_t>(ranks, n), received);
}

}  // namespace k7::parallel
