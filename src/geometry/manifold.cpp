// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/manifold.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>

#include "base/quote.hpp"
#include "geometry/manifolds.hpp"
#include "k7/base/error.hpp"

namespace k7::geometry {

Embedding::Embedding(const Matrix7& reference) : reference_(reference) {
  const Matrix7 factor = reference.llt().matrixL();
  inverse_factor_ = factor.triangularView<Eigen::Lower>().solve(Matrix7::Identity());
}

double Embedding::stretch(const double* g) const {
  const Matrix7 whitened = inverse_factor_ * unpack(g) * inverse_factor_.transpose();
  return Eigen::SelfAdjointEigenSolver<Matrix7>(whitened, Eigen::EigenvaluesOnly).eigenvalues()(0);
}

void Embedding::stretches(const double* g, double* m) const {
  const Matrix7 whitened = inverse_factor_ * unpack(g) * inverse_factor_.transpose();
  m[0] = least_eigenvalue_bound(whitened, whitened.inverse());
}

std::string Manifold::point_defect(const double*) const {
  return {};
}

void Manifold::sample(const DrawKey&, std::uint64_t, double*, double*) const {
  throw InputError("manifold " + name() + " has no sampler; choose s1xs3xs3, interval-s3xs3 or torus7");
}

std::vector<double> Manifold::reference_spectrum(const Matrix7&, int) const {
  return {};
}

double Manifold::volume_factor(const double*) const {
  return 1.0;
}

void Manifold::image(const double* point, int, double* moved) const {
  std::copy_n(point, point_size(), moved);
}

Form1 Manifold::scale() const {
  return {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
}

Structure Manifold::structure() const {
  return {};
}

void Manifold::background(const double*, double* a, double* da) const {
  Matrix7::Map(a).setIdentity();
  std::fill_n(da, dim * dim * dim, 0.0);
}

double Manifold::envelope(const double*, double* d) const {
  std::fill_n(d, dim, 0.0);
  return 1.0;
}

bool Manifold::exact_coframe(const double*, double*) const {
  return false;
}

const std::vector<std::string>& manifold_names() {
  static const std::vector<std::string> names{"s1xs3xs3", "interval-s3xs3", "torus7", "notebook-chart",
                                              "euclidean"};
  return names;
}

std::unique_ptr<Manifold> make_manifold(const std::string& name, const ManifoldParameters& parameters) {
  constexpr double t = 2.0 * pi;
  const auto coordinates = [&](const Periods& own, CoordinateSampler sampler) {
    return make_coordinate_manifold(name, parameters.periods.value_or(own), sampler);
  };
  if (name == "s1xs3xs3") return make_neck_manifold(parameters.radii);
  if (name == "interval-s3xs3") return make_interval_manifold(parameters.interval);
  if (name == "torus7") return coordinates({t, t, t, t, t, t, t}, CoordinateSampler::torus);
  if (name == "notebook-chart") return coordinates({}, CoordinateSampler::notebook_chart);
  if (name == "euclidean") return coordinates({}, CoordinateSampler::none);
  std::string known;
  for (const auto& n : manifold_names()) known += (known.empty() ? "" : ", ") + n;
  throw InputError("unknown manifold " + k7::quoted(name) + "; known: " + known);
}

}  // namespace k7::geometry
