// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph_method.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "spectral/graph/components.hpp"
#include "spectral/graph/resolution.hpp"
#include "spectral/limit/ladder.hpp"
#include "spectral/limit/limit.hpp"
#include "spectral/solve/stage.hpp"

namespace k7::spectral {

GraphMethod::GraphMethod(Run& run)
    : run_(run), report_(run.report), ladder_(ladder_neighbors(run.options.neighbors)) {
  choose_ladder();
}

void GraphMethod::compute(const Regions& regions, KnnGraph graph) {
  if (has_ladder_ && report_.n_strays > 0) {
    has_ladder_ = false;
    obstacle_ = fmt::format("{} points lie far from all others", report_.n_strays);
  }
  solve_all_points(regions.points, std::move(graph));
  if (!report_.ladder.empty()) extrapolate_with_halves(regions);
}

/// Halves of the points must have several times more points than the largest neighbourhood.
void GraphMethod::choose_ladder() {
  if (run_.options.limits == Limits::none) return;
  has_ladder_ = report_.n_points >= GlobalIndex{8} * ladder_.back();
  if (has_ladder_) return;
  obstacle_ = fmt::format("{} points are too few with -k {}; at least {} are needed", report_.n_points, k(),
                          8 * ladder_.back());
  run_.observer.warn("no limits k, N -> infinity: " + obstacle_);
}

/// Numbers of neighbours whose graphs are needed.
std::vector<int> GraphMethod::graph_neighbors() const {
  return has_ladder_ ? ladder_ : std::vector<int>{k()};
}

SymmetricGraph GraphMethod::make_graph(const IndexedCloud& points, KnnGraph directed,
                                       const std::vector<int>& neighbors) const {
  const Stage stage("assemble");
  auto graph = symmetrize(directed, neighbors, Join::balanced, run_.comm);
  graph.resolutions = measure_resolution(directed, points.cloud, run_.manifold, neighbors, run_.comm);
  return graph;  // the lists of neighbours, which are as large, end here
}

void GraphMethod::solve_all_points(const IndexedCloud& points, KnnGraph directed) {
  const auto graph = make_graph(points, std::move(directed), graph_neighbors());
  Rung rung = solve_first_rung(graph);
  if (!report_.pairs.converged) obstacle_ = "the eigensolver did not converge";
  report_.limit = without_limit(rung, report_.pairs.zero_modes, obstacle_);
  if (!has_ladder_ || !report_.pairs.converged) return;
  report_.ladder.push_back(std::move(rung));
  ladder_start_ = run_.watch.seconds();
  climb_graph(graph, 0);
}

/// The graph whose eigenvalues are reported.
Rung GraphMethod::solve_first_rung(const SymmetricGraph& graph) {
  const auto& comm = run_.comm;
  const auto components = connected_components(graph, k(), comm);
  run_.note_components(components.count);
  NullSpace null_space;
  null_space.count = static_cast<int>(std::min(components.count, GlobalIndex{run_.options.eigenvalues}));
  null_space.components = number_components(components, graph.row_begin, null_space.count, comm);
  const auto laplacian = [&] {
    const Stage stage("assemble");
    return graph_laplacian(graph, k(), run_.options.source, run_.device, comm);
  }();
  Rung rung = rung_of(graph, laplacian, k(), 0);
  rung.n_components = components.count;
  report_.timing.assemble = run_.lap();
  run_.observer.info(fmt::format("assembled the matrix: {:.2f} s", report_.timing.assemble));
  rung.values = solve_whole_multiplets(laplacian, graph, null_space);
  report_.timing.eigensolve = run_.lap();
  run_.observer.info(
      fmt::format("computed {} eigenvalues: {:.2f} s", rung.values.size(), report_.timing.eigensolve));
  return rung;
}

/// Solves for more eigenvalues than are reported, until the last multiplet is seen to its end.
/// @return all eigenvalues; the reported pairs are in the report
std::vector<double> GraphMethod::solve_whole_multiplets(const Laplacian& laplacian,
                                                        const SymmetricGraph& graph,
                                                        const NullSpace& null_space) {
  const Stage stage("eigensolve");
  auto options = run_.eigen_options();
  const int reported = run_.options.eigenvalues;
  const int most = static_cast<int>(std::min(GlobalIndex{2} * reported + 16, graph.n_global - 1));
  for (options.count += 4;; options.count += options.count / 2) {
    options.count = std::min(options.count, most);
    const auto pairs = smallest_eigenpairs(laplacian, graph.ids, null_space, options, run_.comm);
    const auto multiplets = find_multiplets(pairs.values, pairs.zero_modes, laplacian.effective_points);
    const bool is_cut =
        !multiplets.empty() && multiplets.back().is_open && multiplets.back().first < reported;
    if (is_cut && options.count < most && pairs.converged) continue;
    report_.pairs = first(pairs, reported);
    return pairs.values;
  }
}

/// Edges of all rungs to climb, for the time left: the upper one of all points, and both of both halves.
double GraphMethod::ladder_work() const {
  return static_cast<double>(report_.n_points) * (k() + 2.0 * ladder_.back());
}

/// Solves the remaining rungs of one graph, with a tolerance far below their statistical noise.
void GraphMethod::climb_graph(const SymmetricGraph& graph, int part) {
  const Stage stage("limits");
  LadderOptions options{run_.eigen_options(), run_.options.source, run_.device};
  options.eigen.count = values_with_limits(report_.ladder.front().values, report_.limit.multiplets);
  options.eigen.tolerance = 1e-3;  // the eigenvalue's own error is its square over the gap
  options.eigen.keep_functions = false;
  const auto neighbors = part == 0 ? std::vector<int>{ladder_.back()} : ladder_;
  auto rungs = climb(graph, neighbors, part, options, run_.comm, [&](const Rung& r) {
    climbed_ += static_cast<double>(r.n_points) * r.k;
    const double taken = run_.watch.seconds() - ladder_start_;
    run_.observer.info(fmt::format("ladder: {} points, {} neighbours; {:.1f} s, about {:.0f} s left",
                                   r.n_points, r.k, taken, taken * (ladder_work() / climbed_ - 1.0)));
    run_.stop_where_requested();
  });
  report_.ladder.insert(report_.ladder.end(), std::make_move_iterator(rungs.begin()),
                        std::make_move_iterator(rungs.end()));
}

void GraphMethod::extrapolate_with_halves(const Regions& regions) {
  const Stage stage("limits");
  const auto& comm = run_.comm;
  const int threads = run_.options.threads;
  for (const int part : {1, 2}) {
    const auto half =
        index_points(half_sample(regions.points.cloud, part, comm), *regions.embedding, comm, threads);
    auto directed = build_knn_graph(half, run_.manifold, *regions.embedding, ladder_.back(), comm, threads);
    climb_graph(make_graph(half, std::move(directed), ladder_), part);
  }
  report_.limit = extrapolate(report_.ladder, report_.pairs.zero_modes);
  if (!report_.limit.obstacle.empty())
    run_.observer.warn("no limits k, N -> infinity: " + report_.limit.obstacle);
  report_.timing.extrapolate = run_.lap();
}

void compute_with_graph(Run& run, PointCloud cloud) {
  GraphMethod method(run);
  auto [regions, graph] =
      find_neighborhoods(run, std::move(cloud), {run.options.neighbors, false}, method.most_neighbors());
  method.compute(regions, std::move(graph));
}

}  // namespace k7::spectral
