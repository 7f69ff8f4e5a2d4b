// SPDX-License-Identifier: Apache-2.0
#include "spectral/neighbors.hpp"

#include <fmt/format.h>

#include "spectral/knn/point_checks.hpp"

namespace k7::spectral {

Regions redistribute(Run& run, PointCloud cloud, int most_copies) {
  run.lap();
  Regions regions = make_regions(std::move(cloud), run.manifold, run.comm, run.options.threads);
  require_distinct(regions.points, most_copies, run.options.source, run.comm);
  if (run.options.keep_functions) run.report.ids = regions.points.cloud.ids;
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
