// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/resolution.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "k7/geometry/metric.hpp"
#include "spectral/graph/cut_ball.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;
using geometry::Matrix7;

constexpr GlobalIndex most_points = 40000;  // about so many are looked at; more would say nothing new
constexpr double inside = 1.0;              // radii from the boundary
// Largest moment over the mean, minus 1: below the noise of round neighbourhoods it is none, and counts in full from a
// width further on. Of few points the noise is more.
constexpr double noise = 0.01;
constexpr double noise_of_one = 0.7;
constexpr double noise_width = 0.01;
constexpr double nearly = 0.9;         // of half a period
constexpr double even = 1.0 - nearly;  // share of neighbours beyond that where they fill the circle evenly
constexpr int power = 32;              // of the mean that picks the largest moments without a jump

/// Sums over points, one for each number of neighbours.
struct Moments {
  /// Means of z z^T over neighbours, z = L^T v in the frame of the point's own metric g = L L^T, with weights 1/J: see
  /// Laplacian.
  Matrix7 sum = Matrix7::Zero();
  double points = 0.0;
  Eigen::Matrix<double, dim, 1> far =
      Eigen::Matrix<double, dim, 1>::Zero();  ///< neighbours near half a period
  double neighbors = 0.0;
};

/// Nearly half the period of each direction of the frame that is a circle, otherwise infinite.
Eigen::Matrix<double, dim, 1> far_along(const geometry::Manifold& manifold) {
  auto result = Eigen::Matrix<double, dim, 1>::Constant(std::numeric_limits<double>::infinity()).eval();
  for (const geometry::Factor& factor : manifold.embedding(Matrix7::Identity())->factors())
    if (factor.kind == geometry::Factor::Kind::circle) result[factor.frame] = nearly * 0.5 * factor.period;
  return result;
}

bool is_inside(const KnnGraph& graph, std::size_t i, std::size_t k) {
  if (graph.boundary.empty()) return true;
  const double last = graph.distance_sq[i * static_cast<std::size_t>(graph.k) + k - 1];
  return graph.boundary[i] > inside * std::sqrt(last);
}

std::vector<Moments> sum_moments(const KnnGraph& graph, const PointCloud& points,
                                 const geometry::Manifold& manifold, const std::vector<int>& neighbors,
                                 const parallel::Communicator& comm) {
  const Displacements displacement(graph, points, manifold, GhostExchange(graph, comm));
  const auto far = far_along(manifold);
  std::vector<Moments> moments(neighbors.size());
  // By input row, so that they are the same points on any number of ranks.
  const GlobalIndex step = std::max<GlobalIndex>(1, graph.n_global / most_points);
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    if (graph.ids[i] % step != 0) continue;
    const Matrix7 factor = geometry::unpack(points.metric(i)).llt().matrixL();
    Matrix7 sum = Matrix7::Zero();
    Eigen::Matrix<double, dim, 1> n_far = Eigen::Matrix<double, dim, 1>::Zero();
    double weights = 0.0;
    std::size_t m = 0;
    for (std::size_t level = 0; level < neighbors.size(); ++level) {
      const auto k = static_cast<std::size_t>(neighbors[level]);
      for (; m < k; ++m) {
        const Vector7 numbers = displacement(i, m);
        const Eigen::Map<const Eigen::Matrix<double, dim, 1>> v(numbers.data());
        const Eigen::Matrix<double, dim, 1> z = factor.transpose() * v;
        n_far += (v.cwiseAbs().array() > far.array()).cast<double>().matrix();
        const std::size_t entry = i * static_cast<std::size_t>(graph.k) + m;
        const double weight =
            graph.volume_factors.empty() ? 1.0 : 1.0 / bounded_factor(graph.volume_factors[entry]);
        sum += weight * z * z.transpose();
        weights += weight;
      }
      moments[level].far += n_far;
      moments[level].neighbors += static_cast<double>(k);
      if (!is_inside(graph, i, k)) continue;
      moments[level].sum += sum / weights;
      moments[level].points += 1.0;
    }
  }
  for (Moments& m : moments) {
    comm.sum(m.sum.data(), static_cast<std::size_t>(m.sum.size()));
    m.points = comm.sum(m.points);
    comm.sum(m.far.data(), dim);
    m.neighbors = comm.sum(m.neighbors);
  }
  return moments;
}

/// See Resolution::wrapped.
double wrapped(const Moments& moments) {
  double squares = 0.0;
  for (int a = 0; a < dim; ++a) {
    const double share = moments.far[a] / std::max(1.0, moments.neighbors);
    squares += std::pow(share * std::max(0.0, 1.0 - share / even), 2);
  }
  return std::sqrt(squares);
}

/// The largest of the moments, as a mean that does not jump.
double largest(const Eigen::Matrix<double, dim, 1>& moments) {
  const double scale = moments.maxCoeff();
  double above = 0.0;
  double below = 0.0;
  for (int a = 0; a < dim; ++a) {
    const double weight = std::pow(std::max(0.0, moments[a] / scale), power);
    above += weight * moments[a];
    below += weight;
  }
  return above / below;
}

}  // namespace

std::vector<Resolution> measure_resolution(const KnnGraph& graph, const PointCloud& points,
                                           const geometry::Manifold& manifold,
                                           const std::vector<int>& neighbors,
                                           const parallel::Communicator& comm) {
  const auto all = sum_moments(graph, points, manifold, neighbors, comm);
  std::vector<Resolution> result;
  for (std::size_t level = 0; level < all.size(); ++level) {
    Resolution resolution{neighbors[level]};
    resolution.wrapped = wrapped(all[level]);
    if (all[level].points > 0.0 && all[level].sum.trace() > 0.0) {
      const Eigen::Matrix<double, dim, 1> moments =
          Eigen::SelfAdjointEigenSolver<Matrix7>(all[level].sum / all[level].points, Eigen::EigenvaluesOnly)
              .eigenvalues();
      const double mean = moments.mean();
      const double longest = largest(moments);
      const double excess = longest / mean - 1.0;
      const double usual = std::max(noise, noise_of_one / std::sqrt(all[level].points));
      const double counted = std::clamp((excess - usual) / noise_width, 0.0, 1.0);
      resolution.radius = std::sqrt((dim + 2.0) * mean);
      resolution.stretch = 1.0 + counted * excess;
      if (counted > 0.0) {
        const Slab slab = slab_of(moments[0] / longest);
        resolution.missing = counted * (1.0 - moments[0] / longest);
        resolution.radius = std::sqrt(longest / slab.moment_along);
        resolution.shortest = 2.0 * slab.half_width * resolution.radius;
      }
    }
    result.push_back(resolution);
  }
  return result;
}

}  // namespace k7::spectral
