// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/sampler.hpp"

#include <Random123/philox.h>

#include <Random123/uniform.hpp>
#include <cmath>

#include "geometry/quaternion.hpp"

namespace k7::geometry {
namespace {

constexpr double two_pi = 2.0 * pi;

/// A point of the unit 3-sphere from four independent normal numbers (Box-Muller), normalised.
void sample_s3(const DrawKey& key, std::uint64_t index, std::uint32_t first_block, double q[4]) {
  double norm_sq = 0.0;
  for (int pair = 0; pair < 2; ++pair) {
    double u[2];
    uniform_pair(key, index, first_block + pair, u);
    const double radius = std::sqrt(-2.0 * std::log(u[0]));
    q[2 * pair] = radius * std::cos(two_pi * u[1]);
    q[2 * pair + 1] = radius * std::sin(two_pi * u[1]);
    norm_sq += radius * radius;
  }
  const double scale = 1.0 / std::sqrt(norm_sq);
  for (int i = 0; i < 4; ++i) q[i] *= scale;
}

}  // namespace

void uniform_pair(const DrawKey& key, std::uint64_t index, std::uint32_t block, double out[2]) {
  using Generator = r123::Philox4x32;
  const Generator::ctr_type counter{{static_cast<std::uint32_t>(index),
                                     static_cast<std::uint32_t>(index >> 32), key.step,
                                     (static_cast<std::uint32_t>(key.stream) << 24) | block}};
  const Generator::key_type philox_key{
      {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)}};
  const auto r = Generator{}(counter, philox_key);
  out[0] = r123::u01<double>((static_cast<std::uint64_t>(r[1]) << 32) | r[0]);
  out[1] = r123::u01<double>((static_cast<std::uint64_t>(r[3]) << 32) | r[2]);
  // u01 rounds its largest arguments up to 1.
  for (int i = 0; i < 2; ++i)
    if (out[i] >= 1.0) out[i] = std::nextafter(1.0, 0.0);
}

void sample_neck(const DrawKey& key, std::uint64_t index, double point[point_size_neck]) {
  double u[2];
  uniform_pair(key, index, 0, u);
  point[0] = two_pi * u[0];
  sample_s3(key, index, 1, point + 1);
  sample_s3(key, index, 3, point + 5);
}

void sample_torus(const DrawKey& key, std::uint64_t index, double point[dim]) {
  for (int i = 0; i < dim; i += 2) {
    double u[2];
    uniform_pair(key, index, static_cast<std::uint32_t>(i / 2), u);
    point[i] = two_pi * u[0];
    if (i + 1 < dim) point[i + 1] = two_pi * u[1];
  }
}

void neck_coordinates(const double point[point_size_neck], double coords[dim]) {
  coords[0] = point[0];
  const Vector3 x = notebook_chart(point + 1);
  const Vector3 y = notebook_chart(point + 5);
  for (int i = 0; i < 3; ++i) {
    coords[1 + i] = x[i];
    coords[4 + i] = y[i];
  }
}

}  // namespace k7::geometry
