// SPDX-License-Identifier: Apache-2.0
#include "spectral/neighbors.hpp"

#include <fmt/format.h>

#include <utility>

#include "spectral/graph/boundary.hpp"
#include "spectral/graph/strays.hpp"
#include "spectral/knn/point_checks.hpp"
#include "spectral/solve/stage.hpp"

namespace k7::spectral {
namespace {

Regions redistribute(Run& run, PointCloud cloud, int most_copies) {
  const Stage stage("partition");
  run.lap();
  Regions regions = make_regions(std::move(cloud), run.manifold, run.comm, run.options.threads);
  require_distinct(regions.points, most_copies, run.options.source, run.comm);
  const double seconds = run.lap();
  run.report.timing.partition += seconds;
  run.observer.info(fmt::format("gave each rank a region: {:.2f} s", seconds));
  run.stop_where_requested();
  return regions;
}

KnnGraph search(Run& run, const Regions& regions, int k) {
  const Stage stage("kNN");
  auto graph =
      build_knn_graph(regions.points, run.manifold, *regions.embedding, k, run.comm, run.options.threads);
  graph.length_sq = run.length_sq;
  run.report.n_halo = graph.n_halo;
  const double seconds = run.lap();
  run.report.timing.knn += seconds;
  run.observer.info(fmt::format("found {} neighbours of each point, largest halo {} points: {:.2f} s",
                                graph.k, run.comm.max(graph.n_halo), seconds));
  run.stop_where_requested();
  return graph;
}

/// Says what is wrong with points that are far from all others. Returns whether they shall be left out.
bool reject(Run& run, const Strays& strays, int k) {
  if (strays.count == 0) return false;
  run.report.n_strays = strays.count;
  const std::string who = description(strays, run.report.n_points, run.options.source);
  if (run.options.keep_outliers) {
    run.observer.warn(who + "; they were kept, and may make eigenvalues near zero");
    return false;
  }
  if (are_too_many(strays.count, run.report.n_points, k)) {
    run.observer.warn(who + "; they are too many to leave out: the density of the points jumps");
    return false;
  }
  run.observer.warn(who + "; left out, unless --keep-outliers is given");
  run.report.n_strays = 0;
  run.note_left_out(strays);
  return true;
}

}  // namespace

Neighborhoods find_neighborhoods(Run& run, PointCloud cloud, const PointPolicy& policy, int k) {
  Regions regions = redistribute(run, std::move(cloud), policy.most_copies);
  KnnGraph graph = search(run, regions, k);
  if (!policy.keeps_strays) {
    const Strays strays = find_strays(graph, run.comm);
    if (reject(run, strays, k)) {
      graph = {};
      regions = redistribute(run, without(regions.points.cloud, strays), policy.most_copies);
      graph = search(run, regions, k);
    }
  }
  if (policy.sees_boundary && may_have_boundary(*regions.embedding)) {
    graph.boundary =
        boundary_distances(graph, regions.points.cloud, run.manifold, run.options.threads, run.comm);
    regions.points.cloud.boundary = graph.boundary;
  }
  if (run.options.keep_functions) run.report.ids = regions.points.cloud.ids;
  if (run.neighbors_found) run.neighbors_found(graph);
  run.lap();
  return {std::move(regions), std::move(graph)};
}

}  // namespace k7::spectral
