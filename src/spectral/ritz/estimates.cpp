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

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double null_tolerance = 1e-9;
constexpr double resolved = 2.0;  // gaps in deviations, from which perturbation theory gives the push
// In deviations: the noise alone drives equal values so far apart.
constexpr double multiplet_width = 8.0;

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

/// What the groups of points say about the noise.
struct Jackknife {
  MatrixXd deviations;  ///< (count, all) s_kb
  MatrixXd diagonals;   ///< (count, groups) T_kk of each group
};

/// @param count rows wanted
Jackknife jackknife(const std::vector<Forms>& groups, const RitzPairs& pairs, Index count) {
  const Index n = pairs.functions.rows();
  MatrixXd squares = MatrixXd::Zero(count, pairs.values.size());
  Jackknife result{{}, MatrixXd(count, static_cast<Index>(groups.size()))};
  const auto wanted = pairs.functions.leftCols(count);
  for (std::size_t c = 0; c < groups.size(); ++c) {
    const MatrixXd stiffness = wanted.transpose() * groups[c].k.topLeftCorner(n, n);
    const MatrixXd mass = wanted.transpose() * groups[c].m.topLeftCorner(n, n);
    const MatrixXd t = (stiffness - pairs.values.head(count).asDiagonal() * mass) * pairs.functions;
    squares += t.cwiseAbs2();
    result.diagonals.col(static_cast<Index>(c)) = t.diagonal();
  }
  const auto n_groups = static_cast<double>(groups.size());
  result.deviations = (squares * (n_groups / (n_groups - 1.0))).cwiseSqrt();
  return result;
}

/// Where neighbouring values are closer than twice their errors, or than noise drives equal ones apart.
/// @param next the value after those of the list; -infinity where it is not known
std::vector<MeanEstimate> find_means(const std::vector<Estimate>& list, double next, double usual_gap) {
  std::vector<MeanEstimate> means;
  const auto belong_together = [&](const Estimate& a, const Estimate& b) {
    return b.value - a.value < std::max(2.0 * std::hypot(a.error, b.error), usual_gap * a.value);
  };
  for (std::size_t first = 1; first < list.size();) {
    std::size_t end = first + 1;
    while (end < list.size() && belong_together(list[end - 1], list[end])) ++end;
    const Estimate& last = list[end - 1];
    const bool is_open = end == list.size() && belong_together(last, {next, last.error});
    means.push_back({first, end - first, is_open, mean_of(list, first, end - first), 0.0});
    first = end;
  }
  return means;
}

/// @param deviations s_kb for every b
Estimate estimate(const VectorXd& values, Index k, const VectorXd& deviations, const PushOfNoise& of_noise) {
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
  return {values(k) - of_noise.part * push,
          std::hypot(std::sqrt(sum_sq), next_order, of_noise.deviation * push)};
}

/// The deviation of a mean: what moves single values of a multiplet against each other is not in it.
double error_of_mean(const MeanEstimate& mean, const VectorXd& values, const std::vector<Estimate>& list,
                     const MatrixXd& diagonals, const PushOfNoise& of_noise) {
  const auto first = static_cast<Index>(mean.first);
  const auto count = static_cast<Index>(mean.count);
  const VectorXd sums = diagonals.middleRows(first, count).colwise().sum() / static_cast<double>(count);
  const auto n_groups = static_cast<double>(diagonals.cols());
  double push = 0.0;
  for (Index k = first; k < first + count; ++k)
    push += std::abs(values(k) - list[static_cast<std::size_t>(k)].value);
  push /= static_cast<double>(count) * of_noise.part;
  const double next_order = mean.value > 0.0 ? push * push / mean.value : 0.0;
  return std::hypot(std::sqrt(sums.squaredNorm() * n_groups / (n_groups - 1.0)), next_order,
                    of_noise.deviation * push);
}

}  // namespace

double mean_of(const std::vector<Estimate>& values, std::size_t first, std::size_t count) {
  if (first + count > values.size()) return std::numeric_limits<double>::infinity();
  double sum = 0.0;
  for (std::size_t k = first; k < first + count; ++k) sum += values[k].value;
  return sum / static_cast<double>(count);
}

Estimates estimate_values(const std::vector<Forms>& groups, const Forms& total, Index n, Index count,
                          double usual_gap, const PushOfNoise& push) {
  const RitzPairs pairs = ritz_pairs(total, n);
  Estimates estimates{pairs.values.size(), {}, {}, {}, {}};
  count = std::min(count, estimates.basis_size);
  estimates.raw = pairs.values.head(count);
  estimates.vectors = pairs.functions.leftCols(count);
  const Jackknife noise = jackknife(groups, pairs, count);
  for (Index k = 0; k < noise.deviations.rows(); ++k)
    estimates.list.push_back(estimate(pairs.values, k, noise.deviations.row(k), push));
  std::sort(estimates.list.begin(), estimates.list.end(),
            [](const Estimate& a, const Estimate& b) { return a.value < b.value; });
  const auto n_listed = static_cast<Index>(estimates.list.size());
  // Without a next value nothing is known of what a larger basis would have there.
  const double next = n_listed < pairs.values.size() ? pairs.values(n_listed) : -infinity;
  estimates.multiplets = find_means(estimates.list, next, usual_gap);
  for (MeanEstimate& mean : estimates.multiplets)
    mean.error = error_of_mean(mean, pairs.values, estimates.list, noise.diagonals, push);
  return estimates;
}

}  // namespace k7::spectral
