// SPDX-License-Identifier: Apache-2.0
//
// Quaternions q = (w, x, y, z) and the unit 3-sphere.
#pragma once

#include <array>

namespace k7::geometry {

using Quaternion = std::array<double, 4>;  ///< (w, x, y, z)
using Vector3 = std::array<double, 3>;

/// Hamilton product a b.
Quaternion multiply(const Quaternion& a, const Quaternion& b);

/// Frame displacement from unit quaternion a to b: the v with b = a exp(v), |v| in [0, pi] the angle on the
/// unit 3-sphere; v = log(conj(a) b), components along the left-invariant frame. Antipodal points have no
/// unique v; the first axis is returned.
void displacement_s3(const double* a, const double* b, double* v);

/// The notebook's distance acos|a.b|, which identifies a and -a (range [0, pi/2]): the distance of RP^3.
double geodesic_distance_rp3(const Quaternion& a, const Quaternion& b);

/// The notebook's three coordinates of a unit quaternion, (x, y, z) / (1 + |w| + 1e-8).
Vector3 notebook_chart(const double* q);

}  // namespace k7::geometry
