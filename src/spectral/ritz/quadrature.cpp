// SPDX-License-Identifier: Apache-2.0
#include "spectral/ritz/quadrature.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/blas.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::spectral {

using Eigen::Index;
using Eigen::MatrixXd;
using geometry::dim;

namespace {

constexpr Index block_points = 128;  // derivatives of 300 functions: 2 MB, a core's cache

/// The finaliser of SplitMix64, so that neither order nor period of the rows shows.
std::uint64_t hash(GlobalIndex row) {
  auto z = static_cast<std::uint64_t>(row) + 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

/// log sqrt(det g) from a Cholesky factor: det g itself may be out of range.
double log_volume(const double* metric) {
  const Eigen::LLT<geometry::Matrix7> cholesky(geometry::unpack(metric));
  double sum = 0.0;
  for (int i = 0; i < dim; ++i) sum += std::log(cholesky.matrixLLT()(i, i));
  return sum;
}

/// Turns one point's derivatives along the frame into L^{-1} of them, g = L L^T, so that their products
/// summed over the directions are g^{mn} E_m f E_n h. The product rule does not mind.
/// @param gradients (dim * rows, features), see ScaledFeatures::evaluate
void make_orthonormal(const double* metric, Index row, Index rows, MatrixXd& gradients) {
  const Eigen::LLT<geometry::Matrix7> cholesky(geometry::unpack(metric));
  for (Index column = 0; column < gradients.cols(); ++column) {
    Eigen::Matrix<double, dim, 1> gradient;
    for (int m = 0; m < dim; ++m) gradient(m) = gradients(m * rows + row, column);
    cholesky.matrixL().solveInPlace(gradient);
    for (int m = 0; m < dim; ++m) gradients(m * rows + row, column) = gradient(m);
  }
}

}  // namespace

void add_products(const MatrixXd& factor, MatrixXd& sum) {
  if (!openblas_rank_update(factor.data(), static_cast<int>(factor.rows()), static_cast<int>(factor.cols()),
                            sum.data()))
    sum.selfadjointView<Eigen::Lower>().rankUpdate(factor.transpose());
}

Weights quadrature_weights(const PointCloud& cloud, const geometry::Manifold& manifold,
                           const std::string& name, const parallel::Communicator& comm) {
  Weights weights;
  // A rank without points cannot tell whether there are densities.
  weights.from_metric = !cloud.nodes && comm.max(cloud.densities.empty() ? 0.0 : 1.0) == 0.0;
  parallel::agree(comm, [&] {
    if (weights.from_metric && !(manifold.frame_volume() > 0.0))
      throw InputError(name + ": /weight is missing, and manifold " + manifold.name() +
                       " has no sampling density of its own; the method ritz needs the density of the points "
                       "against the Riemannian volume");
  });
  std::vector<double>& w = weights.values;
  w.resize(cloud.size());
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (cloud.nodes)
      w[i] = log_volume(cloud.metric(i)) + std::log(cloud.nodes->weights[i]);
    else
      w[i] = weights.from_metric ? log_volume(cloud.metric(i)) : -std::log(cloud.densities[i]);
    largest = std::max(largest, w[i]);
  }
  largest = comm.max(largest);
  std::array<double, 2> sums{};
  for (double& value : w) {
    value = std::exp(value - largest);
    sums[0] += value;
    sums[1] += value * value;
  }
  comm.sum(sums.data(), sums.size());
  weights.effective_points = sums[0] * sums[0] / sums[1];
  return weights;
}

int PointGroups::of(GlobalIndex row) const {
  const auto n = static_cast<std::uint64_t>(count_);
  return static_cast<int>((by_rule_ ? static_cast<std::uint64_t>(row) : hash(row)) % n);
}

std::vector<Forms> Quadrature::group_forms(const parallel::Communicator& comm) const {
  const PointGroups point_groups(cloud_.nodes);
  std::vector<std::vector<std::size_t>> members(static_cast<std::size_t>(point_groups.count()));
  for (std::size_t i = 0; i < cloud_.size(); ++i)
    members[static_cast<std::size_t>(point_groups.of(cloud_.ids[i]))].push_back(i);
  std::vector<Forms> groups;
  for (const auto& points : members) {
    groups.push_back(forms(points));
    Forms& sum = groups.back();
    comm.sum(sum.k.data(), static_cast<std::size_t>(sum.k.size()));
    comm.sum(sum.m.data(), static_cast<std::size_t>(sum.m.size()));
  }
  return groups;
}

/// @param points which of the rank's points
Forms Quadrature::forms(const std::vector<std::size_t>& points) const {
  Forms sum(polynomials_.size());
  const auto n = static_cast<Index>(points.size());
  const Index n_blocks = (n + block_points - 1) / block_points;
  const int threads = static_cast<int>(std::min<Index>(threads_, std::max<Index>(n_blocks, 1)));
  const SerialBlas blas(threads > 1);
#pragma omp parallel num_threads(threads)
  {
    Forms mine(polynomials_.size());
#pragma omp for schedule(static) nowait
    for (Index block = 0; block < n_blocks; ++block) {
      const Index begin = block * block_points;
      add_block(points.data() + begin, std::min(block_points, n - begin), mine);
    }
#pragma omp critical(k7_ritz_sum)
    sum.add(mine);
  }
  sum.k.triangularView<Eigen::StrictlyUpper>() = sum.k.transpose();
  sum.m.triangularView<Eigen::StrictlyUpper>() = sum.m.transpose();
  return sum;
}

/// Derivatives are along the manifold's frame, or along one that is orthonormal in the metric.
Quadrature::Block Quadrature::evaluate(const std::size_t* points, const Eigen::VectorXd& factors,
                                       Frame frame) const {
  const Index rows = factors.size();
  MatrixXd feature_values(rows, features_.count());
  MatrixXd feature_gradients(dim * rows, features_.count());
  for (Index row = 0; row < rows; ++row) {
    features_.evaluate(cloud_.point(points[row]), row, feature_values, feature_gradients);
    if (frame == Frame::orthonormal)
      make_orthonormal(cloud_.metric(points[row]), row, rows, feature_gradients);
  }
  Block block{MatrixXd(rows, polynomials_.size()), MatrixXd(dim * rows, polynomials_.size())};
  block.values.col(0) = factors;
  block.gradients.col(0).setZero();
  polynomials_.evaluate(feature_values, feature_gradients, block.values, block.gradients);
  return block;
}

/// Lower triangles only.
void Quadrature::add_block(const std::size_t* points, Index rows, Forms& forms) const {
  Eigen::VectorXd factors(rows);
  for (Index row = 0; row < rows; ++row) factors(row) = std::sqrt(weights_[points[row]]);
  const Block block = evaluate(points, factors, Frame::orthonormal);
  add_products(block.gradients, forms.k);
  add_products(block.values, forms.m);
}

}  // namespace k7::spectral
