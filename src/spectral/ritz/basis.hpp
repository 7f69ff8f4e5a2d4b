// SPDX-License-Identifier: Apache-2.0
//
// Global functions on a manifold: products of its features, with their derivatives along the frame.
// Nothing here knows of a metric, of weights, or of what the functions are used for.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <limits>
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

  /// Features that vary along the same directions of the frame, as cos and sin of a circle and the four
  /// coordinates of a sphere do.
  struct Group {
    int first_direction;        ///< of the frame
    int n_directions;           ///< 1 on a line or circle, 3 on a sphere
    std::vector<int> features;  ///< ascending
    bool has_ends = false;      ///< it is a coordinate along an axis with ends
  };
  const std::vector<Group>& groups() const { return groups_; }

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
  std::vector<Group> groups_;
};

/// An estimate of the Rayleigh quotient of polynomials of a degree on one factor of the space: those on a sphere of
/// dimension m, or on a circle, m = 1, have d (d + m - 1) / m times that of degree 1.
/// @param of_degree_1 the mean Rayleigh quotient of the group's features
double energy_of(const ScaledFeatures::Group& group, double of_degree_1, int degree);

/// Which products of features a basis shall have: those of the lowest energies, which add up over the factors of the
/// space. Long directions so get many functions, and those get few that are too short to matter.
struct BasisChoice {
  std::vector<double> energies;                         ///< of degree 1, per group
  Eigen::Index most = 1;                                ///< products, at least 1
  int always = 0;                                       ///< products up to this degree are there first
  std::vector<int> highest;                             ///< degree, per group; empty for any
  int highest_total = std::numeric_limits<int>::max();  ///< degree
};

/// Products of Chebyshev polynomials of the features, each found from an earlier one and a feature: they span what the
/// features' powers span, which high degrees would make all alike. The first ones are a smaller basis of the same kind,
/// from whose values the truncation can be judged.
class Polynomials {
 public:
  /// All products up to a degree; the smaller basis is that of degree - 1.
  Polynomials(int n_features, int degree);
  /// Those of the lowest energies. The smaller basis lacks the two highest degrees of each group: odd and even
  /// functions often do not mix, and then one degree less would change every second value only.
  Polynomials(const std::vector<ScaledFeatures::Group>& groups, const BasisChoice& choice);

  /// How many there are up to a degree: C(n_features + degree, degree).
  static double count(int n_features, int degree);

  Eigen::Index size() const { return static_cast<Eigen::Index>(products_.size()); }
  Eigen::Index smaller_size() const { return smaller_size_; }
  int degree() const { return degree_; }  ///< the highest of all products
  /// (groups) The highest degree in each; empty where all products up to degree() were taken.
  const std::vector<int>& degree_in_groups() const { return degree_in_groups_; }
  /// The least energy of the products that are left out; infinite where the choice was not by energy.
  double next_energy() const { return next_energy_; }

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
    Eigen::Index before;  ///< the parent's parent where both steps are along one feature, otherwise -1
  };
  void add(Eigen::Index parent, int feature);

  std::vector<Product> products_;
  Eigen::Index smaller_size_ = 1;
  int degree_ = 0;
  std::vector<int> degree_in_groups_;
  double next_energy_;
};

}  // namespace k7::spectral
