// SPDX-License-Identifier: Apache-2.0
#include "spectral/limit/limit.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

#include "k7/geometry/conventions.hpp"

namespace k7::spectral {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double gap_in_scatters = 2.4;
constexpr double nearly_a_gap = 1.5;  // gaps that noise makes now and then
constexpr double n = geometry::dim;
// a of the noise term, found on flat tori and round products of spheres of 10^3 to 10^4 points, see noise_shape().
constexpr double usual_a = 2.0;
constexpr double usual_a_deviation = 0.1;
constexpr double unknown = 1e6;
constexpr double shape_height = 0.27;
constexpr double shape_width = 10.0;
// Of what lies beyond the boundary, and of its square: neighbourhoods that are not small against the space see more of
// the boundary than its normal.
constexpr double boundary_part = 0.25;
constexpr double boundary_square = 3.0;
constexpr double most_of_square = 0.04;
constexpr double form_part = 0.035;      // of what the fit adds to a graph's eigenvalue
constexpr double half_thin_part = 0.06;  // what half resolved directions do to all functions
constexpr double thin_part = 0.5;        // of the calibration's doubt
constexpr double most_doubt = 0.4;       // more says nothing of the eigenvalue
constexpr int passes = 14;               // the terms beyond h^2 depend on the limit itself; they are small

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

/// What the flat space's bias has beyond its term of order h^2, relative, at y = lambda h^2. A function of the wave
/// number xi, |xi|^2 = lambda, has the eigenvalue (2n/h^2) (1 - <cos xi.v>), the mean over a ball of radius r,
/// h^2 = n r^2 / (n+2), with <cos xi.v> = sum_m (-z/4)^m / (m! (n/2+1)_m), z = lambda r^2.
double flat_higher_orders(double y) {
  const double z = y * (n + 2.0) / n;
  double term = 1.0;  // of m = 1, relative to lambda; m = 2 is the term of order h^2
  double sum = 0.0;
  for (int m = 2; m <= 60; ++m) {
    term *= -z / (4.0 * m * (0.5 * n + m));
    if (m > 2) sum += term;
  }
  return sum;
}

/// a of the noise term in units of -usual_a, as a function of y. Without it, a fit takes a part of h^2 for noise.
double noise_shape(double y) {
  const double fourth = y * y * y * y;
  return 1.0 + shape_height * fourth / (fourth + shape_width);
}

/// The limit of a fit in which `a` is known to `a_deviation`. @param deviation of the observations, relative, at a
/// degree of 32
double fit(const std::vector<Observation>& observations, double deviation, double a_deviation) {
  const auto rows = static_cast<Eigen::Index>(observations.size());
  Eigen::MatrixXd design = Eigen::MatrixXd::Zero(rows + 1, 3);
  Eigen::VectorXd values = Eigen::VectorXd::Zero(rows + 1);
  double limit = observations.front().value;
  for (int pass = 0; pass < passes; ++pass) {
    const double scale = std::abs(limit);
    for (Eigen::Index i = 0; i < rows; ++i) {
      const Observation& o = observations[static_cast<std::size_t>(i)];
      const double y = std::abs(limit) * o.h_sq;
      const double weight = std::sqrt(o.degree / 32.0) / (deviation * scale);
      design.row(i) << 1.0 + flat_higher_orders(y), noise_shape(y) / o.degree,
          o.h_sq / observations.front().h_sq;
      design.row(i) *= weight;
      values(i) = weight * o.value;
    }
    design.row(rows) << usual_a / (a_deviation * scale), 1.0 / (a_deviation * scale), 0.0;
    limit = design.colPivHouseholderQr().solve(values)(0);
    if (!(limit != 0.0)) break;
  }
  return limit;
}

/// Why a fit is no limit of its observations; empty when it may be one. The bias of a graph that resolves a function
/// is a part of its eigenvalue, so the limit is not far from all of them.
std::string limit_defect(double limit, const std::vector<Observation>& all) {
  const auto [low, high] = std::minmax_element(
      all.begin(), all.end(), [](const Observation& a, const Observation& b) { return a.value < b.value; });
  if (limit > 0.5 * low->value && limit < 2.0 * high->value) return {};
  return "the graphs' eigenvalues do not converge";
}

/// The largest d (1 - d), d the calibration's doubt: 0 where directions are resolved, and where one has no length at all.
double half_thinness(const std::vector<Rung>& ladder) {
  double result = 0.0;
  for (const Rung& rung : ladder)
    result = std::max(result, rung.calibration_doubt * (1.0 - rung.calibration_doubt));
  return result;
}

double largest_wrapped(const std::vector<Rung>& ladder) {
  double result = 0.0;
  for (const Rung& rung : ladder) result = std::max(result, rung.wrapped);
  return result;
}

/// The rung whose calibration is most in doubt for functions of an eigenvalue; null where none is. Functions vary along
/// a direction of length l from (pi / l)^2 on; from half of that on they may be among these.
const Rung* doubtful_rung(const std::vector<Rung>& ladder, double lambda) {
  const Rung* worst = nullptr;
  for (const Rung& rung : ladder) {
    if (!(lambda * rung.shortest_sq > 0.5 * geometry::pi * geometry::pi) || std::isinf(rung.shortest_sq))
      continue;
    if (worst == nullptr || rung.calibration_doubt > worst->calibration_doubt) worst = &rung;
  }
  return worst;
}

/// Says how thin the shortest direction is, and how many points would make the neighbourhoods as narrow: a ball's
/// radius falls like N^{-1/7}, and h^2 is n/(n+2) of its square.
std::string unresolved(const Rung& rung) {
  const double part = std::sqrt(rung.shortest_sq / (4.0 * (n + 2.0) / n * rung.mean_distance_sq));
  return fmt::format(
      "functions may be among them that vary along a direction that the points do not resolve: it is {:.2g} "
      "times as "
      "long as neighbourhoods are wide, and would need {:.1g} points",
      part, static_cast<double>(rung.n_points) * std::pow(part, -n));
}

void extrapolate(Multiplet& multiplet, const std::vector<Rung>& ladder) {
  const Rung* doubtful = doubtful_rung(ladder, multiplet.raw);
  const double doubt = doubtful == nullptr ? 0.0 : doubtful->calibration_doubt;
  if (doubt > most_doubt) {
    multiplet.obstacle = unresolved(*doubtful);
    return;
  }
  const double usual_noise =
      0.008 * std::sqrt(2.0 / multiplet.count) * std::sqrt(1e4 / ladder.front().effective_points);
  const auto all = observe(ladder, multiplet, true, true);
  const auto limit_of = [&](const std::vector<Observation>& observations, double a_deviation) {
    return fit(observations, 0.5 * usual_noise, a_deviation);
  };
  const double limit = limit_of(all, usual_a_deviation);
  multiplet.obstacle = limit_defect(limit, all);
  if (!multiplet.obstacle.empty()) return;
  const double halves = 0.5 * std::abs(limit_of(observe(ladder, multiplet, true, false), usual_a_deviation) -
                                       limit_of(observe(ladder, multiplet, false, true), usual_a_deviation));
  const double form = form_part * std::abs(limit - multiplet.raw);
  const double noise = std::max({halves, limit * usual_noise, form});
  const double model = 0.5 * std::abs(limit - limit_of(all, unknown));
  double h_sq = 0.0;
  for (const Observation& o : all) h_sq = std::max(h_sq, o.h_sq);
  const double order = 0.5 * limit * std::abs(flat_higher_orders(limit * h_sq));
  const double cut = ladder.front().mean_cut;
  const double boundary =
      limit * (boundary_part * cut + std::min(boundary_square * cut * cut, most_of_square));
  const double thin =
      limit * std::hypot(thin_part * doubt, half_thin_part * half_thinness(ladder), largest_wrapped(ladder));
  multiplet.limit = limit;
  multiplet.error =
      2.0 * std::sqrt(noise * noise + model * model + order * order + boundary * boundary + thin * thin);
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

/// @param n_needed values of each rung
std::string find_obstacle(const std::vector<Rung>& ladder, int n_needed) {
  for (const Rung& rung : ladder) {
    const std::string graph = "the graph of " + std::to_string(rung.n_points) + " points and " +
                              std::to_string(rung.k) + " neighbours ";
    if (rung.mean_degree < 4.0) return graph + "has fewer than 4 edges per point";
    if (rung.n_components != ladder.front().n_components)
      return graph + "has " + std::to_string(rung.n_components) + " components instead of " +
             std::to_string(ladder.front().n_components);
    if (static_cast<int>(rung.values.size()) < n_needed)
      return graph + "has only " + std::to_string(rung.values.size()) + " converged eigenvalues";
  }
  return {};
}

/// Between multiplets nearly as close as eigenvalues of one, noise may have put a value on the wrong side. By how much
/// that would move their means belongs to the bars.
/// @param first rung
void mind_splits(std::vector<Multiplet>& multiplets, const Rung& first) {
  const std::vector<double>& values = first.values;
  const double gap = nearly_a_gap * gap_in_scatters * eigenvalue_scatter(first.effective_points);
  std::vector<double> offsets(multiplets.size(), 0.0);
  for (std::size_t i = 0; i + 1 < multiplets.size(); ++i) {
    const Multiplet& low = multiplets[i];
    const Multiplet& high = multiplets[i + 1];
    const double last = values[static_cast<std::size_t>(high.first - 1)];
    const double first_of_high = values[static_cast<std::size_t>(high.first)];
    // NaN where one has no limit.
    const double up = (first_of_high / high.raw * high.limit - low.limit) / (low.count + 1);
    const double down = (high.limit - last / low.raw * low.limit) / (high.count + 1);
    if (!(first_of_high - last <= gap * last) || !(up > 0.0) || !(down > 0.0)) continue;
    offsets[i] = std::max(offsets[i], up);
    offsets[i + 1] = std::max(offsets[i + 1], down);
  }
  for (std::size_t i = 0; i < multiplets.size(); ++i)
    multiplets[i].error = std::hypot(multiplets[i].error, offsets[i]);
}

}  // namespace

double eigenvalue_scatter(double n_points) {
  return 2.5 / std::sqrt(n_points);
}

std::vector<Multiplet> find_multiplets(const std::vector<double>& values, int zero_modes, double n_points) {
  const double gap = gap_in_scatters * eigenvalue_scatter(n_points);
  std::vector<Multiplet> multiplets;
  const auto size = static_cast<int>(values.size());
  for (int begin = zero_modes; begin < size;) {
    const auto value = [&](int i) { return values[static_cast<std::size_t>(i)]; };
    int end = begin + 1;
    while (end < size && value(end) - value(end - 1) <= gap * value(end - 1)) ++end;
    Multiplet multiplet{begin, end - begin, end == size, 0.0, nan, nan, {}};
    if (multiplet.is_open) multiplet.obstacle = "more of it may lie beyond the computed eigenvalues";
    for (int i = begin; i < end; ++i) multiplet.raw += value(i) / multiplet.count;
    multiplets.push_back(multiplet);
    begin = end;
  }
  return multiplets;
}

int values_with_limits(const std::vector<double>& values, const std::vector<Multiplet>& multiplets) {
  int end = 0;
  for (const Multiplet& multiplet : multiplets)
    if (!multiplet.is_open) end = multiplet.first + multiplet.count;
  return end > 0 ? end : static_cast<int>(values.size());
}

double graph_error(double lambda, const Rung& rung) {
  const double noise = 2.0 / std::max(1.0, rung.mean_degree - 2.0);
  const double curvature = (n + 2.0) / (4.0 * n * (n + 4.0)) * lambda * rung.mean_distance_sq;
  return lambda * (1.5 * (noise + curvature) + 2.0 * eigenvalue_scatter(rung.effective_points));
}

SpectrumLimit without_limit(const Rung& rung, int zero_modes, const std::string& obstacle) {
  SpectrumLimit result;
  result.obstacle = obstacle;
  result.multiplets = find_multiplets(rung.values, zero_modes, rung.effective_points);
  result.values.assign(rung.values.size(), nan);
  for (std::size_t i = 0; i < rung.values.size(); ++i)
    result.errors.push_back(i < static_cast<std::size_t>(zero_modes) ? 0.0
                                                                     : graph_error(rung.values[i], rung));
  return result;
}

SpectrumLimit extrapolate(const std::vector<Rung>& ladder, int zero_modes) {
  const auto& raw = ladder.front().values;
  SpectrumLimit result = without_limit(ladder.front(), zero_modes, {});
  result.obstacle = find_obstacle(ladder, values_with_limits(raw, result.multiplets));
  if (!result.obstacle.empty()) return result;
  for (int i = 0; i < zero_modes; ++i) result.values[static_cast<std::size_t>(i)] = 0.0;
  for (Multiplet& multiplet : result.multiplets) {
    if (!multiplet.obstacle.empty()) continue;
    extrapolate(multiplet, ladder);
  }
  mind_splits(result.multiplets, ladder.front());
  for (const Multiplet& multiplet : result.multiplets) {
    if (!multiplet.obstacle.empty()) continue;
    const double scatter = std::max(spread(raw, multiplet) / multiplet.raw,
                                    eigenvalue_scatter(ladder.front().effective_points)) *
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
