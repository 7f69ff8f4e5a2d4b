// SPDX-License-Identifier: Apache-2.0
#include "spectral/ritz/ritz.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "spectral/ritz/basis.hpp"
#include "spectral/ritz/estimates.hpp"
#include "spectral/ritz/quadrature.hpp"

namespace k7::spectral {
namespace {

constexpr int max_degree = 8;  // of polynomials in double precision: their condition grows like 6^degree
constexpr double points_per_function = 20.0;
// Of the noise's push where densities come from the neighbours: none or all of it may be there.
constexpr double estimated_part = 0.5;
constexpr double estimated_deviation = 0.3;
// A coordinate of the unit ball in seven dimensions has the Rayleigh quotient 9 instead of 8.206.
constexpr int visible_degree = 3;
constexpr double unseen_change = 0.1;
// Times N^{-1/2}: 998 of 1000 pairs of equal eigenvalues are driven less far apart. The noise of cos and sin on a circle
// has the deviation (2/N)^{1/2} on and off the diagonal, so their distance is more than x N^{-1/2} with the probability
// exp(-x^2/16).
constexpr double scatters_between_equals = 10.0;
// All products of so many features are in a basis for nodes.
constexpr int degree_for_nodes = 3;
// Energies of products are means over the factor's directions; functions along a long one have less.
constexpr double cautious = 0.7;
// Of nodes: what rounding makes of equal values and of their errors, relative.
constexpr double gap_of_rounding = 1e-9;
constexpr double error_of_rounding = 1e-10;

void check_options(const RitzOptions& options) {
  if (options.count < 1)
    throw InputError("the method ritz cannot give " + std::to_string(options.count) +
                     " eigenvalues; 1 or more can be asked for");
  if (options.degree < 0 || options.degree > max_degree)
    throw InputError("degree " + std::to_string(options.degree) + " of the Ritz basis: 1 to " +
                     std::to_string(max_degree) + " are possible, 0 chooses");
}

/// By how much two jackknife deviations of n groups are too few for a bar that holds the truth in 95 of 100 cases: half of
/// the quantile of Student's t with n - 1 degrees of freedom.
double student_factor(std::size_t n_groups) {
  constexpr std::array<double, 15> quantiles{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                             2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131};
  const std::size_t i = std::min(n_groups - 2, quantiles.size() - 1);
  return 0.5 * quantiles[i];
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

/// The mean Rayleigh quotient of the features of each group, around their means. Collective.
std::vector<double> feature_energies(const PointCloud& cloud, const Weights& weights,
                                     const ScaledFeatures& features, const std::string& name, int threads,
                                     const parallel::Communicator& comm) {
  const Polynomials linear(features.count(), 1);
  const Forms forms =
      sum_of(Quadrature(cloud, weights.values, features, linear, threads).group_forms(comm), name, comm);
  std::vector<double> energies;
  for (const auto& group : features.groups()) {
    double stiffness = 0.0;
    double mass = 0.0;
    for (const int feature : group.features) {
      const Eigen::Index a = feature + 1;  // after the constant
      stiffness += forms.k(a, a);
      mass += forms.m(a, a) - forms.m(a, 0) * forms.m(a, 0) / forms.m(0, 0);
    }
    energies.push_back(stiffness / mass);
  }
  return energies;
}

struct Basis {
  Polynomials polynomials;
  double missing_energy;  ///< the least of the products that are left out
  double least_change;    ///< what at least is to be expected of a larger basis, relative
};

/// Products of functions of several coordinates with ends converge slowly where the points do not fill a box, and in
/// degrees 1 and 2 nothing of that can be seen: the smaller basis has the same functions of each coordinate.
double least_change(const std::vector<ScaledFeatures::Group>& groups, const Polynomials& polynomials) {
  int n_lines = 0;
  int highest = 0;
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (groups[g].has_ends) {
      ++n_lines;
      highest = std::max(highest, polynomials.degree_in_groups()[g]);
    }
  return n_lines > 1 && highest < visible_degree ? unseen_change : 0.0;
}

/// Products that the points can carry.
BasisChoice choose(const std::vector<double>& energies, const std::optional<NodeSet>& nodes,
                   const Weights& weights, const ScaledFeatures& features, const RitzOptions& options) {
  BasisChoice choice;
  choice.energies = energies;
  choice.most = options.max_basis;
  if (nodes) {
    const geometry::Exactness& exact = nodes->exactness;
    const auto half = [](int degree) { return (degree - 1) / 2; };
    for (const auto& group : features.groups()) {
      const auto first = exact.degrees.begin() + group.first_direction;
      choice.highest.push_back(half(*std::min_element(first, first + group.n_directions)));
    }
    choice.highest_total = half(exact.total);
    choice.always = std::min(degree_for_nodes, choice.highest_total);
    choice.most =
        std::max(choice.most, static_cast<Eigen::Index>(Polynomials::count(features.count(), choice.always)));
  } else {
    const auto bearable = static_cast<Eigen::Index>(weights.effective_points / points_per_function);
    choice.most = std::min(choice.most, bearable);
  }
  choice.most = std::max<Eigen::Index>(1 + features.count(), choice.most);
  return choice;
}

/// The basis for the points. Collective.
Basis make_basis(const PointCloud& cloud, const Weights& weights, const ScaledFeatures& features,
                 const std::string& name, const RitzOptions& options, const parallel::Communicator& comm) {
  const auto energies = feature_energies(cloud, weights, features, name, options.threads, comm);
  if (options.degree > 0) {
    double missing = std::numeric_limits<double>::infinity();
    for (std::size_t g = 0; g < energies.size(); ++g)
      missing = std::min(missing, energy_of(features.groups()[g], energies[g], options.degree + 1));
    return {Polynomials(features.count(), options.degree), missing, 0.0};
  }
  Polynomials polynomials(features.groups(), choose(energies, cloud.nodes, weights, features, options));
  const double missing = polynomials.next_energy();
  const double least = least_change(features.groups(), polynomials);
  return {std::move(polynomials), missing, least};
}

std::array<int, geometry::dim> degrees_along_frame(const std::vector<ScaledFeatures::Group>& groups,
                                                   const Polynomials& polynomials) {
  std::array<int, geometry::dim> degrees{};
  for (std::size_t g = 0; g < polynomials.degree_in_groups().size(); ++g)
    std::fill_n(degrees.begin() + groups[g].first_direction, groups[g].n_directions,
                polynomials.degree_in_groups()[g]);
  return degrees;
}

/// What nodes of rules, which are exact for the whole basis, may lose.
std::vector<double> losses_of_nodes(const Quadrature& quadrature, const Estimates& estimates, double energy,
                                    const parallel::Communicator& comm) {
  const auto residuals = quadrature.residuals_sq(estimates.vectors, estimates.raw, energy, comm);
  std::vector<double> losses;
  constexpr double near = 0.9;  // from where on functions outside may have eigenvalues too
  for (const auto& [squared, of_smaller] : residuals) {
    const double value = estimates.raw(static_cast<Eigen::Index>(losses.size()));
    losses.push_back(value < near * energy ? std::min(squared / (1.0 - value / energy), 1.5 * value)
                                           : 1.5 * value);
  }
  return losses;
}

/// What samples may lose at least. The functions are those of the smaller basis: noise puts much of the highest products
/// into the others, whose derivatives need products that are left out. Where the basis takes in two thirds of what the
/// smaller one does not see, what the values gain by it says more: then they would gain less by what is still outside.
std::vector<double> losses_of_samples(const Quadrature& quadrature, const Estimates& smaller, double energy,
                                      const parallel::Communicator& comm) {
  std::vector<double> losses;
  for (const auto& [squared, of_smaller] :
       quadrature.residuals_sq(smaller.vectors, smaller.raw, energy, comm)) {
    const double taken_in = squared < of_smaller ? 1.0 - squared / of_smaller : 0.0;
    const double counted =
        std::clamp(2.0 - 3.0 * taken_in, 0.0, 1.0);  // all below a third, nothing from two thirds on
    losses.push_back(
        std::min(2.0 * counted * squared, 1.5 * smaller.raw(static_cast<Eigen::Index>(losses.size()))));
  }
  return losses;
}

/// What the mean of some values may lose because the basis is finite.
class Losses {
 public:
  /// Of nodes.
  explicit Losses(std::vector<double> residual) : residual_(std::move(residual)) {}
  /// Of samples: what they lose in a smaller basis, and at least what the basis does not see of the functions.
  Losses(std::vector<double> residual, const Basis& basis, const Estimates& of_smaller_basis)
      : residual_(std::move(residual)),
        least_change_(basis.least_change),
        missing_energy_(basis.missing_energy),
        of_smaller_basis_(of_smaller_basis.list) {}

  double of(double value, std::size_t first, std::size_t count) const {
    double loss = 0.0;
    for (std::size_t k = first; k < std::min(first + count, residual_.size()); ++k)
      loss = std::max(loss, residual_[k]);
    if (of_smaller_basis_.empty()) return loss;
    const double change = std::min(std::abs(mean_of(of_smaller_basis_, first, count) - value), 1.5 * value);
    return std::hypot(std::max({change, loss, least_change_ * value}),
                      std::max(0.0, value - missing_energy_));
  }

 private:
  std::vector<double> residual_;  ///< per value; may be shorter, or empty, for samples
  double least_change_ = 0.0;
  double missing_energy_ = 0.0;
  std::vector<Estimate> of_smaller_basis_;  ///< empty for nodes
};

}  // namespace

RitzSpectrum ritz_spectrum(const PointCloud& cloud, const geometry::Manifold& manifold,
                           const std::string& name, const RitzOptions& options,
                           const parallel::Communicator& comm) {
  parallel::agree(comm, [&] { check_options(options); });
  const Weights weights = quadrature_weights(cloud, manifold, name, comm);
  const ScaledFeatures features(cloud, manifold, comm);
  const Basis basis = make_basis(cloud, weights, features, name, options, comm);
  const Polynomials& polynomials = basis.polynomials;
  const Quadrature quadrature(cloud, weights.values, features, polynomials, options.threads);
  const auto groups = quadrature.group_forms(comm);
  const Forms total = sum_of(groups, name, comm);
  const bool by_rule = cloud.nodes.has_value();
  const double usual_gap =
      by_rule ? gap_of_rounding : scatters_between_equals / std::sqrt(weights.effective_points);
  const PushOfNoise push =
      options.estimated_densities ? PushOfNoise{estimated_part, estimated_deviation} : PushOfNoise{};
  const Estimates estimates =
      estimate_values(groups, total, polynomials.size(), options.count, usual_gap, push);
  const Estimates smaller =
      estimate_values(groups, total, polynomials.smaller_size(), options.count, usual_gap, push);
  const Losses losses =
      by_rule ? Losses(losses_of_nodes(quadrature, estimates, cautious * basis.missing_energy, comm))
              : Losses(losses_of_samples(quadrature, smaller, basis.missing_energy, comm), basis, smaller);

  RitzSpectrum result;
  result.effective_points = weights.effective_points;
  result.weights_from_metric = weights.from_metric;
  result.degree = polynomials.degree();
  result.basis_size = static_cast<int>(estimates.basis_size);
  result.degrees = degrees_along_frame(features.groups(), polynomials);
  const double factor = student_factor(groups.size());
  const auto error_of = [&](double value, double error) {
    return std::hypot(factor * error, by_rule ? error_of_rounding * value : 0.0);
  };
  for (std::size_t k = 0; k < estimates.list.size(); ++k) {
    const double value = estimates.list[k].value;
    const double error = error_of(value, estimates.list[k].error);
    // The constant function is in every basis.
    result.truncation.push_back(k == 0 ? 0.0 : losses.of(value, k, 1));
    result.values.push_back(value);
    result.quadrature.push_back(error);
    result.errors.push_back(std::hypot(error, result.truncation[k]));
  }
  for (const auto& mean : estimates.multiplets) {
    const double truncation = losses.of(mean.value, mean.first, mean.count);
    result.multiplets.push_back({static_cast<int>(mean.first), static_cast<int>(mean.count), mean.is_open,
                                 mean.value, std::hypot(error_of(mean.value, mean.error), truncation)});
  }
  return result;
}

}  // namespace k7::spectral
