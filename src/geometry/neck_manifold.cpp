// SPDX-License-Identifier: Apache-2.0
// The neck S1 x S3 x S3 with its left-invariant coframe (dtheta, sigma, Sigma).
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "geometry/manifolds.hpp"
#include "k7/geometry/quaternion.hpp"

namespace k7::geometry {
namespace {

/// Reference metric D = diag(d0, d1 x3, d2 x3), the block means of the mean metric's diagonal: invariant
/// under the rotations of each sphere, so that chords of round spheres bound it.
Matrix7 block_reference(const Matrix7& mean) {
  Matrix7 d = Matrix7::Zero();
  d(0, 0) = mean(0, 0);
  for (int first : {1, 4}) {
    const double average =
        (mean(first, first) + mean(first + 1, first + 1) + mean(first + 2, first + 2)) / 3.0;
    for (int i = first; i < first + 3; ++i) d(i, i) = average;
  }
  return d;
}

double norm4(const double* q) {
  return std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
}

/// (cos theta, sin theta, q1, q2), each block scaled by its radius. A chord of the unit sphere is never
/// longer than the angle |v| that the left-invariant frame measures.
class NeckEmbedding final : public Embedding {
 public:
  explicit NeckEmbedding(const Matrix7& reference)
      : Embedding(reference),
        radius_{std::sqrt(reference(0, 0)), std::sqrt(reference(1, 1)), std::sqrt(reference(4, 4))} {}

  int size() const override { return 10; }

  void map(const double* p, double* e) const override {
    e[0] = radius_[0] * std::cos(p[0]);
    e[1] = radius_[0] * std::sin(p[0]);
    // Stored quaternions are unit only up to their precision; displacements do not depend on their norms.
    const double scale1 = radius_[1] / norm4(p + 1);
    const double scale2 = radius_[2] / norm4(p + 5);
    for (int i = 0; i < 4; ++i) {
      e[2 + i] = scale1 * p[1 + i];
      e[6 + i] = scale2 * p[5 + i];
    }
  }

 private:
  std::array<double, 3> radius_;
};

class NeckManifold final : public Manifold {
 public:
  std::string name() const override { return "s1xs3xs3"; }
  std::string frame() const override { return "left-invariant"; }
  int point_size() const override { return point_size_neck; }
  Periods periods() const override { return {2.0 * pi}; }

  void displacement(const double* a, const double* b, double* v) const override {
    const double d = b[0] - a[0];
    v[0] = d - 2.0 * pi * std::nearbyint(d / (2.0 * pi));
    displacement_s3(a + 1, b + 1, v + 1);
    displacement_s3(a + 5, b + 5, v + 4);
  }

  std::unique_ptr<Embedding> embedding(const Matrix7& mean) const override {
    return std::make_unique<NeckEmbedding>(block_reference(mean));
  }

  std::string point_defect(const double* p) const override {
    for (int first : {1, 5}) {
      const double norm = norm4(p + first);
      constexpr double tolerance = 1e-5;  // float32 input
      if (!(std::abs(norm - 1.0) < tolerance)) {
        std::array<char, 120> text{};
        std::snprintf(text.data(), text.size(), "q%d has norm %.9g; unit quaternions have norm 1",
                      first == 1 ? 1 : 2, norm);
        return text.data();
      }
    }
    return {};
  }

  void sample(const DrawKey& key, std::uint64_t index, double* point, double* coords) const override {
    sample_neck(key, index, point);
    neck_coordinates(point, coords);
  }

  double frame_volume() const override {
    const double s3 = 2.0 * pi * pi;
    return 2.0 * pi * s3 * s3;
  }
};

}  // namespace

std::unique_ptr<Manifold> make_neck_manifold() {
  return std::make_unique<NeckManifold>();
}

}  // namespace k7::geometry
