// SPDX-License-Identifier: Apache-2.0
// A circle or an interval times S3 x S3 with the left-invariant coframe (dt, sigma, Sigma): everything that
// follows from the axis alone.
#pragma once

#include "k7/geometry/manifold.hpp"

namespace k7::geometry {

/// The first factor: t in [begin, begin + length], its ends identified where it is a circle.
struct Axis {
  double begin;
  double length;
  bool is_circle;
};

/// Points are (t, q1, q2). The features are those of t, (cos, sin) of its angle on the circle or x in [-1, 1]
/// along the interval, then the eight numbers of q1 and q2.
class SphereProduct : public Manifold {
 public:
  std::string frame() const final { return "left-invariant"; }
  int point_size() const final { return point_size_neck; }
  Periods periods() const final;
  void displacement(const double* a, const double* b, double* v) const final;
  bool has_uniform_displacements() const final { return false; }
  double volume_factor(const double* v) const final;
  std::unique_ptr<Embedding> embedding(const Matrix7& mean) const final;
  std::string point_defect(const double* point) const final;
  void coordinates(const double* point, double* coords) const final;
  void sample(const DrawKey& key, std::uint64_t index, double* point, double* coords) const final;
  /// Left translations of each sphere by {+-1, +-i, +-j, +-k}, whose means have no harmonics of degree 1, 2
  /// and 3, and quarter turns of the circle, which take away the frequencies 1, 2 and 3.
  int n_images() const final { return n_units * n_units * n_turns(); }
  void image(const double* point, int k, double* moved) const final;
  double frame_volume() const final;
  QuadratureRule quadrature(const RuleRequest& request) const final;
  Form1 scale() const final { return scale_; }
  Structure structure() const final;
  int n_features() const final { return n_axis_features() + 8; }
  void features(const double* point, double* f, double* df) const final;

 protected:
  SphereProduct(const Axis& axis, const Form1& scale) : axis_(axis), scale_(scale) {}

 private:
  static constexpr int n_units = 8;
  int n_turns() const { return axis_.is_circle ? 4 : 1; }
  int n_axis_features() const { return axis_.is_circle ? 2 : 1; }

  Axis axis_;
  Form1 scale_;
};

}  // namespace k7::geometry
