// SPDX-License-Identifier: Apache-2.0
// Seven plain coordinates, each periodic or not: flat space, the torus, and the notebook's chart.
#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/quote.hpp"
#include "geometry/left_invariant_spectrum.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/manifold.hpp"

namespace k7::geometry {
namespace {

/// How points are drawn.
enum class CoordinateSampler { none, torus, notebook_chart };

/// Reference metric D: the mean metric's block of the non-periodic coordinates, its diagonal on the periodic
/// ones.
Matrix7 reference_metric(const Matrix7& mean, const Periods& periods) {
  Matrix7 d = mean;
  for (int i = 0; i < dim; ++i)
    for (int j = 0; j < dim; ++j)
      if (i != j && (periods[i] > 0.0 || periods[j] > 0.0)) d(i, j) = 0.0;
  return d;
}

/// Non-periodic coordinates go to L^T x, whose distances are those of D; a periodic one goes to a circle of
/// its length, whose chords are shorter than its arcs.
class CoordinateEmbedding final : public Embedding {
 public:
  CoordinateEmbedding(const Matrix7& reference, const Periods& periods)
      : Embedding(reference), factor_(reference.llt().matrixL()), periods_(periods) {
    for (const double p : periods) size_ += p > 0.0 ? 2 : 1;
  }

  int size() const override { return size_; }

  std::vector<Factor> factors() const override {
    std::vector<Factor> result;
    for (int i = 0, column = 0; i < dim; ++i) {
      const bool is_circle = periods_[i] > 0.0;
      const double radius =
          is_circle ? factor_(i, i) * periods_[i] / (2.0 * pi) : std::numeric_limits<double>::infinity();
      result.push_back(
          {is_circle ? Factor::Kind::circle : Factor::Kind::line, i, i, column, periods_[i], radius, 0});
      column += result.back().n_columns();
    }
    return result;
  }

  void map(const double* x, double* e) const override {
    int n = 0;
    for (int i = 0; i < dim; ++i) {
      if (periods_[i] > 0.0) {
        const double radius = factor_(i, i) * periods_[i] / (2.0 * pi);
        const double angle = 2.0 * pi * x[i] / periods_[i];
        e[n++] = radius * std::cos(angle);
        e[n++] = radius * std::sin(angle);
      } else {
        double sum = 0.0;
        for (int j = i; j < dim; ++j) sum += periods_[j] > 0.0 ? 0.0 : factor_(j, i) * x[j];
        e[n++] = sum;
      }
    }
  }

 private:
  Matrix7 factor_;
  Periods periods_;
  int size_ = 0;
};

/// A network gets (cos, sin) of the angle of a periodic coordinate and the others as they are, coordinate
/// after coordinate.
class CoordinateManifold final : public Manifold {
 public:
  CoordinateManifold(std::string name, const Periods& periods, CoordinateSampler sampler)
      : name_(std::move(name)), periods_(periods), sampler_(sampler) {}

  std::string name() const override { return name_; }
  std::string frame() const override { return "coordinate"; }
  int point_size() const override { return dim; }
  Periods periods() const override { return periods_; }

  std::unique_ptr<Manifold> in_units(const Form1& units) const override {
    Periods periods = periods_;
    for (std::size_t i = 0; i < dim; ++i) periods[i] /= units[i];
    return std::make_unique<CoordinateManifold>(name_, periods, sampler_);
  }

  void displacement(const double* a, const double* b, double* v) const override {
    for (int i = 0; i < dim; ++i) {
      v[i] = b[i] - a[i];
      if (periods_[i] > 0.0) v[i] -= periods_[i] * std::nearbyint(v[i] / periods_[i]);
    }
  }

  std::unique_ptr<Embedding> embedding(const Matrix7& mean) const override {
    return std::make_unique<CoordinateEmbedding>(reference_metric(mean, periods_), periods_);
  }

  void sample(const DrawKey& key, std::uint64_t index, double* point, double* coords) const override {
    if (sampler_ == CoordinateSampler::none) Manifold::sample(key, index, point, coords);
    if (sampler_ == CoordinateSampler::torus) {
      sample_torus(key, index, point);
    } else {
      std::array<double, point_size_neck> neck{};
      sample_neck(key, index, neck.data());
      neck_coordinates(neck.data(), point);
    }
    std::copy_n(point, dim, coords);
  }

  double frame_volume() const override {
    return sampler_ == CoordinateSampler::torus ? std::pow(2.0 * pi, dim) : 0.0;
  }

  QuadratureRule quadrature(const RuleRequest& request) const override {
    if (!is_torus()) return {};
    Form1 shift{};
    sample_torus({0, Stream::nodes, 0}, static_cast<std::uint64_t>(request.copy), shift.data());
    for (double& s : shift) s /= 2.0 * pi;
    const int degree =
        std::min(*std::min_element(request.degrees.begin(), request.degrees.end()), most_lattice_degree);
    Exactness exactness{{}, degree};
    exactness.degrees.fill(degree);
    return {{lattice_rule(periods_, degree, shift)}, exactness};
  }

  std::vector<double> reference_spectrum(const Matrix7& g, int count, double most_work) const override {
    // One line among the coordinates and the spectrum is no longer discrete.
    return is_torus() ? torus_spectrum(g, periods_, count, most_work)
                      : Manifold::reference_spectrum(g, count, most_work);
  }

  int n_features() const override {
    return dim + static_cast<int>(
                     std::count_if(periods_.begin(), periods_.end(), [](double p) { return p > 0.0; }));
  }

  void features(const double* x, double* f, double* df) const override {
    const int n = n_features();
    std::fill_n(df, dim * n, 0.0);
    for (int i = 0, column = 0; i < dim; ++i) {
      double* derivative = df + i * n;
      if (periods_[i] > 0.0) {
        const double frequency = 2.0 * pi / periods_[i];
        f[column] = std::cos(frequency * x[i]);
        f[column + 1] = std::sin(frequency * x[i]);
        derivative[column] = -frequency * f[column + 1];
        derivative[column + 1] = frequency * f[column];
        column += 2;
      } else {
        f[column] = x[i];
        derivative[column] = 1.0;
        ++column;
      }
    }
  }

 private:
  bool is_torus() const {
    return std::all_of(periods_.begin(), periods_.end(), [](double p) { return p > 0.0; });
  }

  std::string name_;
  Periods periods_;
  CoordinateSampler sampler_;
};

/// @param own the manifold's periods, which parameters.periods replaces
/// @throws InputError unless the periods are finite and not negative
std::unique_ptr<Manifold> make_coordinates(const std::string& name, const Periods& own,
                                           CoordinateSampler sampler, const ManifoldParameters& parameters) {
  const Periods periods = parameters.periods.value_or(own);
  for (const double p : periods)
    if (!(p >= 0.0) || !std::isfinite(p))
      throw InputError("a period of " + name + " is " + short_number(p) +
                       "; periods are positive and finite, 0 = not periodic");
  return std::make_unique<CoordinateManifold>(name, periods, sampler);
}

}  // namespace

std::unique_ptr<Manifold> make_torus(const ManifoldParameters& parameters) {
  constexpr double t = 2.0 * pi;
  return make_coordinates("torus7", {t, t, t, t, t, t, t}, CoordinateSampler::torus, parameters);
}

std::unique_ptr<Manifold> make_notebook_chart(const ManifoldParameters& parameters) {
  return make_coordinates("notebook-chart", {}, CoordinateSampler::notebook_chart, parameters);
}

std::unique_ptr<Manifold> make_euclidean(const ManifoldParameters& parameters) {
  return make_coordinates("euclidean", {}, CoordinateSampler::none, parameters);
}

}  // namespace k7::geometry
