// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/density.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "spectral/graph/cut_ball.hpp"

namespace k7::spectral {

DensityEstimate estimate_density(const KnnGraph& graph, int k, const parallel::Communicator& comm) {
  DensityEstimate estimate{std::vector<double>(graph.n_local()), 0.0, 0.0};
  const auto width = static_cast<std::size_t>(graph.k);
  std::array<double, 3> sums{};
  auto& [total, volume, volume_cut] = sums;
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    double sum = 0.0;
    for (std::size_t m = 0; m < static_cast<std::size_t>(k); ++m) sum += graph.distance_sq[i * width + m];
    total += sum;
    const double mean = sum / k;
    estimate.values[i] = std::pow(mean, -0.5 * geometry::dim);
    if (graph.boundary.empty() || !(mean > 0.0)) continue;
    const double radius = std::sqrt((geometry::dim + 2.0) / geometry::dim * mean);
    const double kept = kept_share(std::clamp(graph.boundary[i] / radius, least_plane_distance, 1.0));
    estimate.values[i] /= kept;
    volume += 1.0 / estimate.values[i];
    volume_cut -= std::log(kept) / estimate.values[i];
  }
  comm.sum(sums.data(), sums.size());
  estimate.mean_distance_sq = total / (static_cast<double>(k) * static_cast<double>(graph.n_global));
  if (volume > 0.0) estimate.mean_cut = volume_cut / volume;
  return estimate;
}

std::vector<DensityEstimate> estimate_densities(const KnnGraph& graph, const parallel::Communicator& comm) {
  return {estimate_density(graph, std::max(1, graph.k / 3), comm), estimate_density(graph, graph.k, comm)};
}

}  // namespace k7::spectral
