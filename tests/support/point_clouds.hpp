// SPDX-License-Identifier: Apache-2.0
// Points with metrics for the tests of the spectral module, and neighbours by brute force.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/geometry/sampler.hpp"
#include "spectral/knn/regions.hpp"
#include "test_data.hpp"

namespace k7::test {

/// All points of a test, on every rank.
struct AllPoints {
  std::unique_ptr<geometry::Manifold> manifold;
  std::vector<double> points;
  std::vector<double> metrics;
  std::vector<double> densities;  ///< empty if unknown
  bool one_metric = false;        ///< all metrics are equal, and the program is to make use of it

  std::size_t size() const { return metrics.size() / geometry::n_sym; }
  std::size_t point_size() const { return static_cast<std::size_t>(manifold->point_size()); }
  const double* point(std::size_t i) const { return points.data() + i * point_size(); }
  const double* metric(std::size_t i) const { return metrics.data() + i * geometry::n_sym; }

  /// 1 / the weight that the curvature of the frame's volume gives to an edge.
  double volume_factor(std::size_t i, std::size_t j) const {
    double v[geometry::dim];
    manifold->displacement(point(i), point(j), v);
    return manifold->volume_factor(v);
  }

  double distance_sq(std::size_t i, std::size_t j) const {
    double v[geometry::dim];
    manifold->displacement(point(i), point(j), v);
    return 0.5 * (geometry::quadratic_form(metric(i), v) + geometry::quadratic_form(metric(j), v));
  }
};

using MetricAt = std::function<geometry::Matrix7(const double* point)>;

/// The flat torus in coordinates x with y_a = x_a + e sin(2 x_{a+3} + x_6) for a < 3: its functions of y need products of
/// degree 4 in x, which a basis up to degree 3 neither has nor misses when its highest degrees are left out.
inline MetricAt rippled_torus(const geometry::Matrix7& flat, double e) {
  return [flat, e](const double* x) -> geometry::Matrix7 {
    geometry::Matrix7 jacobian = geometry::Matrix7::Identity();
    for (int a = 0; a < 3; ++a) {
      const double slope = e * std::cos(2.0 * x[a + 3] + x[6]);
      jacobian(a, a + 3) += 2.0 * slope;
      jacobian(a, 6) += slope;
    }
    return jacobian.transpose() * flat * jacobian;
  };
}

inline double uniform(std::uint64_t seed, std::uint64_t index, std::uint32_t block) {
  double pair[2];
  geometry::uniform_pair({seed, geometry::Stream::samples, 7}, index, block, pair);
  return pair[0];
}

/// A metric with random axes and eigenvalues between 1 and `condition`.
inline geometry::SymMetric random_metric(std::uint64_t index, double condition) {
  geometry::Matrix7 a;
  for (int i = 0; i < geometry::dim * geometry::dim; ++i)
    a(i / geometry::dim, i % geometry::dim) = uniform(11, index, static_cast<std::uint32_t>(i)) - 0.5;
  const geometry::Matrix7 q = Eigen::HouseholderQR<geometry::Matrix7>(a).householderQ();
  Eigen::Matrix<double, geometry::dim, 1> eigenvalues;
  for (int i = 0; i < geometry::dim; ++i)
    eigenvalues(i) = std::pow(condition, uniform(12, index, static_cast<std::uint32_t>(i)));
  const geometry::Matrix7 g = q * eigenvalues.asDiagonal() * q.transpose();
  return geometry::pack(geometry::Matrix7(0.5 * (g + g.transpose())).data());
}

/// n random points with metrics that vary strongly from point to point.
inline AllPoints random_points(const std::string& manifold, std::size_t n, double condition = 30.0) {
  AllPoints all;
  all.manifold = geometry::make_manifold(manifold);
  all.points.resize(n * all.point_size());
  for (std::size_t i = 0; i < n; ++i) {
    double* p = all.points.data() + i * all.point_size();
    double coords[geometry::dim];
    if (manifold == "euclidean") {
      for (std::uint32_t d = 0; d < geometry::dim; ++d) p[d] = uniform(13, i, d);
    } else {
      all.manifold->sample({14, geometry::Stream::samples, 0}, i, p, coords);
    }
    const auto g = random_metric(i, condition);
    all.metrics.insert(all.metrics.end(), g.begin(), g.end());
  }
  return all;
}

/// The share of this rank as a file would give it.
inline spectral::PointCloud slab(const AllPoints& all, const parallel::Communicator& comm = world()) {
  const auto rows = parallel::even_rows(static_cast<GlobalIndex>(all.size()), comm.rank(), comm.size());
  spectral::PointCloud cloud;
  cloud.n_global = static_cast<GlobalIndex>(all.size());
  cloud.point_size = all.manifold->point_size();
  for (auto row = static_cast<std::size_t>(rows.begin); row < static_cast<std::size_t>(rows.end); ++row) {
    cloud.ids.push_back(static_cast<GlobalIndex>(row));
    cloud.points.insert(cloud.points.end(), all.point(row), all.point(row) + all.point_size());
    if (!all.one_metric)
      cloud.metrics.insert(cloud.metrics.end(), all.metric(row), all.metric(row) + geometry::n_sym);
    if (!all.densities.empty()) cloud.densities.push_back(all.densities[row]);
  }
  cloud.one_metric = all.one_metric;
  if (all.one_metric) cloud.metrics.assign(all.metric(0), all.metric(0) + geometry::n_sym);
  return cloud;
}

/// The graph as the program makes it. Collective.
inline spectral::KnnGraph knn_graph(const AllPoints& all, int k, int threads = 1) {
  const auto regions = spectral::make_regions(slab(all), *all.manifold, world(), threads);
  return spectral::build_knn_graph(regions.points, *all.manifold, *regions.embedding, k, world(), threads);
}

/// (d^2, id) of the k nearest points of point i.
inline std::vector<std::pair<double, std::size_t>> nearest(const AllPoints& all, std::size_t i, int k) {
  std::vector<std::pair<double, std::size_t>> list;
  for (std::size_t j = 0; j < all.size(); ++j)
    if (j != i) list.emplace_back(all.distance_sq(i, j), j);
  std::partial_sort(list.begin(), list.begin() + k, list.end());
  list.resize(static_cast<std::size_t>(k));
  return list;
}

/// Join::balanced by brute force: (id, d^2) of each point's edges in the graph of k neighbours.
inline std::vector<std::map<std::size_t, double>> balanced_edges(const AllPoints& all, int k) {
  std::vector<double> near(all.size());  // d^2 of the last of the k/4 nearest
  std::vector<double> far(all.size());   // d^2 of the k-th
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto list = nearest(all, i, k);
    near[i] = list[static_cast<std::size_t>((k + 3) / 4 - 1)].first;
    far[i] = list.back().first;
  }
  std::vector<std::map<std::size_t, double>> edges(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double square = all.distance_sq(i, j);
      const double up_to = std::max({near[i], near[j], std::sqrt(far[i]) * std::sqrt(far[j])});
      // Both k-th neighbours of each other: equal up to rounding.
      if (square <= up_to * (1.0 + 1e-13)) edges[i][j] = edges[j][i] = square;
    }
  }
  return edges;
}

}  // namespace k7::test
