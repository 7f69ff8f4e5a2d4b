// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace k7::geometry {

/// Diagonal components of the Eguchi-Hanson metric as the notebook writes them, at Euler angle theta = pi/4:
/// ds^2 = dr^2/f + r^2 [f sigma_3^2 + sigma_1^2 + sigma_2^2], f = 1 - (a/r)^4. (The Ricci-flat metric has
/// r^2/4 in place of r^2; the notebook's formula is kept for comparison only.)
struct EguchiHanson {
  double g_rr, g_theta_theta, g_phi_phi, g_psi_psi;
  double det_g_4d;  ///< product of the four components
};

/// @param r radius; values below a + 1e-10 are raised to it
/// @param a bolt radius, a > 0
EguchiHanson eguchi_hanson_metric(double r, double a);

}  // namespace k7::geometry
