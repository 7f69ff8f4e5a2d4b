// SPDX-License-Identifier: Apache-2.0
//
// The sampled points as quadrature: their weights, and the integrals of products of basis functions, in
// groups of points so that their noise can be seen.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/parallel/communicator.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "spectral/ritz/basis.hpp"

namespace k7::spectral {

/// Quadrature weights, the largest of all ranks 1.
struct Weights {
  std::vector<double> values;  ///< (n_local)
  double effective_points = 0.0;
  bool from_metric = false;
};

/// 1 / density, of nodes theirs times sqrt(det g), or sqrt(det g) where there are no densities. Collective.
/// @param name the points' file, for messages
/// @throws CollectiveError where there are neither densities nor a uniform sampler of the manifold
Weights quadrature_weights(const PointCloud& cloud, const geometry::Manifold& manifold,
                           const std::string& name, const parallel::Communicator& comm);

/// sum += factor^T factor, lower triangle only.
void add_products(const Eigen::MatrixXd& factor, Eigen::MatrixXd& sum);

/// Stiffness K and mass M.
struct Forms {
  Eigen::MatrixXd k;
  Eigen::MatrixXd m;

  explicit Forms(Eigen::Index n) : k(Eigen::MatrixXd::Zero(n, n)), m(Eigen::MatrixXd::Zero(n, n)) {}
  void add(const Forms& other) {
    k += other.k;
    m += other.m;
  }
};

/// How points fall into groups, whose differences show the noise of the quadrature: 16 by a hash of the rows of samples,
/// one for each rule of nodes.
class PointGroups {
 public:
  explicit PointGroups(const std::optional<NodeSet>& nodes) : by_rule_(nodes.has_value()) {
    if (nodes) count_ = nodes->n_rules;
  }
  int count() const { return count_; }
  int of(GlobalIndex row) const;

 private:
  bool by_rule_;
  int count_ = 16;
};

/// Squared residuals of a function, see Quadrature::residuals_sq().
struct Residual {
  double squared;
  double of_smaller;  ///< with the smaller basis in the place of the whole one, hence no less
};

/// The forms of all products of features. Keeps references to what it is made of.
class Quadrature {
 public:
  /// @param weights (n_local)
  Quadrature(const PointCloud& cloud, const std::vector<double>& weights, const ScaledFeatures& features,
             const Polynomials& polynomials, int threads)
      : cloud_(cloud), weights_(weights), features_(features), polynomials_(polynomials), threads_(threads) {}

  /// The forms of each group of points, over all ranks. Collective.
  std::vector<Forms> group_forms(const parallel::Communicator& comm) const;

  /// Of each function u the square of r = |F outside| + lambda |h outside| / sqrt(e): what the basis does not see of it.
  /// With F = sqrt(det g) g^{-1} grad u and h = sqrt(det g) u in the measure of the frame, a function v outside the basis
  /// sees of u only what of F and h lies outside its span, because frame derivatives of the span stay in it:
  /// int (F grad v - lambda h v) <= r |grad v|, with norms of the mean metric and e the least energy outside. In a larger
  /// basis the value falls by at most r^2 / (1 - lambda / e), to second order in how much the metric varies (Feshbach's
  /// formula). Along a direction with ends the derivatives of the basis take the place of the basis. Of many samples
  /// some 50 000 are looked at. Collective.
  /// @param functions (size, count), u^T M u = 1, in the first `size` of the basis, and their values (count)
  /// @return (count); empty where more than one direction has ends, whose domain may be no box
  std::vector<Residual> residuals_sq(const Eigen::MatrixXd& functions, const Eigen::VectorXd& values,
                                     double least_energy, const parallel::Communicator& comm) const;

 private:
  struct FieldSums;
  struct MeanCoefficients;
  void add_fields(const std::size_t* points, Eigen::Index rows, const Eigen::MatrixXd& functions,
                  const MeanCoefficients& mean, Eigen::Index ends, FieldSums& sums) const;
  /// Products of features at some points, times a factor there.
  struct Block {
    Eigen::MatrixXd values;     ///< (rows, products)
    Eigen::MatrixXd gradients;  ///< (7 rows, products), see ScaledFeatures::evaluate
  };
  enum class Frame { of_manifold, orthonormal };
  /// @param factors (rows)
  Block evaluate(const std::size_t* points, const Eigen::VectorXd& factors, Frame frame) const;
  Forms forms(const std::vector<std::size_t>& points) const;
  void add_block(const std::size_t* points, Eigen::Index rows, Forms& forms) const;

  const PointCloud& cloud_;
  const std::vector<double>& weights_;
  const ScaledFeatures& features_;
  const Polynomials& polynomials_;
  int threads_;
};

}  // namespace k7::spectral
