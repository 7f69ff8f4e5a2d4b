// SPDX-License-Identifier: Apache-2.0
#include "spectral/ritz_method.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "spectral/ritz/ritz.hpp"
#include "spectral/solve/stage.hpp"

namespace k7::spectral {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double standard_deviations = 2.0;  // that a bar has

SpectrumLimit limit_of(const RitzSpectrum& ritz) {
  SpectrumLimit limit;
  limit.values = ritz.values;
  for (const double error : ritz.errors) limit.errors.push_back(standard_deviations * error);
  for (const auto& [first, count, is_open, value, error] : ritz.multiplets) {
    if (is_open)
      limit.multiplets.push_back({first, count, true, value, nan, nan,
                                  "more of it may lie beyond the computed eigenvalues", Source::ritz});
    else
      limit.multiplets.push_back(
          {first, count, false, value, value, standard_deviations * error, {}, Source::ritz});
  }
  return limit;
}

double mean_of(const std::vector<double>& values, int first, int count) {
  double sum = 0.0;
  for (int i = first; i < first + count; ++i) sum += values[static_cast<std::size_t>(i)];
  return sum / count;
}

// Of the difference: the density is no better than smooth to second order.
constexpr double density_part = 1.5;
// Of what lies beyond the boundary, whose distance every point estimates from its own neighbours.
constexpr double cut_part = 0.6;

/// What the size of the neighbourhoods changes, that is as much as a density from smaller ones would differ, goes into
/// the bar. It is proportional to their squared size where the density is smooth. So goes a part of what lies beyond the
/// boundary. @param cut of the density's neighbourhoods
SpectrumLimit widen(const RitzSpectrum& fine, const RitzSpectrum& coarse, double factor, double cut) {
  SpectrumLimit limit = limit_of(fine);
  const std::size_t size = std::min(limit.values.size(), coarse.values.size());
  const auto widened = [&](double error, double value, double of_coarse) {
    return std::hypot(error, density_part * factor * (value - of_coarse), cut_part * cut * value);
  };
  for (std::size_t i = 1; i < size; ++i)
    limit.errors[i] = widened(limit.errors[i], limit.values[i], coarse.values[i]);
  for (Multiplet& m : limit.multiplets)
    if (static_cast<std::size_t>(m.first + m.count) <= size)
      m.error = widened(m.error, m.limit, mean_of(coarse.values, m.first, m.count));
  return limit;
}

}  // namespace

SpectrumLimit ritz_limit(Run& run, PointCloud& cloud, const std::vector<DensityEstimate>& densities,
                         int count) {
  const Stage stage("Ritz");
  run.lap();
  RitzOptions options;
  options.count = count;
  options.threads = run.options.threads;
  options.estimated_densities = !densities.empty();
  if (cloud.nodes) options.max_basis = cloud.nodes->most_functions;
  std::vector<RitzSpectrum> spectra;
  const auto solve = [&] {
    run.stop_where_requested();
    spectra.push_back(ritz_spectrum(cloud, run.manifold, run.options.source, options, run.comm));
  };
  if (densities.empty()) solve();
  for (const DensityEstimate& density : densities) {
    cloud.densities = density.values;
    solve();
  }
  if (!densities.empty()) cloud.densities.clear();
  const double seconds = run.lap();
  run.report.timing.ritz = seconds;
  run.observer.info(fmt::format("Rayleigh-Ritz on {} functions of degree {}: {:.2f} s",
                                spectra.front().basis_size, spectra.front().degree, seconds));
  if (cloud.nodes)
    run.report.quadrature = QuadratureReport{cloud.nodes->n_rules, cloud.n_global, spectra.front().basis_size,
                                             spectra.front().degrees};
  if (densities.empty()) return limit_of(spectra.front());
  const double fine = densities[0].mean_distance_sq;
  const double difference = densities[1].mean_distance_sq - fine;
  return widen(spectra[0], spectra[1], difference > 0.0 ? fine / difference : 1.0, densities[0].mean_cut);
}

void compute_with_ritz(Run& run, PointCloud cloud) {
  SpectrumReport& report = run.report;
  std::vector<DensityEstimate> densities;
  if (!cloud.nodes && !has_densities(cloud, run.comm)) {
    const auto n = static_cast<int>(std::min(report.n_points - 1, GlobalIndex{3} * run.options.neighbors));
    Neighborhoods found = find_neighborhoods(run, std::move(cloud), {n, false}, n);
    densities = estimate_densities(found.graph, run.comm);
    cloud = std::move(found.regions.points.cloud);
    run.observer.info(run.options.source +
                      " has no /weight: the density of the points is that of their neighbours");
  }
  report.limit = ritz_limit(run, cloud, densities, run.options.eigenvalues);
  report.pairs.values = report.limit.values;
  report.pairs.zero_modes = 1;  // the constants are in the basis
  report.n_components = 1;
  report.timing.eigensolve = report.timing.ritz;
}

}  // namespace k7::spectral
