// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/resolution.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "k7/geometry/metric.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;
using geometry::Matrix7;

constexpr std::size_t most_points = 20000;  // of a rank; more would say nothing new
constexpr double inside = 1.0;              // radii from the boundary
constexpr double thin = 0.4;                // of the mean square missing: low functions do not vary along it
constexpr double noise = 0.1;               // no matter how round the neighbourhoods are
constexpr int power = 8;                    // of the mean that picks the largest moments without a jump

/// Sums over points, one for each number of neighbours.
struct Moments {
  Matrix7 sum = Matrix7::Zero();  ///< of z z^T, z = L^T v in the frame of the point's own metric g = L L^T
  double points = 0.0;
};

bool is_inside(const KnnGraph& graph, std::size_t i, std::size_t k) {
  if (graph.boundary.empty()) return true;
  const double last = graph.distance_sq[i * static_cast<std::size_t>(graph.k) + k - 1];
  return graph.boundary[i] > inside * std::sqrt(last);
}

std::vector<Moments> sum_moments(const KnnGraph& graph, const PointCloud& points,
                                 const geometry::Manifold& manifold, const std::vector<int>& neighbors,
                                 const parallel::Communicator& comm) {
  const Displacements displacement(graph, points, manifold, GhostExchange(graph, comm));
  std::vector<Moments> moments(neighbors.size());
  const std::size_t step = std::max<std::size_t>(1, graph.n_local() / most_points);
  for (std::size_t i = 0; i < graph.n_local(); i += step) {
    const Matrix7 factor = geometry::unpack(points.metric(i)).llt().matrixL();
    Matrix7 sum = Matrix7::Zero();
    std::size_t m = 0;
    for (std::size_t level = 0; level < neighbors.size(); ++level) {
      const auto k = static_cast<std::size_t>(neighbors[level]);
      for (; m < k; ++m) {
        const Vector7 v = displacement(i, m);
        const Eigen::Matrix<double, dim, 1> z =
            factor.transpose() * Eigen::Map<const Eigen::Matrix<double, dim, 1>>(v.data());
        sum += z * z.transpose();
      }
      if (!is_inside(graph, i, k)) continue;
      moments[level].sum += sum / static_cast<double>(k);
      moments[level].points += 1.0;
    }
  }
  for (Moments& m : moments) {
    comm.sum(m.sum.data(), static_cast<std::size_t>(m.sum.size()));
    m.points = comm.sum(m.points);
  }
  return moments;
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
    if (all[level].points > 0.0) {
      const Eigen::Matrix<double, dim, 1> moments =
          Eigen::SelfAdjointEigenSolver<Matrix7>(all[level].sum / all[level].points, Eigen::EigenvaluesOnly)
              .eigenvalues();
      const double mean = moments.mean();
      const double missing = 1.0 - moments[0] / mean;
      resolution.radius = std::sqrt((dim + 2.0) * mean);
      if (missing > noise) resolution.thinness = missing;
      if (missing > thin) {
        resolution.stretch = largest(moments) / mean;
        // Evenly filled, a length l has the variance l^2 / 12 from one of its points to another one.
        resolution.shortest = std::sqrt(12.0 * std::max(0.0, moments[0]));
      }
    }
    result.push_back(resolution);
  }
  return result;
}

}  // namespace k7::spectral
