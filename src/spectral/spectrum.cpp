// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/spectrum.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

namespace k7::spectral {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double value_or_nan(const std::vector<double>& values, std::size_t i) {
  return i < values.size() ? values[i] : nan;
}

template <class... Args>
std::string format(const char* pattern, Args... args) {
  std::array<char, 200> line{};
  std::snprintf(line.data(), line.size(), pattern, args...);
  return line.data();
}

}  // namespace

Verdict judge(const EigenPairs& pairs, const Prediction& prediction) {
  const double product = value_or_nan(pairs.values, 1) * prediction.h_star;
  const double deviation = 100.0 * std::abs(product - prediction.target) / std::abs(prediction.target);
  const bool passed = pairs.converged && deviation < 5.0;
  std::string status = "NEEDS_REFINEMENT";
  if (passed) status = "PASSED";
  if (!passed && deviation < 15.0) status = "PARTIAL";
  return {product, deviation, passed, status};
}

io::Json spectrum_json(const SpectrumReport& report) {
  const EigenPairs& pairs = report.pairs;
  const Verdict verdict = judge(pairs, report.prediction);
  const std::vector<io::Json> unknown(pairs.values.size(), nullptr);
  io::Json json;
  json["constants"] = io::constants_json();
  json["constants"]["H_star"] = report.prediction.h_star;
  json["constants"]["lambda1_target"] = report.prediction.target;
  json["metric"] = {{"n_samples", report.metric.n_samples},
                    {"det_mean", report.metric.det_mean},
                    {"det_std", report.metric.det_std},
                    {"det_min", report.metric.det_min},
                    {"det_max", report.metric.det_max}};
  json["spectral"] = {{"eigenvalues", pairs.values},
                      {"lambda_0", value_or_nan(pairs.values, 0)},
                      {"lambda_1", value_or_nan(pairs.values, 1)},
                      {"lambda1_times_Hstar", verdict.lambda1_h_star},
                      {"target", report.prediction.target},
                      {"deviation_percent", verdict.deviation_percent},
                      {"method", report.method},
                      {"error", unknown},
                      {"extrapolated", unknown},
                      {"residual", pairs.residuals},
                      {"n_components", report.n_components},
                      {"zero_modes", pairs.zero_modes},
                      {"k", report.k},
                      {"n_points", report.n_points},
                      {"converged", pairs.converged}};
  json["validation"] = {{"passed", verdict.passed}, {"status", verdict.status}};
  json["timing"] = {{"read_s", report.timing.read},
                    {"partition_s", report.timing.partition},
                    {"knn_s", report.timing.knn},
                    {"assemble_s", report.timing.assemble},
                    {"eigensolve_s", report.timing.eigensolve},
                    {"total_s", report.timing.total}};
  return json;
}

std::string spectrum_table(const SpectrumReport& report) {
  const EigenPairs& pairs = report.pairs;
  std::string text = format("%5s  %16s  %10s\n", "index", "eigenvalue", "residual");
  for (std::size_t i = 0; i < pairs.values.size(); ++i)
    text += format("%5zu  %16.9g  %10.1e%s\n", i, pairs.values[i], pairs.residuals[i],
                   i < static_cast<std::size_t>(pairs.zero_modes) ? "  zero mode" : "");
  const Verdict verdict = judge(pairs, report.prediction);
  text += format("lambda_1 * H* = %.6g with H* = %g; target %g, deviation %.2f %%: %s\n",
                 verdict.lambda1_h_star, report.prediction.h_star, report.prediction.target,
                 verdict.deviation_percent, verdict.status.c_str());
  const Timing& t = report.timing;
  text += format("seconds: read %.2f, partition %.2f, kNN %.2f, assemble %.2f, eigensolve %.2f, total %.2f\n",
                 t.read, t.partition, t.knn, t.assemble, t.eigensolve, t.total);
  return text;
}

}  // namespace k7::spectral
