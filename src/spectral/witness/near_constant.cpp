// SPDX-License-Identifier: Apache-2.0
#include "spectral/witness/near_constant.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "k7/geometry/metric.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;
using geometry::Matrix7;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Of high / low. The bounds of a metric that is farther from constant say less than any other method.
const double largest_log_ratio = std::log(1.2);

/// Extremes of a logarithm.
struct Range {
  double low = infinity;
  double high = -infinity;

  void add(double from, double to) {
    low = std::min(low, from);
    high = std::max(high, to);
  }
  double width() const { return high - low; }
  /// Over all ranks. Collective.
  Range of_all(const parallel::Communicator& comm) const { return {comm.min(low), comm.max(high)}; }
};

/// log sqrt(det g): the volume itself may be out of range.
std::vector<double> log_volumes(const PointCloud& cloud) {
  std::vector<double> logs(cloud.size());
  for (std::size_t i = 0; i < logs.size(); ++i) {
    const Eigen::LLT<Matrix7> cholesky(geometry::unpack(cloud.metric(i)));
    for (int a = 0; a < dim; ++a) logs[i] += std::log(cholesky.matrixLLT()(a, a));
  }
  return logs;
}

/// The mean of g^{-1} over the Riemannian volume. Collective.
/// @param log_volume (n_local)
Matrix7 mean_inverse(const PointCloud& cloud, const std::vector<double>& log_volume,
                     const parallel::Communicator& comm) {
  const bool has_density = has_densities(cloud, comm);
  const auto log_weight = [&](std::size_t i) {
    return has_density ? -std::log(cloud.densities[i]) : log_volume[i];
  };
  double largest = -infinity;
  for (std::size_t i = 0; i < cloud.size(); ++i) largest = std::max(largest, log_weight(i));
  largest = comm.max(largest);
  Matrix7 sum = Matrix7::Zero();
  double weights = 0.0;
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    const double weight = std::exp(log_weight(i) - largest);
    sum += weight * geometry::unpack(cloud.metric(i)).llt().solve(Matrix7::Identity());
    weights += weight;
  }
  comm.sum(sum.data(), static_cast<std::size_t>(sum.size()));
  return (0.5 / comm.sum(weights)) * (sum + sum.transpose());
}

/// Extremes of log(sqrt(g) e) over the points, e the eigenvalues of g^{-1} against g0^{-1}. Stops where the range is too
/// wide already. Collective.
/// @param factor L with g0^{-1} = L L^T
Range energy_range(const PointCloud& cloud, const std::vector<double>& log_volume, const Matrix7& factor,
                   const parallel::Communicator& comm) {
  Range range;
  for (std::size_t i = 0; i < cloud.size() && !(range.width() > largest_log_ratio); ++i) {
    const Matrix7 relative = factor.transpose() * geometry::unpack(cloud.metric(i)) * factor;
    const auto lengths =
        Eigen::SelfAdjointEigenSolver<Matrix7>(relative, Eigen::EigenvaluesOnly).eigenvalues();
    range.add(log_volume[i] - std::log(lengths.maxCoeff()), log_volume[i] - std::log(lengths.minCoeff()));
  }
  return range.of_all(comm);
}

}  // namespace

std::optional<NearConstant> near_constant(const PointCloud& cloud, const parallel::Communicator& comm) {
  if (cloud.one_metric) return NearConstant{geometry::unpack(cloud.metric(0)), 1.0, 1.0};
  const std::vector<double> log_volume = log_volumes(cloud);
  Range volume;
  for (const double v : log_volume) volume.add(v, v);
  volume = volume.of_all(comm);
  if (!(volume.width() <= largest_log_ratio)) return {};

  const Matrix7 inverse = mean_inverse(cloud, log_volume, comm);
  const Eigen::LLT<Matrix7> cholesky(inverse);
  if (cholesky.info() != Eigen::Success) return {};
  const Range energy = energy_range(cloud, log_volume, cholesky.matrixL(), comm);
  const Range ratio{energy.low - volume.high, energy.high - volume.low};
  if (!(ratio.width() <= largest_log_ratio)) return {};
  // A mean lies between the extremes, but for rounding.
  return NearConstant{cholesky.solve(Matrix7::Identity()), std::min(std::exp(ratio.low), 1.0),
                      std::max(std::exp(ratio.high), 1.0)};
}

}  // namespace k7::spectral
