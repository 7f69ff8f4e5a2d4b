// SPDX-License-Identifier: Apache-2.0
#include "spectral/limit/ladder.hpp"

#include <algorithm>

#include "k7/geometry/sampler.hpp"
#include "spectral/graph/components.hpp"

namespace k7::spectral {
namespace {

NullSpace null_space_of(const SymmetricGraph& graph, int k, int limit, GlobalIndex& n_components,
                        const parallel::Communicator& comm) {
  const auto components = connected_components(graph, k, comm);
  n_components = components.count;
  NullSpace null_space;
  null_space.count = static_cast<int>(std::min(components.count, GlobalIndex{limit}));
  null_space.components = number_components(components, graph.row_begin, null_space.count, comm);
  return null_space;
}

/// Part 1 or 2.
int half_of(GlobalIndex id) {
  double pair[2];
  geometry::uniform_pair({0, geometry::Stream::halves, 0}, static_cast<std::uint64_t>(id), 0, pair);
  return pair[0] < 0.5 ? 1 : 2;
}

}  // namespace

std::vector<int> ladder_neighbors(int k) {
  return {k, 3 * k};
}

Rung rung_of(const SymmetricGraph& graph, const Laplacian& laplacian, int k, int part) {
  Rung rung{};
  rung.part = part;
  rung.k = k;
  rung.n_points = graph.n_global;
  rung.mean_degree = laplacian.mean_degree;
  rung.mean_distance_sq = laplacian.mean_distance_sq;
  rung.shortest_sq = graph.shortest_sq(k);
  rung.calibration_doubt = graph.calibration_doubt(k);
  rung.mean_cut = laplacian.mean_cut;
  rung.wrapped = graph.wrapped(k);
  rung.effective_points = laplacian.effective_points;
  return rung;
}

std::vector<Rung> climb(const SymmetricGraph& graph, const std::vector<int>& neighbors, int part,
                        const LadderOptions& options, const parallel::Communicator& comm,
                        const std::function<void(const Rung&)>& done) {
  std::vector<Rung> rungs;
  for (const int k : neighbors) {
    const auto laplacian = graph_laplacian(graph, k, options.source, options.device, comm);
    Rung rung = rung_of(graph, laplacian, k, part);
    const auto null_space = null_space_of(graph, k, options.eigen.count, rung.n_components, comm);
    rung.values = smallest_eigenpairs(laplacian, graph.ids, null_space, options.eigen, comm).values;
    done(rung);
    rungs.push_back(std::move(rung));
  }
  return rungs;
}

PointCloud half_sample(const PointCloud& cloud, int part, const parallel::Communicator& comm) {
  PointCloud half = cloud.empty_copy();
  for (std::size_t i = 0; i < cloud.size(); ++i)
    if (half_of(cloud.ids[i]) == part) half.append(cloud, i);
  half.n_global = comm.sum(static_cast<GlobalIndex>(half.size()));
  half.n_left_out = cloud.n_rows() - half.n_global;
  return half;
}

}  // namespace k7::spectral
