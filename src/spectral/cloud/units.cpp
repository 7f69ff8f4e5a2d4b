// SPDX-License-Identifier: Apache-2.0
#include "spectral/cloud/units.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace k7::spectral {
namespace {

using geometry::dim;

/// log2 of the largest diagonal entry of a metric in coordinates of these units.
double log_size(const double* metric, const std::array<int, dim>& coordinates) {
  double largest = -std::numeric_limits<double>::infinity();
  std::size_t n = 0;
  for (std::size_t a = 0; a < dim; ++a) {
    largest = std::max(largest, std::log2(metric[n]) + 2.0 * coordinates[a]);
    n += dim - a;
  }
  return largest;
}

int nearest(double power) {
  return static_cast<int>(std::lround(power));
}

void scale(std::vector<double>& values, double factor) {
  for (double& value : values) value *= factor;
}

}  // namespace

void Units::take_out(PointCloud& cloud) const {
  const bool moves_points = std::any_of(coordinates.begin(), coordinates.end(), [](int c) { return c != 0; });
  if (moves_points)
    for (std::size_t i = 0; i < cloud.size(); ++i)
      for (std::size_t a = 0; a < dim; ++a) {
        double& x = cloud.points[i * dim + a];
        x = std::ldexp(x, -coordinates[a]);
      }
  if (!moves_points && metric == 0) return;
  std::array<int, geometry::n_sym> powers{};
  for (std::size_t a = 0, n = 0; a < dim; ++a)
    for (std::size_t b = a; b < dim; ++b) powers[n++] = coordinates[a] + coordinates[b] - 2 * metric;
  for (std::size_t n = 0; n < cloud.metrics.size(); ++n)
    cloud.metrics[n] = std::ldexp(cloud.metrics[n], powers[n % geometry::n_sym]);
}

std::unique_ptr<geometry::Manifold> Units::manifold(const geometry::Manifold& original) const {
  geometry::Form1 units{};
  for (std::size_t a = 0; a < dim; ++a) units[a] = std::ldexp(1.0, coordinates[a]);
  return original.in_units(units);
}

double Units::length_sq() const {
  return std::ldexp(1.0, 2 * metric);
}

void Units::put_back(SpectrumReport& report) const {
  const double inverse = std::ldexp(1.0, -2 * metric);
  scale(report.pairs.values, inverse);
  scale(report.pairs.residuals, inverse);
  for (Rung& rung : report.ladder) {
    scale(rung.values, inverse);
    rung.mean_distance_sq *= length_sq();
    rung.shortest_sq *= length_sq();
  }
  for (SpectrumLimit* limit : {&report.limit, &report.graph_limit, &report.ritz_limit}) {
    scale(limit->values, inverse);
    scale(limit->errors, inverse);
    for (Multiplet& multiplet : limit->multiplets)
      for (double* value : {&multiplet.raw, &multiplet.limit, &multiplet.error}) *value *= inverse;
  }
  if (report.witness) put_back(*report.witness);
}

void Units::put_back(Witness& witness) const {
  for (auto* values : {&witness.values, &witness.lower, &witness.upper})
    scale(*values, std::ldexp(1.0, -2 * metric));
  for (std::size_t a = 0; a < dim; ++a)
    for (std::size_t b = 0; b < dim; ++b) {
      double& g = witness.metric(static_cast<int>(a), static_cast<int>(b));
      g = std::ldexp(g, 2 * metric - coordinates[a] - coordinates[b]);
    }
}

Units choose_units(const PointCloud& cloud, const geometry::Manifold& manifold,
                   const parallel::Communicator& comm) {
  Units units;
  if (manifold.frame() == "coordinate") {
    const auto widths = half_widths(cloud, manifold, comm);
    for (std::size_t a = 0; a < dim; ++a)
      if (widths[a] > 0.0) units.coordinates[a] = nearest(std::log2(widths[a]));
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < cloud.size(); ++i) sum += log_size(cloud.metric(i), units.coordinates);
  units.metric = nearest(0.5 * comm.sum(sum) / static_cast<double>(cloud.n_global));
  return units;
}

}  // namespace k7::spectral
