// SPDX-License-Identifier: Apache-2.0
#include "spectral/neighbors.hpp"

#include <fmt/format.h>

#include "spectral/cloud/partition.hpp"
#include "spectral/knn/point_checks.hpp"

namespace k7::spectral {

Regions redistribute(Run& run, PointCloud cloud, int most_copies) {
  const auto& comm = run.comm;
  Regions regions;
  run.lap();
  regions.embedding = run.manifold.embedding(mean_metric(cloud, comm));
  cloud = partition_points(std::move(cloud), *regions.embedding, comm);
  regions.points = index_points(std::move(cloud), *regions.embedding, comm, run.options.threads);
  require_distinct(regions.points, most_copies, run.options.source, comm);
  run.report.ids = regions.points.cloud.ids;
  run.report.timing.partition = run.lap();
  run.observer.info(fmt::format("gave each rank a region: {:.2f} s", run.report.timing.partition));
  return regions;
}

KnnGraph find_neighbors(Run& run, const Regions& regions, int k) {
  auto graph =
      build_knn_graph(regions.points, run.manifold, *regions.embedding, k, run.comm, run.options.threads);
  run.report.n_halo = graph.n_halo;
  run.report.timing.knn = run.lap();
  run.observer.info(fmt::format("found {} neighbours of each point, largest halo {} points: {:.2f} s",
                                graph.k, run.comm.max(graph.n_halo), run.report.timing.knn));
  if (run.neighbors_found) run.neighbors_found(graph);
  run.lap();
  return graph;
}

}  // namespace k7::spectral
