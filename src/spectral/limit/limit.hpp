// SPDX-License-Identifier: Apache-2.0
//
// The limits k -> infinity and N -> infinity of graph eigenvalues, with error bars.
#pragma once

#include <string>
#include <vector>

#include "spectral/limit/ladder.hpp"

namespace k7::spectral {

/// Typical scatter of one eigenvalue within a multiplet, relative, among so many points of equal volume, see
/// Rung::effective_points.
double eigenvalue_scatter(double n_points);

/// Groups the eigenvalues after the zero modes where neighbours are closer than 2.4 scatters.
/// @param values ascending, zero modes included
std::vector<Multiplet> find_multiplets(const std::vector<double>& values, int zero_modes, double n_points);

/// How many eigenvalues of the other rungs the limits need: to the end of the last multiplet that is not open. A solver
/// that stops at a gap needs fewer steps than one that stops among close eigenvalues.
/// @param values of the first rung, all of which are needed where every multiplet is open
int values_with_limits(const std::vector<double>& values, const std::vector<Multiplet>& multiplets);

/// A wide bar for an eigenvalue of one graph: 1.5 times the bias that a flat space has,
/// lambda (2/(k-2) + (n+2)/(4n(n+4)) lambda h^2), and two scatters of single eigenvalues.
double graph_error(double lambda, const Rung& rung);

/// What a single graph says: multiplets, and wide bars for its eigenvalues.
SpectrumLimit without_limit(const Rung& rung, int zero_modes, const std::string& obstacle);

/// Weighted least squares of lambda(k, N) = lambda (phi(y) + a s(y)/k + b h^2), y = lambda h^2, for lambda, a, b per
/// multiplet. k is the mean degree of the graph, close to the number of neighbours, and the weights are k; h^2 is the
/// mean squared neighbour distance.
///   phi(y)    the flat space's bias, see flat_higher_orders(),
///   a s(y)/k  what the eigenvectors gain by following the noise of the graph: a = -2.0 +- 0.1, the same on all spaces
///             that were tried, which the fit is told; s rises from 1 to 1.27 where waves are as short as neighbourhoods,
///   b h^2     curvature of the eigenfunctions and of the manifold.
/// Both halves of the points count as one rung for each k.
///
/// error = 2 sqrt(noise^2 + model^2 + order^2 + boundary^2 + thin^2 + wrapped^2), where
///   noise     the largest of half the difference between the fits that use one half of the points each, of
///             lambda 0.008 sqrt(2 / count) sqrt(10^4 / N), N = Rung::effective_points of the first rung, and of 3.5 % of
///             what the limit has more than the first rung's eigenvalue: on curved spaces the fit's terms are not all
///             there is, and this part hardly falls with N,
///   model     half the difference to the fit that is not told a,
///   order     half of what phi has beyond its term of order h^2, on the widest rung,
///   boundary  lambda (c/4 + min(3 c^2, 0.04)), c = Rung::mean_cut of the first rung,
///   thin      half of lambda times the largest Rung::calibration_doubt, where waves are so short that functions may
///             vary along a direction that is not fully resolved; 0.06 d (1 - d) of lambda for all functions,
///   wrapped   lambda times the largest Rung::wrapped.
/// Between multiplets nearly as close as eigenvalues of one, noise may have put a value on the wrong side: by how much that
/// would move their means is added to the bars.
/// A multiplet has no limit where the fit is far from all rungs, and where its functions may vary along a direction
/// of which the neighbourhoods miss more than 40 %.
///
/// The numbers were found on seeds that are used nowhere else; docs/accuracy.md has the measurements.
/// @param ladder the first rung is the one whose eigenvalues are reported; parts 0, 1 and 2; the others may have as few
/// values as values_with_limits() says
SpectrumLimit extrapolate(const std::vector<Rung>& ladder, int zero_modes);

}  // namespace k7::spectral
