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

/// The fully antisymmetric tensor with the given components.
Tensor3 form_to_tensor(const Form3& phi);

/// B_ij = phi_ikl phi_jkl.
Matrix7 contraction(const Form3& phi);

/// The notebook's metric: B rescaled so that its determinant is target_det, g = B (target_det / det B)^{1/7}.
/// It is the metric that phi defines only up to scale and only where phi is a rotation of phi_0.
/// @throws InputError when B is singular.
Matrix7 contraction_metric(const Form3& phi, double target_det = Constants::det_g);

}  // namespace k7::geometry
