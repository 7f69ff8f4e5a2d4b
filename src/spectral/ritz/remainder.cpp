// SPDX-License-Identifier: Apache-2.0
#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/blas.hpp"
#include "k7/geometry/metric.hpp"
#include "spectral/ritz/quadrature.hpp"

namespace k7::spectral {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using geometry::dim;
using geometry::Matrix7;

namespace {

constexpr Index n_fields = dim + 1;  // of each function: the flux along seven directions, and the density
constexpr Index block_points = 128;

/// The directions along which factors of the space have ends.
std::vector<Index> directions_with_ends(const std::vector<ScaledFeatures::Group>& groups) {
  std::vector<Index> directions;
  for (const auto& group : groups)
    if (group.has_ends) directions.push_back(group.first_direction);
  return directions;
}

/// All nodes; of many samples as many of their groups as hold some 50 000 of them, whatever the number of ranks.
std::vector<std::size_t> some_points(const PointCloud& cloud) {
  constexpr GlobalIndex enough = 50000;
  const PointGroups groups(cloud.nodes);
  const GlobalIndex wanted = 1 + enough * groups.count() / std::max<GlobalIndex>(1, cloud.n_global);
  std::vector<std::size_t> points;
  for (std::size_t i = 0; i < cloud.size(); ++i)
    if (cloud.nodes || groups.of(cloud.ids[i]) < wanted) points.push_back(i);
  return points;
}

/// Squared norms of the projections of fields onto a span.
/// @param products (n, n) scalar products of what spans it, lower triangle
/// @param projections (n, fields) its scalar products with the fields
VectorXd squares_within(const MatrixXd& products, const MatrixXd& projections) {
  constexpr double null_tolerance = 1e-9;
  const VectorXd scale =
      products.diagonal().cwiseMax(std::numeric_limits<double>::min()).cwiseSqrt().cwiseInverse();
  const MatrixXd full = products.selfadjointView<Eigen::Lower>();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(scale.asDiagonal() * full * scale.asDiagonal());
  const VectorXd& spread = solver.eigenvalues();
  const MatrixXd along = solver.eigenvectors().transpose() * (scale.asDiagonal() * projections);
  VectorXd squares = VectorXd::Zero(projections.cols());
  for (Index a = 0; a < spread.size(); ++a)
    if (spread(a) > null_tolerance * spread(spread.size() - 1))
      squares += along.row(a).cwiseAbs2().transpose() / spread(a);
  return squares;
}

/// Of function k. @param outside (8 functions) squared norms of its fields
double residual_sq(const VectorXd& outside, Index k, double value, double least_energy) {
  const Index count = outside.size() / n_fields;
  double flux = 0.0;
  for (Index m = 0; m < dim; ++m) flux += outside(m * count + k);
  const double density = outside(dim * count + k) / least_energy;
  const double result = std::pow(std::sqrt(flux) + value * std::sqrt(density), 2);
  // Metrics that differ by hundreds of powers of ten may overflow here.
  return std::isfinite(result) ? result : std::numeric_limits<double>::infinity();
}

}  // namespace

/// Scalar products over the nodes, in the measure of the frame.
struct Quadrature::FieldSums {
  MatrixXd products;     ///< (n, n) of the basis, lower triangle
  MatrixXd along_ends;   ///< the same of its derivatives along the direction with ends
  MatrixXd projections;  ///< (n, 8 functions) of the basis, or of those derivatives, with the fields
  VectorXd squares;      ///< (8 functions) of the fields

  FieldSums(Index n, Index n_functions, bool has_ends)
      : products(MatrixXd::Zero(n, n)),
        along_ends(has_ends ? MatrixXd::Zero(n, n) : MatrixXd(0, 0)),
        projections(MatrixXd::Zero(n, n_fields * n_functions)),
        squares(VectorXd::Zero(n_fields * n_functions)) {}

  void add(const FieldSums& other) {
    products += other.products;
    along_ends += other.along_ends;
    projections += other.projections;
    squares += other.squares;
  }

  /// Squared norms of what of the fields lies outside the first n functions. @param ends direction, or -1
  VectorXd outside(Index n, Index ends) const {
    VectorXd within = squares_within(products.topLeftCorner(n, n), projections.topRows(n));
    if (ends >= 0) {
      const Index count = squares.size() / n_fields;
      within.segment(ends * count, count) = squares_within(
          along_ends.topLeftCorner(n, n), projections.middleCols(ends * count, count).topRows(n));
    }
    return (squares - within).cwiseMax(0.0);
  }

  void sum(const parallel::Communicator& comm) {
    comm.sum(products.data(), static_cast<std::size_t>(products.size()));
    if (along_ends.size() > 0) comm.sum(along_ends.data(), static_cast<std::size_t>(along_ends.size()));
    comm.sum(projections.data(), static_cast<std::size_t>(projections.size()));
    comm.sum(squares.data(), static_cast<std::size_t>(squares.size()));
  }
};

/// The constant coefficients near sqrt(det g) g^{-1} and sqrt(det g): their means in the measure of the frame.
struct Quadrature::MeanCoefficients {
  Matrix7 inverse_factor;  ///< L^{-1} with L L^T the mean of sqrt(det g) g^{-1}
  double density;
  double share;  ///< all weights over those of the points

  MeanCoefficients(const PointCloud& cloud, const std::vector<std::size_t>& points,
                   const std::vector<double>& weights, const parallel::Communicator& comm) {
    constexpr std::size_t n_entries = dim * dim;
    std::array<double, n_entries + 3> sums{};
    for (const std::size_t i : points) {
      // weights have sqrt(det g) in them already.
      const Matrix7 inverse = geometry::unpack(cloud.metric(i)).inverse();
      for (std::size_t c = 0; c < n_entries; ++c) sums[c] += weights[i] * inverse.data()[c];
      sums[n_entries] += weights[i];
      sums[n_entries + 1] += weights[i] * geometry::inverse_volume(cloud.metric(i));
    }
    for (const double weight : weights) sums[n_entries + 2] += weight;
    comm.sum(sums.data(), sums.size());
    const double measure = sums[n_entries + 1];
    const Matrix7 mean = Matrix7::Map(sums.data()) / measure;
    inverse_factor = mean.llt().matrixL().solve(Matrix7::Identity());
    density = sums[n_entries] / measure;
    share = sums[n_entries + 2] / sums[n_entries];
  }
};

std::vector<Residual> Quadrature::residuals_sq(const MatrixXd& functions, const VectorXd& values,
                                               double least_energy,
                                               const parallel::Communicator& comm) const {
  const auto with_ends = directions_with_ends(features_.groups());
  if (with_ends.size() > 1) return {};
  const Index ends = with_ends.empty() ? -1 : with_ends.front();
  const auto points = some_points(cloud_);
  const MeanCoefficients mean(cloud_, points, weights_, comm);
  const Index n = polynomials_.size();
  const Index count = functions.cols();
  FieldSums sums(n, count, ends >= 0);
  const auto size = static_cast<Index>(points.size());
  const Index n_blocks = (size + block_points - 1) / block_points;
  const SerialBlas blas(threads_ > 1);
#pragma omp parallel num_threads(threads_)
  {
    FieldSums mine(n, count, ends >= 0);
#pragma omp for schedule(static) nowait
    for (Index block = 0; block < n_blocks; ++block) {
      const Index begin = block * block_points;
      add_fields(points.data() + begin, std::min(block_points, size - begin), functions, mean, ends, mine);
    }
#pragma omp critical(k7_ritz_fields)
    sums.add(mine);
  }
  sums.sum(comm);
  // The functions have the norm 1 over all points.
  const VectorXd outside = mean.share * sums.outside(n, ends);
  const VectorXd outside_smaller = mean.share * sums.outside(polynomials_.smaller_size(), ends);
  std::vector<Residual> result;
  for (Index k = 0; k < count; ++k)
    result.push_back({residual_sq(outside, k, values(k), least_energy),
                      residual_sq(outside_smaller, k, values(k), least_energy)});
  return result;
}

/// @param points which of the rank's points
void Quadrature::add_fields(const std::size_t* points, Index rows, const MatrixXd& functions,
                            const MeanCoefficients& mean, Index ends, FieldSums& sums) const {
  VectorXd factors(rows);
  for (Index row = 0; row < rows; ++row)
    factors(row) = std::sqrt(weights_[points[row]] * geometry::inverse_volume(cloud_.metric(points[row])));
  const auto [values, gradients] = evaluate(points, factors, Frame::of_manifold);
  const MatrixXd u = values.leftCols(functions.rows()) * functions;
  const MatrixXd du = gradients.leftCols(functions.rows()) * functions;
  const Index count = functions.cols();
  MatrixXd fields(rows, n_fields * count);
  for (Index row = 0; row < rows; ++row) {
    const double* metric = cloud_.metric(points[row]);
    const double density = 1.0 / geometry::inverse_volume(metric);
    const Matrix7 whitened = density * mean.inverse_factor * geometry::unpack(metric).inverse();
    for (Index k = 0; k < count; ++k) {
      Eigen::Matrix<double, dim, 1> gradient;
      for (int m = 0; m < dim; ++m) gradient(m) = du(m * rows + row, k);
      const Eigen::Matrix<double, dim, 1> flux = whitened * gradient;
      for (int m = 0; m < dim; ++m) fields(row, m * count + k) = flux(m);
      fields(row, dim * count + k) = density * u(row, k) / std::sqrt(mean.density);
    }
  }
  sums.squares += fields.colwise().squaredNorm().transpose();
  sums.projections += values.transpose() * fields;
  add_products(values, sums.products);
  if (ends >= 0) {
    const MatrixXd along = gradients.middleRows(ends * rows, rows);
    add_products(along, sums.along_ends);
    sums.projections.middleCols(ends * count, count) +=
        (along - values).transpose() * fields.middleCols(ends * count, count);
  }
}

}  // namespace k7::spectral
