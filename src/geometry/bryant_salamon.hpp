// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/geometry/g2_structure.hpp"

namespace k7::geometry {

/// The complete metric with holonomy G2 on S3 x R4 (Bryant and Salamon, "On the construction of some complete
/// metrics with exceptional holonomy", 1989) away from its bolt r = a, in the coframe
/// (dr, sigma, Sigma) of R x S3 x S3:
///   g = dr^2 / f + (4/9) r^2 f T^2 + (r^2/3) Sigma^2, f = 1 - a^3/r^3, T = sigma - Sigma/2.
/// @param r > a > 0
/// @param coframe (7, 7), an orthonormal coframe A with A^* phi_0 the Bryant-Salamon 3-form
/// @param derivative (7, 7), dA/dr; may be null
void bryant_salamon_coframe(double r, double a, double* coframe, double* derivative);

}  // namespace k7::geometry
