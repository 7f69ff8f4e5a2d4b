// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/strays.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "spectral/graph/symmetric_graph.hpp"

namespace k7::spectral {
namespace {

constexpr double far_in_distances = 3.0;
constexpr std::size_t most_examples = 3;  // that are named in messages

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// (n_local) how many times farther a point's last neighbour is than the last ones of its neighbours, their median.
std::vector<double> remoteness(const KnnGraph& graph, const parallel::Communicator& comm) {
  const auto k = static_cast<std::size_t>(graph.k);
  std::vector<double> reach(graph.n_local());
  for (std::size_t i = 0; i < reach.size(); ++i) reach[i] = graph.distance_sq[i * k + k - 1];
  GhostExchange(graph, comm).append_ghosts(reach);
  std::vector<double> result(graph.n_local());
  std::vector<double> others(k);
  for (std::size_t i = 0; i < result.size(); ++i) {
    for (std::size_t m = 0; m < k; ++m) others[m] = reach[graph.places[i * k + m]];
    const double typical = median(others);
    result[i] = typical > 0.0 ? std::sqrt(reach[i] / typical) : 0.0;
  }
  return result;
}

}  // namespace

Strays strays_beyond(double far, const std::vector<double>& remote, const std::vector<GlobalIndex>& ids,
                     const parallel::Communicator& comm) {
  Strays strays;
  strays.is_stray.resize(remote.size());
  std::vector<std::pair<GlobalIndex, double>> mine;
  for (std::size_t i = 0; i < remote.size(); ++i) {
    strays.is_stray[i] = remote[i] > far ? 1 : 0;
    if (strays.is_stray[i] != 0) mine.emplace_back(ids[i], remote[i]);
  }
  strays.count = comm.sum(static_cast<GlobalIndex>(mine.size()));
  std::sort(mine.begin(), mine.end());
  constexpr GlobalIndex none = std::numeric_limits<GlobalIndex>::max();
  for (std::size_t next = 0; strays.rows.size() < Strays::most_rows;) {
    const GlobalIndex own = next < mine.size() ? mine[next].first : none;
    const GlobalIndex row = comm.min(own);
    if (row == none) break;
    const double factor = comm.max(own == row ? mine[next++].second : 0.0);
    if (strays.rows.size() < most_examples)
      strays.examples +=
          fmt::format("{}row {} ({:.3g} times as far)", strays.rows.empty() ? "" : ", ", row, factor);
    strays.rows.push_back(row);
  }
  if (strays.count > static_cast<GlobalIndex>(most_examples)) strays.examples += ", ...";
  return strays;
}

Strays find_strays(const KnnGraph& graph, const parallel::Communicator& comm) {
  return strays_beyond(far_in_distances, remoteness(graph, comm), graph.ids, comm);
}

std::string description(const Strays& strays, GlobalIndex n_points, const std::string& source) {
  return fmt::format("{}: {} of {} points lie far from all others: {}", source, strays.count, n_points,
                     strays.examples);
}

bool are_too_many(GlobalIndex n_strays, GlobalIndex n_points, int k) {
  return n_strays > 1 + n_points / 100 || n_points - n_strays <= k;
}

PointCloud without(const PointCloud& cloud, const Strays& strays) {
  PointCloud rest = cloud.empty_copy();
  rest.n_global = cloud.n_global - strays.count;
  rest.n_left_out = cloud.n_left_out + strays.count;
  for (std::size_t i = 0; i < cloud.size(); ++i)
    if (strays.is_stray[i] == 0) rest.append(cloud, i);
  return rest;
}

}  // namespace k7::spectral
