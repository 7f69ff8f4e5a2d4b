// SPDX-License-Identifier: Apache-2.0
#include "spectral/witness/witness.hpp"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "k7/geometry/metric.hpp"

namespace k7::spectral {
namespace {

using geometry::Matrix7;

/// Operations for the spectrum of the constant metric: a second, or less.
constexpr double most_work = 1e9;

/// Whether the inverse of a metric has nine digits, whatever the lengths of the frame's directions are.
bool has_inverse(const Matrix7& g) {
  if (!geometry::metric_defect(g.data()).empty()) return false;
  const Eigen::Matrix<double, geometry::dim, 1> whiten = g.diagonal().cwiseSqrt().cwiseInverse();
  const Matrix7 angles = whiten.asDiagonal() * g * whiten.asDiagonal();
  return Eigen::SelfAdjointEigenSolver<Matrix7>(angles, Eigen::EigenvaluesOnly).eigenvalues().minCoeff() >
         1e-7;
}

std::vector<double> scaled(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

double mean_of(const std::vector<double>& values, const Multiplet& m) {
  double sum = 0.0;
  for (int i = m.first; i < m.first + m.count; ++i) sum += values[static_cast<std::size_t>(i)];
  return sum / m.count;
}

std::string line(const Multiplet& m, double low, double high) {
  const std::string who = m.count == 1 ? fmt::format("eigenvalue {}", m.first)
                                       : fmt::format("eigenvalues {} - {}", m.first, m.first + m.count - 1);
  return fmt::format(
      "{}: {:.6g} +- {:.2g} ({}), but the metric of the samples is near a constant one, which puts their "
      "mean "
      "between {:.6g} and {:.6g}",
      who, m.limit, m.error, name_of(m.source), low, high);
}

}  // namespace

bool knows_constant_metrics(const geometry::Manifold& manifold) {
  return !manifold.reference_spectrum(Matrix7::Identity(), 1, most_work).empty();
}

std::optional<Witness> bear_witness(const NearConstant& near, const geometry::Manifold& manifold, int count,
                                    const parallel::Communicator& comm) {
  Witness witness;
  witness.metric = near.metric;
  // Ranks on machines of two kinds may round, and count operations, in two ways.
  if (comm.is_root() && has_inverse(near.metric))
    witness.values = manifold.reference_spectrum(near.metric, count, most_work);
  comm.broadcast(witness.values);
  if (witness.values.empty()) return {};
  witness.values[0] = 0.0;  // the constants
  witness.lower = scaled(witness.values, near.low);
  witness.upper = scaled(witness.values, near.high);
  return witness;
}

int comparable_eigenvalues(const SpectrumReport& report) {
  const auto reported = static_cast<int>(report.pairs.values.size());
  int count = reported;
  for (const Multiplet& m : report.limit.multiplets)
    if (m.first < reported) count = std::max(count, m.first + m.count);
  return count;
}

std::vector<std::string> contradictions(const SpectrumLimit& limit, const Witness& witness) {
  constexpr double rounding = 1e-10;  // of a spectrum that is known exactly
  std::vector<std::string> lines;
  for (const Multiplet& m : limit.multiplets) {
    const bool is_known = static_cast<std::size_t>(m.first + m.count) <= witness.values.size();
    if (!is_known || !std::isfinite(m.limit) || !std::isfinite(m.error)) continue;
    const double low = mean_of(witness.lower, m);
    const double high = mean_of(witness.upper, m);
    const bool is_below = m.limit + m.error < (1.0 - rounding) * low;
    const bool is_above = m.limit - m.error > (1.0 + rounding) * high;
    if (is_below || is_above) lines.push_back(line(m, low, high));
  }
  return lines;
}

}  // namespace k7::spectral
