// SPDX-License-Identifier: Apache-2.0
#include "spectral/limit/limit.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

#include "k7/geometry/conventions.hpp"

namespace k7::spectral {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double gap_in_scatters = 2.4;
constexpr double n = geometry::dim;
constexpr int passes = 4;  // the term of order h^4 depends on the limit itself; it is small

/// A multiplet's mean eigenvalue on one graph, or on two halves together.
struct Observation {
  double degree;
  double h_sq;
  double value;
};

double mean_value(const Rung& rung, const Multiplet& multiplet) {
  double sum = 0.0;
  for (int i = 0; i < multiplet.count; ++i) sum += rung.values[static_cast<std::size_t>(multiplet.first + i)];
  return sum / multiplet.count;
}

/// Rungs of the full sample as they are; those of the wanted halves, joined for each k.
std::vector<Observation> observe(const std::vector<Rung>& ladder, const Multiplet& multiplet, bool first_half,
                                 bool second_half) {
  std::vector<Observation> observations;
  for (const Rung& rung : ladder) {
    if (rung.part == 0)
      observations.push_back({rung.mean_degree, rung.mean_distance_sq, mean_value(rung, multiplet)});
    if (rung.part != 1) continue;
    const auto other = std::find_if(ladder.begin(), ladder.end(),
                                    [&](const Rung& r) { return r.part == 2 && r.k == rung.k; });
    if (other == ladder.end()) continue;
    Observation joined{0.0, 0.0, 0.0};
    const double weight = first_half && second_half ? 0.5 : 1.0;
    for (const Rung* half : {&rung, &*other}) {
      if (half->part == 1 ? !first_half : !second_half) continue;
      joined.degree += weight * half->mean_degree;
      joined.h_sq += weight * half->mean_distance_sq;
      joined.value += weight * mean_value(*half, multiplet);
    }
    observations.push_back(joined);
  }
  return observations;
}

/// The term of order h^4 in flat space, relative, at y = lambda h^2.
double flat_fourth_order(double y) {
  return y * y * (n + 2.0) * (n + 2.0) / (24.0 * n * n * (n + 4.0) * (n + 6.0));
}

/// lambda of the fit. @param terms 3: 1, 1/(degree - 2), h^2; 4: also h^2/(degree - 2)
double fit(const std::vector<Observation>& observations, int terms) {
  const auto rows = static_cast<Eigen::Index>(observations.size());
  Eigen::MatrixXd design(rows, terms);
  Eigen::VectorXd values(rows);
  double limit = 0.0;
  for (int pass = 0; pass < passes; ++pass) {
    for (Eigen::Index i = 0; i < rows; ++i) {
      const Observation& o = observations[static_cast<std::size_t>(i)];
      // Columns of similar size.
      const double inverse_k = (observations.front().degree - 2.0) / (o.degree - 2.0);
      const double h = o.h_sq / observations.front().h_sq;
      design(i, 0) = 1.0 + flat_fourth_order(limit * o.h_sq);
      design(i, 1) = inverse_k;
      design(i, 2) = h;
      if (terms == 4) design(i, 3) = h * inverse_k;
      values(i) = o.value;
      const double weight = std::sqrt(o.degree);
      design.row(i) *= weight;
      values(i) *= weight;
    }
    limit = design.colPivHouseholderQr().solve(values)(0);
  }
  return limit;
}

void extrapolate(Multiplet& multiplet, const std::vector<Rung>& ladder) {
  const auto all = observe(ladder, multiplet, true, true);
  const double limit = fit(all, 3);
  const double halves = 0.5 * std::abs(fit(observe(ladder, multiplet, true, false), 3) -
                                       fit(observe(ladder, multiplet, false, true), 3));
  const double usual_noise = limit * 0.008 * std::sqrt(2.0 / multiplet.count) *
                             std::sqrt(1e4 / static_cast<double>(ladder.front().n_points));
  const double noise = std::max(halves, usual_noise);
  const double model = 0.5 * std::abs(limit - fit(all, 4));
  double h_sq = 0.0;
  for (const Observation& o : all) h_sq += o.h_sq / static_cast<double>(all.size());
  const double order = 0.5 * limit * flat_fourth_order(limit * h_sq);
  multiplet.limit = limit;
  multiplet.error = 2.0 * std::sqrt(noise * noise + model * model + order * order);
}

/// Standard deviation of a multiplet's eigenvalues.
double spread(const std::vector<double>& values, const Multiplet& multiplet) {
  double squares = 0.0;
  for (int i = 0; i < multiplet.count; ++i) {
    const double difference = values[static_cast<std::size_t>(multiplet.first + i)] - multiplet.raw;
    squares += difference * difference;
  }
  return std::sqrt(squares / std::max(1, multiplet.count - 1));
}

std::string find_obstacle(const std::vector<Rung>& ladder) {
  for (const Rung& rung : ladder) {
    const std::string graph = "the graph of " + std::to_string(rung.n_points) + " points and " +
                              std::to_string(rung.k) + " neighbours ";
    if (rung.mean_degree < 4.0) return graph + "has fewer than 4 edges per point";
    if (rung.n_components != ladder.front().n_components)
      return graph + "has " + std::to_string(rung.n_components) + " components instead of " +
             std::to_string(ladder.front().n_components);
    if (rung.values.size() < ladder.front().values.size())
      return graph + "has only " + std::to_string(rung.values.size()) + " converged eigenvalues";
  }
  return {};
}

}  // namespace

double eigenvalue_scatter(GlobalIndex n_points) {
  return 2.5 / std::sqrt(static_cast<double>(n_points));
}

std::vector<Multiplet> find_multiplets(const std::vector<double>& values, int zero_modes,
                                       GlobalIndex n_points) {
  const double gap = gap_in_scatters * eigenvalue_scatter(n_points);
  std::vector<Multiplet> multiplets;
  const auto size = static_cast<int>(values.size());
  for (int begin = zero_modes; begin < size;) {
    const auto value = [&](int i) { return values[static_cast<std::size_t>(i)]; };
    int end = begin + 1;
    while (end < size && value(end) - value(end - 1) <= gap * value(end - 1)) ++end;
    Multiplet multiplet{begin, end - begin, end == size, 0.0, nan, nan};
    for (int i = begin; i < end; ++i) multiplet.raw += value(i) / multiplet.count;
    multiplets.push_back(multiplet);
    begin = end;
  }
  return multiplets;
}

double graph_error(double lambda, const Rung& rung) {
  const double noise = 2.0 / std::max(1.0, rung.mean_degree - 2.0);
  const double curvature = (n + 2.0) / (4.0 * n * (n + 4.0)) * lambda * rung.mean_distance_sq;
  return lambda * (1.5 * (noise + curvature) + 2.0 * eigenvalue_scatter(rung.n_points));
}

SpectrumLimit without_limit(const Rung& rung, int zero_modes, const std::string& obstacle) {
  SpectrumLimit result;
  result.obstacle = obstacle;
  result.multiplets = find_multiplets(rung.values, zero_modes, rung.n_points);
  result.values.assign(rung.values.size(), nan);
  for (std::size_t i = 0; i < rung.values.size(); ++i)
    result.errors.push_back(i < static_cast<std::size_t>(zero_modes) ? 0.0
                                                                     : graph_error(rung.values[i], rung));
  return result;
}

SpectrumLimit extrapolate(const std::vector<Rung>& ladder, int zero_modes) {
  const auto& raw = ladder.front().values;
  SpectrumLimit result = without_limit(ladder.front(), zero_modes, find_obstacle(ladder));
  if (!result.obstacle.empty()) return result;
  for (int i = 0; i < zero_modes; ++i) result.values[static_cast<std::size_t>(i)] = 0.0;
  for (Multiplet& multiplet : result.multiplets) {
    if (multiplet.is_open) continue;
    extrapolate(multiplet, ladder);
    const double scatter =
        std::max(spread(raw, multiplet) / multiplet.raw, eigenvalue_scatter(ladder.front().n_points)) *
        multiplet.limit;
    for (int i = 0; i < multiplet.count; ++i) {
      const auto index = static_cast<std::size_t>(multiplet.first + i);
      result.values[index] = multiplet.limit;
      result.errors[index] = std::hypot(multiplet.error, 2.0 * scatter);
    }
  }
  return result;
}

}  // namespace k7::spectral
