// SPDX-License-Identifier: Apache-2.0
//
// Nodes and weights on products of circles, intervals and 3-spheres, for integrals of functions that are known
// everywhere. They are exact for polynomials of the factors' features up to a degree.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "k7/geometry/conventions.hpp"
#include "k7/geometry/sampler.hpp"

namespace k7::geometry {

/// Nodes on one factor of a space, or on several together.
struct FactorRule {
  int n_numbers = 1;            ///< of a node
  std::vector<double> nodes;    ///< (n, n_numbers)
  std::vector<double> weights;  ///< (n), positive; their sum is the factor's volume

  std::size_t size() const { return weights.size(); }
};

/// `n` equidistant nodes on a circle, exact for frequencies below n.
/// @param shift in [0, 1), of all nodes, in spacings
FactorRule circle_rule(double begin, double length, int n, double shift);

/// Gauss-Lobatto: n >= 2 nodes, both ends among them, exact for polynomials of degree 2 n - 3 (Abramowitz & Stegun,
/// 25.4.32).
FactorRule interval_rule(double begin, double length, int n);

/// The least of three finite groups of unit quaternions that is exact for polynomials of a degree in (w, x, y, z): the
/// 24 Hurwitz units for 5, the 48 of the binary octahedral group for 7, the 120 of the binary icosahedral group for 11
/// and above. Weights are those of the unit sphere, of volume 2 pi^2.
/// @param turn unit quaternion by which all nodes are multiplied from the left
FactorRule sphere_rule(int degree, const std::array<double, 4>& turn);
inline constexpr int most_sphere_degree = 11;

/// A Korobov lattice x_i = frac(k a^i / n + shift_i) times the periods: exact for trigonometric polynomials of total
/// degree |m_1| + ... + |m_7| up to the degree asked for, and at most 11 (checked by the tests for all frequencies).
FactorRule lattice_rule(const std::array<double, dim>& periods, int degree,
                        const std::array<double, dim>& shift);
inline constexpr int most_lattice_degree = 11;

/// The polynomials for which a rule is exact: those whose degree in the features that vary along each direction of the
/// frame, and in all features together, is not higher.
struct Exactness {
  std::array<int, dim> degrees{};
  int total = std::numeric_limits<int>::max();
};

/// The product of rules for the factors of a space: int f dV ~ sum_i w_i f(x_i).
class QuadratureRule {
 public:
  QuadratureRule() = default;
  QuadratureRule(std::vector<FactorRule> factors, const Exactness& exactness);

  GlobalIndex size() const { return size_; }  ///< 0: there is none
  const Exactness& exactness() const { return exactness_; }
  /// Writes node i's numbers, factor after factor, and returns its weight.
  double node(GlobalIndex i, double* point) const;

 private:
  std::vector<FactorRule> factors_;
  GlobalIndex size_ = 0;
  Exactness exactness_;
};

/// How fine a rule shall be.
struct RuleRequest {
  /// Per direction of the frame: the degree, in the features that vary along it, for which the rule shall be exact.
  std::array<int, dim> degrees{};
  /// Rules with other numbers are turned against each other by isometries of the frame's unit metric, drawn at random:
  /// each is exact for the same polynomials, and the mean over all turns is exact for every function. Where there is no
  /// such isometry, the number of nodes differs.
  int copy = 0;
};

}  // namespace k7::geometry
