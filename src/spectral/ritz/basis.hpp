// SPDX-License-Identifier: Apache-2.0
//
// Global functions on a manifold: products of up to L of its features, with their derivatives along the frame.
// Nothing here knows of a metric, of weights, or of what the functions are used for.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/parallel/communicator.hpp"
#include "k7/spectral/point_cloud.hpp"

namespace k7::spectral {

/// The manifold's features on the points, each moved and scaled to x in [-1, 1]. Where the derivatives of a
/// feature are the same everywhere, it is a coordinate along an axis with ends, and becomes
/// s = sin(pi x / 2): the polynomials in s are the cosines cos(k pi (x + 1) / 2), the functions of a free
/// interval, while those in x need degree 6 to come within a percent of the second of them.
class ScaledFeatures {
 public:
  /// Collective.
  ScaledFeatures(const PointCloud& cloud, const geometry::Manifold& manifold,
                 const parallel::Communicator& comm);

  int count() const { return static_cast<int>(kept_.size()); }

  /// The features at one point, written into row `row`.
  /// @param values (rows, count())
  /// @param gradients (dim * rows, count()) derivatives along frame(); direction m has rows
  ///        [m rows, (m + 1) rows)
  void evaluate(const double* point, Eigen::Index row, Eigen::MatrixXd& values,
                Eigen::MatrixXd& gradients) const;

 private:
  struct Feature {
    std::size_t index;  ///< among the manifold's
    double centre;
    double half_width;
    bool has_ends;
  };
  /// Extremes over all points of the features, then of their derivatives along each direction, (8, n_).
  struct Range {
    std::vector<double> low;
    std::vector<double> high;
  };

  /// Collective.
  Range range_of_points(const PointCloud& cloud, const parallel::Communicator& comm) const;

  const geometry::Manifold& manifold_;
  geometry::Form1 scale_;
  std::size_t n_;
  std::vector<Feature> kept_;
};

/// The products of features up to a degree, by degree: each is an earlier one times a feature.
class Monomials {
 public:
  Monomials(int n_features, int degree);

  /// How many there are: C(n_features + degree, degree).
  static double count(int n_features, int degree);

  Eigen::Index size() const { return static_cast<Eigen::Index>(products_.size()); }
  Eigen::Index size_of_degree(int degree) const { return size_of_degree_[static_cast<std::size_t>(degree)]; }

  /// Continues from column 0, which stands for the empty product: a factor that it has at a point, with zero
  /// derivatives, goes into everything there.
  /// @param features, feature_gradients see ScaledFeatures::evaluate; any dim directions will do
  /// @param values (rows, size()) and gradients (dim * rows, size())
  void evaluate(const Eigen::MatrixXd& features, const Eigen::MatrixXd& feature_gradients,
                Eigen::MatrixXd& values, Eigen::MatrixXd& gradients) const;

 private:
  struct Product {
    Eigen::Index parent;
    int feature;
  };
  std::vector<Product> products_;
  std::vector<Eigen::Index> size_of_degree_;
};

}  // namespace k7::spectral
