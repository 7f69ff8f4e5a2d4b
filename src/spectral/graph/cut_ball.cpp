// SPDX-License-Identifier: Apache-2.0
#include "spectral/graph/cut_ball.hpp"

#include <algorithm>

namespace k7::spectral {
namespace {

/// Integral of (1 - x^2)^3 from -b to 1.
double volume(double b) {
  const double b_sq = b * b;
  return 16.0 / 35.0 + b * (1.0 + b_sq * (-1.0 + b_sq * (3.0 / 5.0 - b_sq / 7.0)));
}

/// Integral of x^2 (1 - x^2)^3 from -b to 1.
double second_moment(double b) {
  const double b_sq = b * b;
  return 16.0 / 315.0 + b * b_sq * (1.0 / 3.0 + b_sq * (-3.0 / 5.0 + b_sq * (3.0 / 7.0 - b_sq / 9.0)));
}

Slab slab(double b) {
  const double between = (second_moment(b) - second_moment(0.0)) / (volume(b) - volume(0.0));
  // At the height x the directions along the planes fill a ball of dimension 6 and radius sqrt(1 - x^2).
  return {b, between, (1.0 - between) / 8.0};
}

}  // namespace

Slab slab_of(double moment_ratio) {
  double low = 1e-6;
  double high = 1.0;
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (low + high);
    const Slab s = slab(middle);
    (s.moment_between < moment_ratio * s.moment_along ? low : high) = middle;
  }
  return slab(0.5 * (low + high));
}

double kept_share(double b) {
  return volume(b) * 35.0 / 32.0;
}

double mean_height(double b) {
  const double rest = 1.0 - b * b;
  return rest * rest * rest * rest / (8.0 * volume(b));
}

double plane_distance(double height) {
  double low = least_plane_distance;
  double high = 1.0;
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (low + high);
    (mean_height(middle) > height ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

double tangential_stretch(double b) {
  const double normal = second_moment(b) / volume(b);
  // At the height x the directions along the plane fill a ball of dimension 6 and radius sqrt(1 - x^2).
  const double tangential = (1.0 - normal) / 8.0;
  return 7.0 * tangential / (6.0 * tangential + normal);
}

}  // namespace k7::spectral
