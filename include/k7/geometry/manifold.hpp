// SPDX-License-Identifier: Apache-2.0
//
// What K7 knows about the space that its points come from: how to draw points, which points are identified,
// how far apart two points are in the frame that the metric is written in, and the global coframe in which
// forms are learned.
#pragma once

#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "k7/geometry/g2_structure.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/geometry/quadrature_rule.hpp"
#include "k7/geometry/sampler.hpp"

namespace k7::geometry {

using Periods = std::array<double, dim>;  ///< per coordinate, 0 = not periodic

/// One factor of a space that is a product of lines, circles and unit 3-spheres: its share of a point, of a
/// displacement and of the embedding.
struct Factor {
  enum class Kind { line, circle, sphere };
  Kind kind;
  int point;      ///< first of its numbers in a point: a coordinate, or the four of a unit quaternion
  int frame;      ///< first of its directions in the frame: three on a sphere, otherwise one
  int column;     ///< first of its numbers in e: one on a line, two on a circle, four on a sphere
  double period;  ///< of a circle's coordinate, otherwise 0
  double radius;  ///< of the circle or sphere in the embedding space, infinite on a line
  int stretch;    ///< which of Embedding::stretches() bounds it
  int n_columns() const { return kind == Kind::line ? 1 : kind == Kind::circle ? 2 : 4; }
  int n_directions() const { return kind == Kind::sphere ? 3 : 1; }
};

/// A map e from points to R^size() that never stretches, measured against a constant reference metric
/// D = L L^T: |e(a) - e(b)|^2 <= v^T D v for the displacement v from a to b. It turns box distances in
/// R^size() into lower bounds of metric distances, see stretch().
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

  /// The factors of the space, in the order of their columns. Displacements follow from them alone: b - a on
  /// a line, that wrapped to half a period on a circle, log(conj(a) b) on a sphere.
  virtual std::vector<Factor> factors() const = 0;
  virtual int n_stretches() const { return 1; }
  /// Bounds m, one for each class of factors with the same Factor::stretch, with
  ///     v^T g v >= sum_s m_s v_s^T D v_s for every v,
  /// v_s the part of v in the factors of class s; D does not mix classes. Hence
  /// v^T g v >= sum_s m_s |e_s(a) - e_s(b)|^2, where every factor of a radius r adds at least
  /// c^2 + c^4 / (12 r^2) for its chord c. One class: stretch() itself. Rounded down by more than the error
  /// of the eigenvalues.
  /// @param m n_stretches() numbers, none negative
  virtual void stretches(const double* g, double* m) const;
  const Matrix7& reference() const { return reference_; }  ///< D

 protected:
  /// @param reference D, symmetric positive definite
  explicit Embedding(const Matrix7& reference);

  Matrix7 reference_;       ///< D
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
  /// The same space with the coordinates x_a / units[a]; null where the frame leaves no choice of units.
  virtual std::unique_ptr<Manifold> in_units(const Form1& units) const;

  /// Frame displacement v (7 numbers) from a to b; v(b, a) = -v(a, b).
  virtual void displacement(const double* a, const double* b, double* v) const = 0;

  /// Whether volume_factor() is 1 everywhere.
  virtual bool has_uniform_displacements() const { return true; }
  /// Density of the frame's volume in the displacement v from a point, against Lebesgue measure dv: 1 in
  /// coordinates, prod_b (sin|v_b| / |v_b|)^2 over the spheres of left-invariant frames (Haar measure in
  /// logarithmic coordinates). Even in v.
  virtual double volume_factor(const double* v) const;

  /// @param mean a typical metric on the manifold; the closer it is to the true ones, the tighter the bounds
  virtual std::unique_ptr<Embedding> embedding(const Matrix7& mean) const = 0;

  /// The seven coordinates that a sample file has for a point: the point itself, unless it is (t, q1, q2).
  virtual void coordinates(const double* point, double* coords) const;

  /// What is wrong with a stored point: empty when nothing is.
  virtual std::string point_defect(const double* point) const;

  /// Draws point `index`: the point itself (point_size() numbers) and the file's seven coordinates.
  /// @throws InputError when the manifold has no sampler
  virtual void sample(const DrawKey& key, std::uint64_t index, double* point, double* coords) const;

  /// A finite group of maps that keep the coframe and the uniform measure: its size, and the image of a point
  /// under map k. A mean over all images of random points has much less noise than one over as many random
  /// points.
  virtual int n_images() const { return 1; }
  virtual void image(const double* point, int k, double* moved) const;

  /// Riemannian volume of the frame's unit metric where it is known and sample() is uniform in it, otherwise
  /// 0: sample() then has the density 1 / (frame_volume sqrt(det g)) against the volume of g.
  virtual double frame_volume() const { return 0.0; }

  /// Nodes and weights of the volume of the frame's unit metric; empty where K7 knows no rule for the whole space. Point
  /// and frame are those of point_size() and frame().
  virtual QuadratureRule quadrature(const RuleRequest& request) const;

  /// The first `count` eigenvalues, with multiplicity, of the Laplace-Beltrami operator of the metric g that
  /// is constant in frame(), to rounding; empty where no closed form is known, or where it would take more than
  /// most_work operations, roughly: long and short directions that are not those of the frame take many.
  /// @throws InputError when g is not a metric
  virtual std::vector<double> reference_spectrum(const Matrix7& g, int count, double most_work) const;
  /// The same whatever it takes.
  std::vector<double> reference_spectrum(const Matrix7& g, int count) const {
    return reference_spectrum(g, count, std::numeric_limits<double>::infinity());
  }

  // What follows is about the global coframe e^0..e^6 in which networks learn: frame() with e^i scaled by
  // scale()[i].

  /// e^i = scale()[i] times the i-th form of frame(): the radii of S1 x S3 x S3, otherwise 1.
  virtual Form1 scale() const;
  /// Structure constants C[c][a][b] of the coframe, the same at every point.
  virtual Structure structure() const;
  /// How many numbers a network gets for a point.
  virtual int n_features() const = 0;
  /// Smooth global functions of the point, so that what a network makes of them is periodic and tells the
  /// hemispheres apart.
  /// @param f n_features() numbers
  /// @param df (7, n_features()), the frame derivatives E_a f
  virtual void features(const double* point, double* f, double* df) const = 0;
  /// The coframe A (7, 7) that a network's correction is added to and its frame derivatives dA (7, 7, 7),
  /// dA[a] = E_a A; phi = A^* phi_0. The identity, unless boundary values are prescribed.
  virtual void background(const double* point, double* a, double* da) const;
  /// The smooth factor of a network's correction and its frame derivatives (7): 1, unless boundary values are
  /// prescribed; then it vanishes there.
  virtual double envelope(const double* point, double* d) const;
  /// The coframe of the known solution that belongs to the boundary values, where there is one. Returns false
  /// otherwise.
  virtual bool exact_coframe(const double* point, double* a) const;
};

/// What a manifold can be used for; each use includes the ones before it.
enum class ManifoldUse {
  points,           ///< spectra of given points
  training,         ///< points can be drawn on it, and forms learned
  constant_metrics  ///< metrics that are constant in its frame are worth sampling: it is a homogeneous space
};

/// Names that make_manifold knows, of the manifolds with at least that use.
std::vector<std::string> manifold_names(ManifoldUse least = ManifoldUse::points);

/// What a manifold's name leaves open.
struct ManifoldParameters {
  std::optional<Periods> periods;  ///< replaces the manifold's own where its frame is "coordinate"
  /// s1xs3xs3: scale of dtheta, sigma, Sigma in the learned coframe
  std::array<double, 3> radii{1.0, 1.0, 1.0};
  /// interval-s3xs3: the ends of r, in units of the bolt radius a = 1
  std::array<double, 2> interval{1.25, 2.5};
};

/// s1xs3xs3 (left-invariant coframe), torus7 (periods 2 pi), interval-s3xs3 (r in an interval, left-invariant
/// coframe (dr, sigma, Sigma), boundary values of the Bryant-Salamon metric), notebook-chart (the notebook's
/// coordinates of S1 x S3 x S3, taken as flat coordinates without identifications), euclidean.
/// @throws InputError for an unknown name or parameters that make no sense
std::unique_ptr<Manifold> make_manifold(const std::string& name, const ManifoldParameters& parameters = {});

}  // namespace k7::geometry
