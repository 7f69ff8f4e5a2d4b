// SPDX-License-Identifier: Apache-2.0
// Seven plain coordinates, each periodic or not: flat space, the torus, and the notebook's chart.
#include <Eigen/Cholesky>
#include <cmath>
#include <utility>

#include "geometry/manifolds.hpp"

namespace k7::geometry {
namespace {

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

class CoordinateManifold final : public Manifold {
 public:
  CoordinateManifold(std::string name, const Periods& periods, CoordinateSampler sampler)
      : name_(std::move(name)), periods_(periods), sampler_(sampler) {}

  std::string name() const override { return name_; }
  std::string frame() const override { return "coordinate"; }
  int point_size() const override { return dim; }
  Periods periods() const override { return periods_; }

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

 private:
  std::string name_;
  Periods periods_;
  CoordinateSampler sampler_;
};

}  // namespace

std::unique_ptr<Manifold> make_coordinate_manifold(const std::string& name, const Periods& periods,
                                                   CoordinateSampler sampler) {
  return std::make_unique<CoordinateManifold>(name, periods, sampler);
}

}  // namespace k7::geometry
