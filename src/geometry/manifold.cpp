// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/manifold.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>

#include "base/quote.hpp"
#include "k7/base/error.hpp"
#include "k7/base/names.hpp"

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

void Manifold::coordinates(const double* point, double* coords) const {
  std::copy_n(point, dim, coords);
}

std::string Manifold::point_defect(const double*) const {
  return {};
}

std::unique_ptr<Manifold> Manifold::in_units(const Form1&) const {
  return nullptr;
}

void Manifold::sample(const DrawKey&, std::uint64_t, double*, double*) const {
  throw InputError("manifold " + name() + " has no sampler; choose one of " +
                   joined(manifold_names(ManifoldUse::training)));
}

QuadratureRule Manifold::quadrature(const RuleRequest& /*request*/) const {
  return {};
}

std::vector<double> Manifold::reference_spectrum(const Matrix7&, int, double) const {
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

#define K7_MANIFOLD(maker, name, use) std::unique_ptr<Manifold> maker(const ManifoldParameters&);
#include "geometry/manifolds.inc"
#undef K7_MANIFOLD

namespace {

struct Entry {
  const char* name;
  ManifoldUse use;
  std::unique_ptr<Manifold> (*make)(const ManifoldParameters&);
};

constexpr Entry table[] = {
#define K7_MANIFOLD(maker, name, use) {name, ManifoldUse::use, maker},
#include "geometry/manifolds.inc"
#undef K7_MANIFOLD
};

}  // namespace

std::vector<std::string> manifold_names(ManifoldUse least) {
  std::vector<std::string> names;
  for (const Entry& entry : table)
    if (entry.use >= least) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<Manifold> make_manifold(const std::string& name, const ManifoldParameters& parameters) {
  for (const Entry& entry : table)
    if (entry.name == name) return entry.make(parameters);
  throw InputError("unknown manifold " + k7::quoted(name) + "; known: " + joined(manifold_names()));
}

}  // namespace k7::geometry
