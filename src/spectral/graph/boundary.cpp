// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/boundary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "k7/geometry/metric.hpp"
#include "spectral/graph/cut_ball.hpp"
#include "spectral/graph/displacements.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;

// Distances are in radii of the neighbourhood. From far_plane on the mean says less than the farthest point; where
// that is farther than the plane by more than far_beyond, there is no plane. Each is blended over a width.
constexpr double far_plane = 0.2;
constexpr double far_plane_width = 0.3;
constexpr double far_beyond = 0.25;
constexpr double far_beyond_width = 0.15;
// Inside, the farthest of a hundred points of a ball is at 0.7 on any side: planes from there on are none.
constexpr double no_plane = 0.45;
constexpr double no_plane_width = 0.2;
constexpr double no_plane_factor = 0.5;

/// g v
Vector7 lowered(const double* g, const Vector7& v) {
  Vector7 result{};
  for (std::size_t a = 0, n = 0; a < dim; ++a)
    for (std::size_t b = a; b < dim; ++b, ++n) {
      result[a] += g[n] * v[b];
      if (b != a) result[b] += g[n] * v[a];
    }
  return result;
}

double product(const Vector7& a, const Vector7& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < dim; ++i) sum += a[i] * b[i];
  return sum;
}

/// 0 below `from`, 1 above from + width, linear between.
double ramp(double x, double from, double width) {
  return std::clamp((x - from) / width, 0.0, 1.0);
}

/// In radii. @param height of the mean, @param farthest how far points lie on the side of the boundary
double distance_in_radii(double height, double farthest) {
  const double plane = plane_distance(std::max(height, 0.0));
  const double beyond = farthest - std::max(plane, 0.0);
  const double doubt =
      std::max(ramp(plane, far_plane, far_plane_width), ramp(beyond, far_beyond, far_beyond_width));
  const double distance = plane + doubt * std::max(farthest - plane, 0.0);
  return distance * (1.0 + no_plane_factor * ramp(distance, no_plane, no_plane_width));
}

}  // namespace

bool may_have_boundary(const geometry::Embedding& embedding) {
  const auto factors = embedding.factors();
  return std::any_of(factors.begin(), factors.end(),
                     [](const geometry::Factor& f) { return f.kind == geometry::Factor::Kind::line; });
}

std::vector<double> boundary_distances(const KnnGraph& graph, const PointCloud& points,
                                       const geometry::Manifold& manifold, int threads,
                                       const parallel::Communicator& comm) {
  const GhostExchange exchange(graph, comm);
  const Displacements displacement(graph, points, manifold, exchange);
  const auto n = static_cast<std::int64_t>(graph.n_local());
  const auto k = static_cast<std::size_t>(graph.k);
  const auto radius = [&](std::size_t i) { return std::sqrt(graph.distance_sq[i * k + k - 1]); };

  std::array<std::vector<double>, dim> means;  // mean displacements in radii, of own rows and of ghosts
  for (auto& component : means) component.resize(graph.n_local());
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t row = 0; row < n; ++row) {
    const auto i = static_cast<std::size_t>(row);
    if (!(radius(i) > 0.0)) continue;  // copies of one point
    Vector7 sum{};
    for (std::size_t m = 0; m < k; ++m) {
      const Vector7 v = displacement(i, m);
      for (std::size_t a = 0; a < dim; ++a) sum[a] += v[a];
    }
    for (std::size_t a = 0; a < dim; ++a) means[a][i] = sum[a] / (static_cast<double>(k) * radius(i));
  }
  for (auto& component : means) exchange.append_ghosts(component);

  std::vector<double> distances(graph.n_local(), std::numeric_limits<double>::infinity());
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t row = 0; row < n; ++row) {
    const auto i = static_cast<std::size_t>(row);
    if (!(radius(i) > 0.0)) continue;
    Vector7 normal{};
    for (std::size_t m = 0; m < k; ++m)
      for (std::size_t a = 0; a < dim; ++a) normal[a] += means[a][graph.places[i * k + m]];
    Vector7 covector = lowered(points.metric(i), normal);
    const double length = std::sqrt(product(covector, normal));
    if (!(length > 0.0)) continue;
    for (double& c : covector) c /= length;
    double height = 0.0;
    double lowest = 0.0;
    for (std::size_t m = 0; m < k; ++m) {
      const double x = product(covector, displacement(i, m)) / radius(i);
      height += x / static_cast<double>(k);
      lowest = std::min(lowest, x);
    }
    distances[i] = radius(i) * distance_in_radii(height, -lowest);
  }
  return distances;
}

}  // namespace k7::spectral
