// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/manifold.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>

#include "geometry/manifolds.hpp"
#include "k7/error.hpp"

namespace k7::geometry {

Embedding::Embedding(const Matrix7& reference) {
  const Matrix7 factor = reference.llt().matrixL();
  inverse_factor_ = factor.triangularView<Eigen::Lower>().solve(Matrix7::Identity());
}

double Embedding::stretch(const double* g) const {
  const Matrix7 whitened = inverse_factor_ * unpack(g) * inverse_factor_.transpose();
  return Eigen::SelfAdjointEigenSolver<Matrix7>(whitened, Eigen::EigenvaluesOnly).eigenvalues()(0);
}

std::string Manifold::point_defect(const double*) const {
  return {};
}

void Manifold::sample(const DrawKey&, std::uint64_t, double*, double*) const {
  throw InputError("manifold " + name() + " has no sampler; choose s1xs3xs3 or torus7");
}

const std::vector<std::string>& manifold_names() {
  static const std::vector<std::string> names{"s1xs3xs3", "torus7", "notebook-chart", "euclidean"};
  return names;
}

std::unique_ptr<Manifold> make_manifold(const std::string& name, const Periods* periods) {
  constexpr double two_pi = 2.0 * pi;
  const auto periods_or = [periods](const Periods& own) { return periods != nullptr ? *periods : own; };
  if (name == "s1xs3xs3") return make_neck_manifold();
  if (name == "torus7")
    return make_coordinate_manifold(
        name, periods_or({two_pi, two_pi, two_pi, two_pi, two_pi, two_pi, two_pi}), CoordinateSampler::torus);
  if (name == "notebook-chart")
    return make_coordinate_manifold(name, periods_or({}), CoordinateSampler::notebook_chart);
  if (name == "euclidean") return make_coordinate_manifold(name, periods_or({}), CoordinateSampler::none);
  std::string known;
  for (const auto& n : manifold_names()) known += (known.empty() ? "" : ", ") + n;
  throw InputError("unknown manifold '" + name + "'; known: " + known);
}

}  // namespace k7::geometry
