// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "k7/geometry/g2_structure.hpp"

namespace k7::g2 {

/// One quantity of every point, row-major (n, width).
struct PointField {
  std::string name;
  int rank;   ///< 0: (n), 1: (n, width), 2: (n, 7, 7)
  int width;  ///< numbers per point
  std::vector<double> values;
};

/// The G2-structure and torsion of n given 3-forms, under the names g, sqrt_det_g, orientation, psi, dphi,
/// dpsi, norm2_dphi, norm2_dpsi, tau0, tau1, tau2, tau3, norm2_tau0 ... norm2_tau3 and positive (1 where phi
/// is a G2-structure, otherwise 0; the other quantities are NaN there, except dphi, which needs no metric).
/// Not collective.
/// @param phi (n, 35)
/// @param frame_derivatives (n, 7, 35), E_a of component I
std::vector<PointField> torsion_fields(const std::vector<double>& phi,
                                       const std::vector<double>& frame_derivatives,
                                       const geometry::Structure& structure);

}  // namespace k7::g2
