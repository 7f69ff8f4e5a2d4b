// SPDX-License-Identifier: Apache-2.0
#include "spectral/ritz/basis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace k7::spectral {

using Eigen::Index;
using Eigen::MatrixXd;
using geometry::dim;

namespace {

constexpr double half_pi = 0.5 * geometry::pi;
constexpr std::size_t max_features = 2 * dim;  // cos and sin of seven coordinates; 10 on S1 x S3 x S3

}  // namespace

ScaledFeatures::ScaledFeatures(const PointCloud& cloud, const geometry::Manifold& manifold,
                               const parallel::Communicator& comm)
    : manifold_(manifold), scale_(manifold.scale()), n_(static_cast<std::size_t>(manifold.n_features())) {
  const Range range = range_of_points(cloud, comm);
  constexpr double rounding = 1e-12;
  for (std::size_t j = 0; j < n_; ++j) {
    const double half_width = 0.5 * range.high[j] - 0.5 * range.low[j];
    const double centre = 0.5 * range.high[j] + 0.5 * range.low[j];
    if (!(half_width > rounding * std::abs(centre))) continue;  // constant on all points
    bool has_ends = true;
    for (std::size_t m = 1; m <= dim; ++m) {
      const double low = range.low[m * n_ + j];
      const double high = range.high[m * n_ + j];
      has_ends = has_ends && high - low <= rounding * std::max(std::abs(low), std::abs(high));
    }
    kept_.push_back({j, centre, half_width, has_ends});
  }
}

ScaledFeatures::Range ScaledFeatures::range_of_points(const PointCloud& cloud,
                                                      const parallel::Communicator& comm) const {
  const std::size_t size = (1 + dim) * n_;
  Range range{std::vector<double>(size, std::numeric_limits<double>::infinity()),
              std::vector<double>(size, -std::numeric_limits<double>::infinity())};
  std::vector<double> raw(size);
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    manifold_.features(cloud.point(i), raw.data(), raw.data() + n_);
    for (std::size_t j = 0; j < size; ++j) {
      range.low[j] = std::min(range.low[j], raw[j]);
      range.high[j] = std::max(range.high[j], raw[j]);
    }
  }
  comm.min(range.low.data(), size);
  comm.max(range.high.data(), size);
  return range;
}

void ScaledFeatures::evaluate(const double* point, Index row, MatrixXd& values, MatrixXd& gradients) const {
  std::array<double, (1 + dim) * max_features> raw{};
  manifold_.features(point, raw.data(), raw.data() + n_);
  for (Index column = 0; column < count(); ++column) {
    const Feature& feature = kept_[static_cast<std::size_t>(column)];
    const double x = (raw[feature.index] - feature.centre) / feature.half_width;
    const double slope = feature.has_ends ? half_pi * std::cos(half_pi * x) : 1.0;
    values(row, column) = feature.has_ends ? std::sin(half_pi * x) : x;
    // features() differentiates along the learned coframe's frame, which is E_m / scale_m.
    for (std::size_t m = 0; m < dim; ++m)
      gradients(static_cast<Index>(m) * values.rows() + row, column) =
          scale_[m] * raw[(1 + m) * n_ + feature.index] * slope / feature.half_width;
  }
}

Monomials::Monomials(int n_features, int degree) {
  products_.push_back({0, 0});
  size_of_degree_.push_back(1);
  std::vector<int> last{0};  // highest feature in each product, so that each set of factors comes once
  Index begin = 0;
  for (int d = 1; d <= degree; ++d) {
    const Index end = size();
    for (Index parent = begin; parent < end; ++parent)
      for (int feature = last[static_cast<std::size_t>(parent)]; feature < n_features; ++feature) {
        products_.push_back({parent, feature});
        last.push_back(feature);
      }
    begin = end;
    size_of_degree_.push_back(size());
  }
}

double Monomials::count(int n_features, int degree) {
  double n = 1.0;
  for (int d = 1; d <= degree; ++d) n *= static_cast<double>(n_features + d) / d;
  return n;
}

void Monomials::evaluate(const MatrixXd& features, const MatrixXd& feature_gradients, MatrixXd& values,
                         MatrixXd& gradients) const {
  const Index rows = features.rows();
  for (Index a = 1; a < size(); ++a) {
    const auto [parent, feature] = products_[static_cast<std::size_t>(a)];
    values.col(a) = values.col(parent).cwiseProduct(features.col(feature));
    for (int m = 0; m < dim; ++m)
      gradients.col(a).segment(m * rows, rows) =
          gradients.col(parent).segment(m * rows, rows).cwiseProduct(features.col(feature)) +
          feature_gradients.col(feature).segment(m * rows, rows).cwiseProduct(values.col(parent));
  }
}

}  // namespace k7::spectral
