// SPDX-License-Identifier: Apache-2.0
//
// What K7 knows about the space that its points come from: how to draw points, which points are identified,
// and how far apart two points are in the frame that the metric is written in.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "k7/geometry/metric.hpp"
#include "k7/geometry/sampler.hpp"

namespace k7::geometry {

using Periods = std::array<double, dim>;  ///< per coordinate, 0 = not periodic

/// A map e from points to R^size() that never stretches, measured against a constant reference metric D = L
/// L^T: |e(a) - e(b)|^2 <= v^T D v for the displacement v from a to b. It turns box distances in R^size()
/// into lower bounds of metric distances, see stretch().
class Embedding {
 public:
  virtual ~Embedding() = default;
  virtual int size() const = 0;
  /// Writes size() numbers.
  virtual void map(const double* point, double* e) const = 0;

  /// The least generalised eigenvalue mu of g against D: v^T g v >= mu v^T D v for every v, hence
  /// v^T g v >= mu |e(a) - e(b)|^2.
  /// @param g packed metric, positive definite
  double stretch(const double* g) const;

 protected:
  /// @param reference D, symmetric positive definite
  explicit Embedding(const Matrix7& reference);

  Matrix7 inverse_factor_;  ///< L^{-1}
};

/// A manifold with its frame. Points are point_size() numbers.
class Manifold {
 public:
  virtual ~Manifold() = default;
  virtual std::string name() const = 0;
  /// "left-invariant" or "coordinate": the frame of displacements and metrics.
  virtual std::string frame() const = 0;
  /// Numbers that describe a point: 7 coordinates, or (theta, q1, q2) on S1 x S3 x S3.
  virtual int point_size() const = 0;
  virtual Periods periods() const = 0;

  /// Frame displacement v (7 numbers) from a to b; v(b, a) = -v(a, b).
  virtual void displacement(const double* a, const double* b, double* v) const = 0;

  /// @param mean a typical metric on the manifold; the closer it is to the true ones, the tighter the bounds
  virtual std::unique_ptr<Embedding> embedding(const Matrix7& mean) const = 0;

  /// What is wrong with a stored point: empty when nothing is.
  virtual std::string point_defect(const double* point) const;

  /// Draws point `index`: the point itself (point_size() numbers) and the file's seven coordinates.
  /// @throws InputError when the manifold has no sampler
  virtual void sample(const DrawKey& key, std::uint64_t index, double* point, double* coords) const;

  /// Riemannian volume of the frame's unit metric where it is known and sample() is uniform in it, otherwise
  /// 0: sample() then has the density 1 / (frame_volume sqrt(det g)) against the volume of g.
  virtual double frame_volume() const { return 0.0; }
};

/// Names that make_manifold knows.
const std::vector<std::string>& manifold_names();

/// s1xs3xs3 (left-invariant coframe), torus7 (periods 2 pi), notebook-chart (the notebook's coordinates of
/// S1 x S3 x S3, taken as flat coordinates without identifications), euclidean.
/// @param periods replaces the manifold's own where its frame is "coordinate"
/// @throws InputError for an unknown name
std::unique_ptr<Manifold> make_manifold(const std::string& name, const Periods* periods = nullptr);

}  // namespace k7::geometry
