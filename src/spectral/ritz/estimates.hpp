// SPDX-License-Identifier: Apache-2.0
//
// Eigenvalues of K u = lambda M u, freed of the bias of the quadrature, and what they are worth. The formulas
// are explained in ritz.hpp.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "spectral/ritz/quadrature.hpp"

namespace k7::spectral {

/// A value freed of the bias of its quadrature, and the error that this leaves.
struct Estimate {
  double value;
  double error;
};

/// Neighbouring values that their errors do not tell apart. The noise drives equal values apart, but hardly moves
/// their mean.
struct MeanEstimate {
  std::size_t first;
  std::size_t count;
  bool is_open;  ///< it has the last of the list, and the next value may belong to it
  double value;
  double error;
};

/// The first values of the first n functions, ascending.
struct Estimates {
  Eigen::Index basis_size;               ///< independent ones of the functions
  std::vector<Estimate> list;            ///< at most as many as asked for
  std::vector<MeanEstimate> multiplets;  ///< of the list, the zero mode left out
  Eigen::VectorXd raw;                   ///< (list.size()) values before anything was taken off, ascending
  Eigen::MatrixXd vectors;               ///< (n, list.size()) their functions, in the same order
};

/// How much of the push that the groups of points show there is in their sum. With known densities it is all of it. A
/// density from the neighbours makes up for a part of the noise, of which the groups for themselves see nothing.
struct PushOfNoise {
  double part = 1.0;       ///< the best guess
  double deviation = 0.0;  ///< and how far it may be off, one standard deviation
};

/// @param groups the forms of each group of points, whose sum is `total`
/// @param n how many of the functions to use
/// @param count values wanted
/// @param usual_gap how far apart noise alone drives equal values, relative
Estimates estimate_values(const std::vector<Forms>& groups, const Forms& total, Eigen::Index n,
                          Eigen::Index count, double usual_gap, const PushOfNoise& push);

/// Mean of `count` values from the first one on; infinite where there are not so many.
double mean_of(const std::vector<Estimate>& values, std::size_t first, std::size_t count);

}  // namespace k7::spectral
