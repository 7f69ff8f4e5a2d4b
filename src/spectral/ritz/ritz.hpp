// SPDX-License-Identifier: Apache-2.0
//
// Rayleigh-Ritz approximation of the Laplace-Beltrami spectrum on global basis functions, with the sampled
// points as quadrature: no neighbours, no bandwidth, and an error that falls like N^{-1/2}.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/parallel/communicator.hpp"
#include "k7/spectral/point_cloud.hpp"

namespace k7::spectral {

struct RitzOptions {
  int count = 15;       ///< how many of the smallest eigenvalues, the zero mode counted
  int degree = 0;       ///< all products up to degree 1 to 8; 0 = those of least energy, see ritz_spectrum
  int max_basis = 400;  ///< products in a basis that is chosen by energy
  int threads = 1;      ///< OpenMP threads of this rank
  bool estimated_densities = false;  ///< they come from the points themselves
};

/// Mean of neighbouring eigenvalues that the points do not tell apart.
struct RitzMultiplet {
  int first;
  int count;
  bool is_open;  ///< more of it may lie beyond the values that were asked for
  double value;
  double error;  ///< one standard deviation and bounds together
};

/// Eigenvalues and what they are worth; the same on every rank.
struct RitzSpectrum {
  std::vector<double> values;             ///< ascending; as many as asked for, but at most basis_size
  std::vector<double> errors;             ///< one standard deviation and bounds together, see ritz_spectrum
  std::vector<double> quadrature;         ///< the part of errors that more points make smaller
  std::vector<double> truncation;         ///< the part of errors that a larger basis makes smaller
  std::vector<RitzMultiplet> multiplets;  ///< of the values after the zero mode, in their order
  int degree = 0;                         ///< the highest of the basis
  /// (7) The highest degree of the basis in what varies along a direction of the frame; 0 where that was not chosen.
  std::array<int, geometry::dim> degrees{};
  int basis_size = 0;             ///< independent functions on the points
  double effective_points = 0.0;  ///< (sum w)^2 / sum w^2: points of equal weight that say as much
  /// no densities were given: w = sqrt(det g), the manifold's own sampling
  bool weights_from_metric = false;
};

/// Solves K u = lambda M u with K_ab = sum_i w_i g^{mn}(x_i) E_m f_a E_n f_b and M_ab = sum_i w_i f_a f_b,
/// the weak form of -Delta f = lambda f (free boundaries: Neumann), on products of features of the manifold, see
/// Manifold::features. A coordinate with ends, scaled to x in [-1, 1] on the points, becomes sin(pi x / 2), whose
/// powers are the cosines of a free interval.
///
/// The basis has the products of the least energy, see BasisChoice: energies come from the Rayleigh quotients of the
/// features in the same integrals. They are at most max_basis, and at most a 20th of effective_points, because the
/// bias below grows with them, but there are at least the features themselves.
///
/// Weights are w_i = 1 / density_i. Without densities the manifold's own sampler is assumed where it has a
/// uniform one (frame_volume() > 0): w_i = sqrt(det g_i), and weights_from_metric says so.
///
/// Products of features are dependent (|q|^2 = 1, cos^2 + sin^2 = 1): with M scaled to a unit diagonal, the
/// directions whose eigenvalue is below 1e-9 of the largest are left out. On exact points they have 1e-16.
///
/// Noise of the quadrature. Points fall into 16 groups by a hash of their rows. For eigenvalue k and
/// functions u, T_kb = u_k^T (K_c - lambda_k M_c) u_b of group c sums to 0 over the groups; its jackknife
/// deviation s_kb = sqrt(16/15 sum_c T_kb^2) is that of the sum, and bars are the wider for so few groups, by
/// Student's distribution. Functions with
/// |lambda_k - lambda_b| > 2 s_kb push the value by s_kb^2 / (lambda_k - lambda_b) in second order, down from
/// above: together by about -basis_size / N of the value, a bias that is taken off; a half of it where the densities were estimated
/// from the points, and then 0.3 of it goes into the error. What stays is random, and
/// inside a multiplet it drives the values apart.
///
/// The error is sqrt(quadrature^2 + truncation^2) with
///  - quadrature^2 = s_kk^2 + sum_{b near} s_kb^2 + (bias^2 / lambda_k)^2, near: |lambda_k - lambda_b| < 8 s_kb,
///    b != k. Equal eigenvalues whose matrix elements fluctuate by s spread like those of a random symmetric matrix,
///    with the deviation sqrt(multiplicity) s.
///  - truncation: the change that the eigenvalue makes from a smaller basis without the two highest degrees of
///    each factor of the space to the whole one, 3/2 of the value where the smaller basis has no such eigenvalue;
///    at least 10 % where points of several free coordinates have products of degree 1 and 2 in each only; at least
///    twice the residual of the smaller basis' functions, see Quadrature::residuals_sq, unless the whole basis takes in
///    two thirds of what the smaller one does not see;
///    added in squares, what lies above the least energy of the products that are left out: their functions may
///    have eigenvalues there. Values fall as the basis grows, and each degree changes them less than the one before.
///
/// Nodes of quadrature rules (PointCloud::nodes). All products up to degree 3 are in the basis, then those of the least
/// energy; none of a degree that is higher than half of that for which the rules are exact. The groups are the rules,
/// turned against each other at random: their mean is right on average, and their deviations are those of the jackknife
/// above, times the quantile of Student's distribution for so few; at least 1e-10 of a value, for rounding. The truncation
/// is bounded by the residual, see Quadrature::residuals_sq: a smaller basis would not tell of a metric that varies faster
/// than the whole one.
///
/// Multiplets: neighbouring values closer than twice their errors, or than 10 N^{-1/2} of them, of nodes
/// 1e-9. The deviation of their mean is that of
/// the mean of their s_kk with signs, which is smaller than theirs.
///
/// Needs 8 n^2 (32 + 2 threads) bytes for n products of features; points are read in blocks. Collective.
/// @param name the points' file, for messages
/// @throws CollectiveError for options without sense, unknown weights, numbers out of range
RitzSpectrum ritz_spectrum(const PointCloud& cloud, const geometry::Manifold& manifold,
                           const std::string& name, const RitzOptions& options,
                           const parallel::Communicator& comm);

}  // namespace k7::spectral
