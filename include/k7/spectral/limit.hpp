// SPDX-License-Identifier: Apache-2.0
//
// The limits k -> infinity and N -> infinity of graph eigenvalues, with error bars.
#pragma once

#include <string>
#include <vector>

#include "k7/spectral/ladder.hpp"

namespace k7::spectral {

/// Neighbouring eigenvalues whose distances are not larger than their noise. Their mean is known much better
/// than each of them.
struct Multiplet {
  int first;     ///< index of its first eigenvalue, zero modes counted
  int count;     ///< how many
  bool is_open;  ///< more of it may lie beyond the computed eigenvalues; it then has no limit
  double raw;    ///< mean eigenvalue of the first rung
  double limit;  ///< mean eigenvalue for k, N -> infinity; NaN without one
  double error;  ///< of limit, two standard deviations; NaN without one
};

/// Typical scatter of one eigenvalue within a multiplet, relative, among N points.
double eigenvalue_scatter(GlobalIndex n_points);

/// Groups the eigenvalues after the zero modes where neighbours are closer than 2.4 scatters.
/// @param values ascending, zero modes included
std::vector<Multiplet> find_multiplets(const std::vector<double>& values, int zero_modes,
                                       GlobalIndex n_points);

/// What a ladder says about the spectrum of the manifold.
struct SpectrumLimit {
  std::string obstacle;  ///< why there is none; empty when there is one
  std::vector<Multiplet> multiplets;
  /// Per eigenvalue of the first rung: the limit of its multiplet, and how far (two standard deviations) a
  /// single eigenvalue may be from it, the scatter within the multiplet included. NaN without one.
  std::vector<double> values;
  std::vector<double> errors;
};

/// Least squares of lambda(k, N) = lambda (1 + a/k + b h^2) per multiplet, k the mean degree (close to the
/// number of neighbours), h^2 the mean squared neighbour distance: a/k is what the eigenvectors gain by
/// following the noise of the graph, b h^2 the curvature of the eigenfunctions (in flat space b = -lambda
/// (n+2) / (4n(n+4)), n = 7, for neighbourhoods that are balls) and of the manifold. Both halves of the
/// points count as one rung each.
///
/// error = 2 sqrt(noise^2 + model^2 + order^2), where
///   noise  the larger of half the difference between the fits that use one half of the points each, and
///          lambda 0.008 sqrt(2 / count) sqrt(10^4 / N), found on seeds that are not used in any test,
///   model  half the difference to the fit with a further term c h^2 / k,
///   order  lambda y^2 (n+2)^2 / (24 n^2 (n+4)(n+6)) at y = lambda h^2: the next term in flat space.
/// docs/accuracy.md has the measurements behind it.
/// @param ladder the first rung is the one whose eigenvalues are reported; parts 0, 1 and 2
SpectrumLimit extrapolate(const std::vector<Rung>& ladder, int zero_modes);

}  // namespace k7::spectral
