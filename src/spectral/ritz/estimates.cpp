// SPDX-License-Identifier: Apache-2.0
#include "spectral/ritz/estimates.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

namespace k7::spectral {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double null_tolerance = 1e-9;
constexpr double resolved = 2.0;  // gaps in deviations, from which perturbation theory gives the push
constexpr double multiplet_width =
    6.0;  // in deviations: the noise alone drives four equal values so far apart

/// Eigenpairs of K u = lambda M u on what of the first n functions is independent.
struct RitzPairs {
  VectorXd values;     ///< ascending
  MatrixXd functions;  ///< (n, values.size()), functions^T M functions = 1
};

RitzPairs ritz_pairs(const Forms& forms, Index n) {
  const VectorXd scale =
      forms.m.diagonal().head(n).cwiseMax(std::numeric_limits<double>::min()).cwiseSqrt().cwiseInverse();
  const MatrixXd mass = scale.asDiagonal() * forms.m.topLeftCorner(n, n) * scale.asDiagonal();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> directions(mass);
  const VectorXd& spread = directions.eigenvalues();
  const auto n_null = static_cast<Index>(std::count_if(
      spread.data(), spread.data() + n, [&](double s) { return s <= null_tolerance * spread(n - 1); }));
  const Index kept = n - n_null;
  const MatrixXd whitener = scale.asDiagonal() * directions.eigenvectors().rightCols(kept) *
                            spread.tail(kept).cwiseSqrt().cwiseInverse().asDiagonal();
  const MatrixXd stiffness = whitener.transpose() * forms.k.topLeftCorner(n, n) * whitener;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(stiffness);
  return {solver.eigenvalues(), whitener * solver.eigenvectors()};
}

/// The jackknife deviations s_kb, (count, all). @param count rows wanted
MatrixXd jackknife_deviations(const std::vector<Forms>& groups, const RitzPairs& pairs, Index count) {
  const Index n = pairs.functions.rows();
  MatrixXd squares = MatrixXd::Zero(count, pairs.values.size());
  const auto wanted = pairs.functions.leftCols(count);
  for (const Forms& group : groups) {
    const MatrixXd stiffness = wanted.transpose() * group.k.topLeftCorner(n, n);
    const MatrixXd mass = wanted.transpose() * group.m.topLeftCorner(n, n);
    squares += ((stiffness - pairs.values.head(count).asDiagonal() * mass) * pairs.functions).cwiseAbs2();
  }
  const auto n_groups = static_cast<double>(groups.size());
  return (squares * (n_groups / (n_groups - 1.0))).cwiseSqrt();
}

/// @param deviations s_kb for every b
Estimate estimate(const VectorXd& values, Index k, const VectorXd& deviations) {
  double sum_sq = deviations(k) * deviations(k);
  double push = 0.0;
  for (Index b = 0; b < values.size(); ++b) {
    const double s = deviations(b);
    if (b == k || s == 0.0) continue;
    const double gap = values(k) - values(b);
    if (std::abs(gap) > resolved * s) push += s * s / gap;
    if (std::abs(gap) < multiplet_width * s) sum_sq += s * s;
  }
  const double next_order = values(k) > 0.0 ? push * push / values(k) : 0.0;
  return {values(k) - push, std::hypot(std::sqrt(sum_sq), next_order)};
}

}  // namespace

Estimates estimate_values(const std::vector<Forms>& groups, const Forms& total, Index n, Index count) {
  const RitzPairs pairs = ritz_pairs(total, n);
  Estimates estimates{pairs.values.size(), {}};
  const MatrixXd deviations = jackknife_deviations(groups, pairs, std::min(count, estimates.basis_size));
  for (Index k = 0; k < deviations.rows(); ++k)
    estimates.list.push_back(estimate(pairs.values, k, deviations.row(k)));
  std::sort(estimates.list.begin(), estimates.list.end(),
            [](const Estimate& a, const Estimate& b) { return a.value < b.value; });
  return estimates;
}

std::vector<double> truncation_errors(const std::vector<Estimate>& values,
                                      const std::vector<Estimate>& smaller, int degree) {
  std::vector<double> errors{0.0};  // the constant function is in every basis
  double largest_change = 0.0;
  for (std::size_t k = 1; k < values.size(); ++k) {
    const double value = values[k].value;
    const double change = k < smaller.size() ? std::abs(smaller[k].value / value - 1.0) : 1.0;
    largest_change = std::max(largest_change, change);
    const double complete = values[1].value * (degree + 1) * (degree + 3) / 3.0;
    errors.push_back(std::hypot(largest_change * value, std::max(0.0, value - complete)));
  }
  return errors;
}

}  // namespace k7::spectral
