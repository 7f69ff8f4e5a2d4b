// SPDX-License-Identifier: Apache-2.0
#include "geometry/eguchi_hanson.hpp"

#include <algorithm>
#include <cmath>

#include "k7/geometry/conventions.hpp"

namespace k7::geometry {

EguchiHanson eguchi_hanson_metric(double r, double a) {
  r = std::max(r, a + 1e-10);
  const double ratio = a / r;
  const double f = 1.0 - ratio * ratio * ratio * ratio;
  const double sine = std::sin(pi / 4);
  EguchiHanson m{};
  m.g_rr = 1.0 / f;
  m.g_theta_theta = r * r;
  m.g_phi_phi = r * r * sine * sine;
  m.g_psi_psi = r * r * f;
  m.det_g_4d = m.g_rr * m.g_theta_theta * m.g_phi_phi * m.g_psi_psi;
  return m;
}

}  // namespace k7::geometry
