// SPDX-License-Identifier: Apache-2.0
#include "geometry/sphere_product.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "geometry/quaternion.hpp"

namespace k7::geometry {
namespace {

/// Where a sphere's quaternion starts in a point, and its frame among the seven directions.
struct Sphere {
  int point;
  int frame;
};
constexpr std::array<Sphere, 2> spheres{{{1, 1}, {5, 4}}};

/// Reference metric D = diag(d0, d1 x3, d2 x3), the block means of the mean metric's diagonal: invariant
/// under the rotations of each sphere, so that chords of round spheres bound it.
Matrix7 block_reference(const Matrix7& mean) {
  Matrix7 d = Matrix7::Zero();
  d(0, 0) = mean(0, 0);
  for (const auto& s : spheres) {
    const double average = mean.diagonal().segment<3>(s.frame).mean();
    d.diagonal().segment<3>(s.frame).setConstant(average);
  }
  return d;
}

double norm4(const double* q) {
  return std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
}

/// The circle (cos t, sin t) or t itself, then q1 and q2, each block scaled by its radius. A chord of a
/// circle or a sphere is never longer than the angle that the frame measures.
class SphereProductEmbedding final : public Embedding {
 public:
  SphereProductEmbedding(const Matrix7& reference, const Axis& axis)
      : Embedding(reference), scale_(reference.diagonal().cwiseSqrt()), axis_(axis) {}

  int size() const override { return axis_.is_circle ? 10 : 9; }

  std::vector<Factor> factors() const override {
    std::vector<Factor> result;
    if (axis_.is_circle)
      result.push_back(
          {Factor::Kind::circle, 0, 0, 0, axis_.length, scale_[0] * axis_.length / (2.0 * pi), 0});
    else
      result.push_back({Factor::Kind::line, 0, 0, 0, 0.0, std::numeric_limits<double>::infinity(), 0});
    int column = result[0].n_columns();
    for (const auto& s : spheres) {
      const int stretch = static_cast<int>(result.size());
      result.push_back({Factor::Kind::sphere, s.point, s.frame, column, 0.0, scale_[s.frame], stretch});
      column += 4;
    }
    return result;
  }

  int n_stretches() const override { return 3; }

  /// One bound per factor is much tighter than one for all. With d_b the least metric that block b can have
  /// whatever the displacement in the others, 1 / d_b the largest eigenvalue of the block of g^{-1}, the
  /// least eigenvalue t of g against diag(d_0, d_1 x3, d_2 x3) gives m_b = t d_b.
  void stretches(const double* g, double* m) const override {
    const Matrix7 metric = unpack(g);
    const Matrix7 inverse = metric.inverse();
    std::array<double, 3> least{1.0 / inverse(0, 0), 0.0, 0.0};
    Eigen::Matrix<double, dim, 1> factor;
    factor[0] = 1.0 / std::sqrt(least[0]);
    for (std::size_t b = 0; b < spheres.size(); ++b) {
      const Eigen::Matrix3d block = inverse.block<3, 3>(spheres[b].frame, spheres[b].frame);
      Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver;
      solver.computeDirect(block, Eigen::EigenvaluesOnly);
      least[b + 1] = 1.0 / solver.eigenvalues()(2);
      factor.segment<3>(spheres[b].frame).setConstant(1.0 / std::sqrt(least[b + 1]));
    }
    const Eigen::Matrix<double, dim, 1> undo = factor.cwiseInverse();
    const double t = least_eigenvalue_bound(factor.asDiagonal() * metric * factor.asDiagonal(),
                                            undo.asDiagonal() * inverse * undo.asDiagonal());
    m[0] = t * least[0] / reference_(0, 0);
    for (std::size_t b = 0; b < spheres.size(); ++b)
      m[b + 1] = t * least[b + 1] / reference_(spheres[b].frame, spheres[b].frame);
  }

  void map(const double* p, double* e) const override {
    if (axis_.is_circle) {
      const double radius = axis_.length / (2.0 * pi);
      const double angle = (p[0] - axis_.begin) / radius;
      *e++ = scale_[0] * radius * std::cos(angle);
      *e++ = scale_[0] * radius * std::sin(angle);
    } else {
      *e++ = scale_[0] * p[0];
    }
    for (const auto& s : spheres) {
      const double* q = p + s.point;
      // Stored quaternions are unit only up to their precision; displacements do not depend on their norms.
      const double factor = scale_[s.frame] / norm4(q);
      for (int i = 0; i < 4; ++i) *e++ = factor * q[i];
    }
  }

 private:
  Eigen::Matrix<double, dim, 1> scale_;
  Axis axis_;
};

}  // namespace

Periods SphereProduct::periods() const {
  return {axis_.is_circle ? axis_.length : 0.0};
}

void SphereProduct::displacement(const double* a, const double* b, double* v) const {
  v[0] = b[0] - a[0];
  if (axis_.is_circle) v[0] -= axis_.length * std::nearbyint(v[0] / axis_.length);
  for (const auto& s : spheres) displacement_s3(a + s.point, b + s.point, v + s.frame);
}

double SphereProduct::volume_factor(const double* v) const {
  double factor = 1.0;
  for (const auto& s : spheres) {
    const double* u = v + s.frame;
    const double angle = std::sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
    const double ratio = angle > 0.0 ? std::sin(angle) / angle : 1.0;
    factor *= ratio * ratio;
  }
  return factor;
}

std::unique_ptr<Embedding> SphereProduct::embedding(const Matrix7& mean) const {
  return std::make_unique<SphereProductEmbedding>(block_reference(mean), axis_);
}

std::string SphereProduct::point_defect(const double* point) const {
  for (std::size_t i = 0; i < spheres.size(); ++i) {
    const double norm = norm4(point + spheres[i].point);
    constexpr double tolerance = 1e-5;  // float32 input
    if (!(std::abs(norm - 1.0) < tolerance)) {
      std::array<char, 120> text{};
      std::snprintf(text.data(), text.size(), "q%zu has norm %.9g; unit quaternions have norm 1", i + 1,
                    norm);
      return text.data();
    }
  }
  return {};
}

void SphereProduct::coordinates(const double* point, double* coords) const {
  neck_coordinates(point, coords);
}

void SphereProduct::sample(const DrawKey& key, std::uint64_t index, double* point, double* coords) const {
  sample_neck(key, index, point);
  point[0] = axis_.begin + axis_.length / (2.0 * pi) * point[0];
  neck_coordinates(point, coords);
}

void SphereProduct::image(const double* point, int k, double* moved) const {
  const int turn = k % n_turns();
  moved[0] = axis_.begin + std::fmod(point[0] - axis_.begin + turn * axis_.length / n_turns(), axis_.length);
  int rest = k / n_turns();
  for (const auto& s : spheres) {
    const int unit = rest % n_units;
    rest /= n_units;
    Quaternion left{};
    left[unit / 2] = unit % 2 == 0 ? 1.0 : -1.0;
    const double* q = point + s.point;
    const Quaternion product = multiply(left, {q[0], q[1], q[2], q[3]});
    std::copy(product.begin(), product.end(), moved + s.point);
  }
}

double SphereProduct::frame_volume() const {
  const double s3 = 2.0 * pi * pi;
  return axis_.length * s3 * s3;
}

QuadratureRule SphereProduct::quadrature(const RuleRequest& request) const {
  std::array<double, point_size_neck> turn{};
  sample_neck({0, Stream::nodes, 0}, static_cast<std::uint64_t>(request.copy), turn.data());
  const int along_axis = request.degrees[0];
  // Gauss-Lobatto needs more than pi / 4 nodes per half wave of a cosine, and ten more for rounding's precision.
  constexpr int for_precision = 12;
  std::vector<FactorRule> factors{
      axis_.is_circle ? circle_rule(axis_.begin, axis_.length, along_axis + 1, turn[0] / (2.0 * pi))
                      : interval_rule(axis_.begin, axis_.length, along_axis + for_precision + request.copy)};
  Exactness exactness{request.degrees};
  for (const auto& s : spheres) {
    const auto degrees = exactness.degrees.begin() + s.frame;
    const int degree = std::min(*std::max_element(degrees, degrees + 3), most_sphere_degree);
    std::fill_n(degrees, 3, degree);
    const Quaternion left{turn[s.point], turn[s.point + 1], turn[s.point + 2], turn[s.point + 3]};
    factors.push_back(sphere_rule(degree, left));
  }
  return {std::move(factors), exactness};
}

Structure SphereProduct::structure() const {
  Structure c{};
  const auto set = [&](int i, int j, int k, double sign) {
    c[(k * dim + i) * dim + j] = sign * 2.0 * scale_[k] / (scale_[i] * scale_[j]);
  };
  for (const auto& s : spheres)
    for (int n = 0; n < 3; ++n) {
      const int i = s.frame + n;
      const int j = s.frame + (n + 1) % 3;
      const int k = s.frame + (n + 2) % 3;
      set(i, j, k, 1.0);
      set(j, i, k, -1.0);
    }
  return c;
}

void SphereProduct::features(const double* point, double* f, double* df) const {
  const int n = n_features();
  std::fill_n(df, dim * n, 0.0);
  const double t = (point[0] - axis_.begin) / axis_.length;
  const double dt = 1.0 / (axis_.length * scale_[0]);  // E_0 t
  if (axis_.is_circle) {
    f[0] = std::cos(2.0 * pi * t);
    f[1] = std::sin(2.0 * pi * t);
    df[0] = -2.0 * pi * dt * f[1];
    df[1] = 2.0 * pi * dt * f[0];
  } else {
    f[0] = 2.0 * t - 1.0;
    df[0] = 2.0 * dt;
  }
  for (const auto& s : spheres) {
    const Quaternion q{point[s.point], point[s.point + 1], point[s.point + 2], point[s.point + 3]};
    const int column = n_axis_features() + s.point - 1;
    std::copy(q.begin(), q.end(), f + column);
    for (int a = 0; a < 3; ++a) {
      Quaternion unit{};  // i, j, k over the radius
      unit[1 + a] = 1.0 / scale_[s.frame + a];
      const Quaternion derivative = multiply(q, unit);
      std::copy(derivative.begin(), derivative.end(), df + (s.frame + a) * n + column);
    }
  }
}

}  // namespace k7::geometry
