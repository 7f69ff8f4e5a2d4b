// SPDX-License-Identifier: Apache-2.0
#include "spectral/ritz/ritz.hpp"

#include <algorithm>
#include <cmath>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "spectral/ritz/basis.hpp"
#include "spectral/ritz/estimates.hpp"
#include "spectral/ritz/quadrature.hpp"

namespace k7::spectral {
namespace {

constexpr int max_degree = 8;  // of monomials in double precision: their condition grows like 6^degree
constexpr int chosen_degree = 3;
constexpr double points_per_function = 20.0;

void check_options(const RitzOptions& options) {
  if (options.count < 1)
    throw InputError("the method ritz cannot give " + std::to_string(options.count) +
                     " eigenvalues; 1 or more can be asked for");
  if (options.degree < 0 || options.degree > max_degree)
    throw InputError("degree " + std::to_string(options.degree) + " of the Ritz basis: 1 to " +
                     std::to_string(max_degree) + " are possible, 0 chooses");
}

int choose_degree(const RitzOptions& options, int n_features, double effective_points) {
  if (options.degree > 0) return options.degree;
  const double limit = std::min<double>(options.max_basis, effective_points / points_per_function);
  int degree = chosen_degree;
  while (degree > 1 && Monomials::count(n_features, degree) > limit) --degree;
  return degree;
}

/// The forms of all points. Collective.
Forms sum_of(const std::vector<Forms>& groups, const std::string& name, const parallel::Communicator& comm) {
  Forms total(groups.front().k.rows());
  for (const Forms& group : groups) total.add(group);
  parallel::agree(comm, [&] {
    if (!total.k.allFinite() || !total.m.allFinite())
      throw InputError(name +
                       ": coordinates or metrics are too large or too small for the Ritz integrals; choose "
                       "units in which they are nearer to 1");
  });
  return total;
}

}  // namespace

RitzSpectrum ritz_spectrum(const PointCloud& cloud, const geometry::Manifold& manifold,
                           const std::string& name, const RitzOptions& options,
                           const parallel::Communicator& comm) {
  parallel::agree(comm, [&] { check_options(options); });
  const Weights weights = quadrature_weights(cloud, manifold, name, comm);
  const ScaledFeatures features(cloud, manifold, comm);
  RitzSpectrum result;
  result.effective_points = weights.effective_points;
  result.weights_from_metric = weights.from_metric;
  result.degree = choose_degree(options, features.count(), weights.effective_points);

  const Monomials monomials(features.count(), result.degree);
  const Quadrature quadrature(cloud, weights.values, features, monomials, options.threads);
  const auto groups = quadrature.group_forms(comm);
  const Forms total = sum_of(groups, name, comm);

  const Estimates estimates = estimate_values(groups, total, monomials.size(), options.count);
  const Estimates smaller =
      estimate_values(groups, total, monomials.size_of_degree(result.degree - 1), options.count);
  result.basis_size = static_cast<int>(estimates.basis_size);
  result.truncation = truncation_errors(estimates.list, smaller.list, result.degree);
  for (std::size_t k = 0; k < estimates.list.size(); ++k) {
    const auto [value, error] = estimates.list[k];
    result.values.push_back(value);
    result.quadrature.push_back(error);
    result.errors.push_back(std::hypot(error, result.truncation[k]));
  }
  return result;
}

}  // namespace k7::spectral
