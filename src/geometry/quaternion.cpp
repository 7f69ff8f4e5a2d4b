// SPDX-License-Identifier: Apache-2.0
#include "geometry/quaternion.hpp"

#include <algorithm>
#include <cmath>

#include "k7/geometry/conventions.hpp"

namespace k7::geometry {

Quaternion multiply(const Quaternion& a, const Quaternion& b) {
  return {a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
          a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
          a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
          a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0]};
}

void displacement_s3(const double* a, const double* b, double* v) {
  const double w = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
  // Each bracket is antisymmetric to the bit: exactly zero for equal points, exactly opposite for (b, a).
  const double x = (a[0] * b[1] - a[1] * b[0]) + (a[3] * b[2] - a[2] * b[3]);
  const double y = (a[0] * b[2] - a[2] * b[0]) + (a[1] * b[3] - a[3] * b[1]);
  const double z = (a[0] * b[3] - a[3] * b[0]) + (a[2] * b[1] - a[1] * b[2]);
  const double s = std::sqrt(x * x + y * y + z * z);  // sin of the angle
  if (s == 0.0) {
    v[0] = w < 0.0 ? pi : 0.0;
    v[1] = v[2] = 0.0;
    return;
  }
  const double scale = std::atan2(s, w) / s;
  v[0] = scale * x;
  v[1] = scale * y;
  v[2] = scale * z;
}

double geodesic_distance_rp3(const Quaternion& a, const Quaternion& b) {
  const double dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
  return std::acos(std::clamp(std::abs(dot), 0.0, 1.0));
}

Vector3 notebook_chart(const double* q) {
  const double d = 1.0 + std::abs(q[0]) + 1e-8;
  return {q[1] / d, q[2] / d, q[3] / d};
}

}  // namespace k7::geometry
