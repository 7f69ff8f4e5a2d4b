// SPDX-License-Identifier: Apache-2.0
//
// 3-forms at one point, in plain arrays: the readable reference beside the batched tensor code of g2/.
#pragma once

#include <Eigen/Core>
#include <array>

#include "k7/geometry/conventions.hpp"

namespace k7::geometry {

using Matrix7 = Eigen::Matrix<double, dim, dim, Eigen::RowMajor>;
using Form3 = std::array<double, n_phi>;              ///< phi_ijk, i<j<k lexicographic
using Tensor3 = std::array<double, dim * dim * dim>;  ///< row-major phi[i][j][k]

/// The m for which the largest component of phi / 8^m lies in [1, 8), or as near as numbers allow; 0 for phi = 0.
/// phi and 8^m phi are the same structure in other units, lengths times 2^m, and powers of two round nothing: with
/// it, polynomials of high degree in phi stay in the range of numbers.
/// @param phi (35)
int unit_exponent(const double* phi);

/// 8^m phi
Form3 in_units(const Form3& phi, int m);

/// The fully antisymmetric tensor with the given components.
Tensor3 form_to_tensor(const Form3& phi);

/// B_ij = phi_ikl phi_jkl.
Matrix7 contraction(const Form3& phi);

/// The notebook's metric: B rescaled so that its determinant is target_det, g = B (target_det / det B)^{1/7}.
/// It is the metric that phi defines only up to scale and only where phi is a rotation of phi_0.
/// @throws InputError when B is singular.
Matrix7 contraction_metric(const Form3& phi, double target_det = Constants::det_g);

}  // namespace k7::geometry
