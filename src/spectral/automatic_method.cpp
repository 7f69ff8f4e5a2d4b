// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <utility>

#include "spectral/graph_method.hpp"
#include "spectral/limit/agreement.hpp"
#include "spectral/ritz_method.hpp"

namespace k7::spectral {
namespace {

/// "eigenvalues 1 - 4: graph 3.1 +- 0.1, ritz 2.7 +- 0.2". @param unit of eigenvalues
std::string text(const Disagreement& d, double unit) {
  return fmt::format("eigenvalues {} - {}: graph {:.6g} +- {:.2g}, ritz {:.6g} +- {:.2g}", d.graph.first,
                     d.graph.first + d.graph.count - 1, unit * d.graph.limit, unit * d.graph.error,
                     unit * d.ritz.limit, unit * d.ritz.error);
}

/// Why global functions would say nothing; empty when they may.
std::string ritz_obstacle(const SpectrumReport& report) {
  if (report.pairs.zero_modes != 1) return "they do not see that the graph falls apart";
  if (report.n_strays > 0) return "points lie far from all others";
  return {};
}

/// Enters the Rayleigh-Ritz values and what both methods agree on. Collective.
void compare_with_ritz(Run& run, PointCloud& cloud, const std::vector<DensityEstimate>& densities) {
  SpectrumReport& report = run.report;
  report.graph_limit = report.limit;
  // As many as the graphs have: they look beyond the reported ones, to see multiplets to their end.
  const auto count = static_cast<int>(report.graph_limit.values.size());
  report.ritz_limit = ritz_limit(run, cloud, densities, count);
  auto agreement = agree_on(report.graph_limit, report.ritz_limit);
  report.limit = std::move(agreement.limit);
  for (const auto& disagreement : agreement.disagreements)
    run.observer.warn("the methods disagree, and the bar covers both: " +
                      text(disagreement, 1.0 / run.length_sq));
}

}  // namespace

void compute_with_both(Run& run, PointCloud cloud) {
  const bool known = has_densities(cloud, run.comm);
  GraphMethod graph_method(run);
  auto [regions, graph] = find_neighborhoods(run, std::move(cloud), {run.options.neighbors, false},
                                             graph_method.most_neighbors());
  std::vector<DensityEstimate> densities;
  if (!known && run.options.limits != Limits::none) densities = estimate_densities(graph, run.comm);
  graph_method.compute(regions, std::move(graph));
  if (run.options.limits == Limits::none) return;
  const std::string obstacle = ritz_obstacle(run.report);
  if (obstacle.empty())
    compare_with_ritz(run, regions.points.cloud, densities);
  else
    run.observer.info("no Rayleigh-Ritz values: " + obstacle);
}

}  // namespace k7::spectral
