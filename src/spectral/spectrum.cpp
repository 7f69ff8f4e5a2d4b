// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/spectrum.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "io/json_file.hpp"

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

io::Json number_or_null(double value) {
  return std::isfinite(value) ? io::Json(value) : io::Json(nullptr);
}

/// `size` numbers, null where there is none.
io::Json per_eigenvalue(const std::vector<double>& values, std::size_t size) {
  io::Json list = io::Json::array();
  for (std::size_t i = 0; i < size; ++i) list.push_back(number_or_null(value_or_nan(values, i)));
  return list;
}

io::Json limit_json(const SpectrumReport& report) {
  const double lambda_1 = value_or_nan(report.limit.values, 1);
  const double error = value_or_nan(report.limit.errors, 1);
  const Verdict verdict = judge(lambda_1, report.pairs.converged, report.prediction);
  return {{"lambda_1", number_or_null(lambda_1)},
          {"error", std::isfinite(lambda_1) ? number_or_null(error) : io::Json(nullptr)},
          {"lambda1_times_Hstar", number_or_null(verdict.lambda1_h_star)},
          {"deviation_percent", number_or_null(verdict.deviation_percent)},
          {"obstacle", report.limit.obstacle}};
}

io::Json multiplets_json(const SpectrumLimit& limit) {
  io::Json list = io::Json::array();
  for (const Multiplet& m : limit.multiplets)
    list.push_back({{"first", m.first},
                    {"count", m.count},
                    {"open", m.is_open},
                    {"eigenvalue", m.raw},
                    {"extrapolated", number_or_null(m.limit)},
                    {"error", number_or_null(m.error)},
                    {"method", name_of(m.source)},
                    {"obstacle", m.obstacle}});
  return list;
}

/// What one of two methods says.
io::Json one_method_json(const SpectrumLimit& limit, std::size_t n_reported) {
  return {{"extrapolated", per_eigenvalue(limit.values, n_reported)},
          {"error", per_eigenvalue(limit.errors, n_reported)},
          {"obstacle", limit.obstacle},
          {"multiplets", multiplets_json(limit)}};
}

/// Where the metric was looked at.
std::string points_of(const SpectrumReport& report) {
  return report.quadrature ? "nodes" : "samples";
}

/// The bounds of the reported eigenvalues.
io::Json witness_json(const Witness& witness, std::size_t n_reported, const std::string& over) {
  io::Json rows = io::Json::array();
  for (int a = 0; a < geometry::dim; ++a) {
    const auto row = witness.metric.row(a);
    rows.push_back(std::vector<double>(row.data(), row.data() + row.size()));
  }
  return {{"metric", rows},
          {"eigenvalues", per_eigenvalue(witness.values, n_reported)},
          {"lower", per_eigenvalue(witness.lower, n_reported)},
          {"upper", per_eigenvalue(witness.upper, n_reported)},
          {"over", over}};
}

/// The multiplet of the first eigenvalue after the zero mode, null without one.
const Multiplet* first_multiplet(const SpectrumReport& report) {
  for (const Multiplet& m : report.limit.multiplets)
    if (m.first <= 1 && 1 < m.first + m.count) return &m;
  return nullptr;
}

/// Where the judged eigenvalue comes from.
std::string judged_method(const SpectrumReport& report) {
  if (report.method == Method::notebook) return name_of(report.method);
  const bool has_limit = std::isfinite(value_or_nan(report.limit.values, 1));
  const Multiplet* multiplet = first_multiplet(report);
  return name_of(has_limit && multiplet != nullptr ? multiplet->source : Source::graph);
}

io::Json ladder_json(const std::vector<Rung>& ladder) {
  io::Json list = io::Json::array();
  for (const Rung& rung : ladder)
    list.push_back({{"part", rung.part},
                    {"k", rung.k},
                    {"n_points", rung.n_points},
                    {"mean_degree", rung.mean_degree},
                    {"mean_distance_sq", rung.mean_distance_sq},
                    {"n_components", rung.n_components},
                    {"shortest_sq", number_or_null(rung.shortest_sq)},
                    {"calibration_doubt", rung.calibration_doubt},
                    {"mean_cut", rung.mean_cut},
                    {"wrapped", rung.wrapped},
                    {"effective_points", rung.effective_points},
                    {"eigenvalues", rung.values}});
  return list;
}

/// As many digits as the bar allows, six at least and twelve at most.
std::string with_error(double value, double error) {
  constexpr int fewest = 6;
  constexpr int most = 12;
  if (std::isfinite(value)) {
    const double known = std::log10(std::abs(value) / error);
    const int digits = known < most ? std::max(fewest, static_cast<int>(known) + 2) : most;
    return format("%.*g +- %.2g", digits, value, error);
  }
  return std::isfinite(error) ? format("none; graph +- %.2g", error) : "-";
}

/// Where the limit of a multiplet comes from, or why there is none.
std::string remark(const Multiplet& m) {
  if (m.is_open) return "may go on; raise -n";
  return m.obstacle.empty() ? name_of(m.source) : m.obstacle;
}

std::string index_range(std::size_t first, std::size_t last) {
  return first == last ? std::to_string(first) : std::to_string(first) + " - " + std::to_string(last);
}

std::string multiplet_table(const SpectrumLimit& limit, std::size_t n_reported) {
  std::string text = format("%-12s  %12s  %-24s  %s\n", "multiplet", "mean", "limit", "method");
  for (const Multiplet& m : limit.multiplets) {
    if (static_cast<std::size_t>(m.first) >= n_reported) break;
    const auto first = static_cast<std::size_t>(m.first);
    const std::string range = index_range(first, first + static_cast<std::size_t>(m.count) - 1);
    text += format("%-12s  %12.6g  %-24s  %s\n", range.c_str(), m.raw, with_error(m.limit, m.error).c_str(),
                   remark(m).c_str());
  }
  return text;
}

/// One line for equal eigenvalues of the constant metric.
std::string witness_table(const Witness& witness, std::size_t n_reported, const std::string& over) {
  constexpr double rounding = 1e-9;
  const auto& values = witness.values;
  if (values.size() < 2) return {};
  std::string text =
      format("near a constant metric: lambda_1 between %.6g and %.6g (over the %s; no proof between them)\n",
             witness.lower[1], witness.upper[1], over.c_str());
  text += format("%-12s  %12s  %12s  %12s\n", "index", "constant", "at least", "at most");
  for (std::size_t first = 1, next = 1; first < std::min(values.size(), n_reported); first = next) {
    while (next < values.size() && values[next] <= (1.0 + rounding) * values[first]) ++next;
    text += format("%-12s  %12.6g  %12.6g  %12.6g\n", index_range(first, next - 1).c_str(), values[first],
                   witness.lower[first], witness.upper[first]);
  }
  return text;
}

}  // namespace

Verdict judge(double lambda_1, bool converged, const Prediction& prediction) {
  const double product = lambda_1 * prediction.h_star;
  const double deviation = 100.0 * std::abs(product - prediction.target) / std::abs(prediction.target);
  const bool passed = converged && deviation < 5.0;
  std::string status = "NEEDS_REFINEMENT";
  if (passed) status = "PASSED";
  if (!passed && deviation < 15.0) status = "PARTIAL";
  return {product, deviation, passed, status};
}

Verdict judge(const EigenPairs& pairs, const Prediction& prediction) {
  return judge(value_or_nan(pairs.values, 1), pairs.converged, prediction);
}

Verdict judge(const SpectrumReport& report) {
  const double limit = value_or_nan(report.limit.values, 1);
  return std::isfinite(limit) ? judge(limit, report.pairs.converged, report.prediction)
                              : judge(report.pairs, report.prediction);
}

io::Json spectrum_json(const SpectrumReport& report) {
  const EigenPairs& pairs = report.pairs;
  const Verdict raw = judge(pairs, report.prediction);
  const Verdict verdict = judge(report);
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
                      {"lambda1_times_Hstar", raw.lambda1_h_star},
                      {"target", report.prediction.target},
                      {"deviation_percent", raw.deviation_percent},
                      {"method", name_of(report.method)},
                      {"error", per_eigenvalue(report.limit.errors, pairs.values.size())},
                      {"extrapolated", per_eigenvalue(report.limit.values, pairs.values.size())},
                      {"limit", limit_json(report)},
                      {"multiplets", multiplets_json(report.limit)},
                      {"residual", per_eigenvalue(pairs.residuals, pairs.values.size())},
                      {"n_components", report.n_components},
                      {"zero_modes", pairs.zero_modes},
                      {"k", report.k},
                      {"n_points", report.n_points},
                      {"left_out", {{"count", report.n_left_out}, {"rows", report.left_out}}},
                      {"converged", pairs.converged}};
  if (report.method == Method::automatic) {
    json["spectral"]["graph"] = one_method_json(report.graph_limit, pairs.values.size());
    json["spectral"]["ritz"] = one_method_json(report.ritz_limit, pairs.values.size());
  }
  if (report.quadrature)
    json["spectral"]["quadrature"] = {{"rules", report.quadrature->n_rules},
                                      {"nodes", report.quadrature->n_nodes},
                                      {"functions", report.quadrature->n_functions},
                                      {"degrees", report.quadrature->degrees}};
  if (report.witness)
    json["spectral"]["constant_metric"] =
        witness_json(*report.witness, pairs.values.size(), points_of(report));
  json["spectral"]["ladder"] = ladder_json(report.ladder);
  json["validation"] = {{"passed", verdict.passed},
                        {"status", verdict.status},
                        {"basis", std::isfinite(value_or_nan(report.limit.values, 1)) ? "limit" : "graph"},
                        {"method", judged_method(report)}};
  json["timing"] = {{"read_s", report.timing.read},
                    {"partition_s", report.timing.partition},
                    {"knn_s", report.timing.knn},
                    {"assemble_s", report.timing.assemble},
                    {"eigensolve_s", report.timing.eigensolve},
                    {"extrapolate_s", report.timing.extrapolate},
                    {"ritz_s", report.timing.ritz},
                    {"total_s", report.timing.total}};
  return json;
}

std::string spectrum_table(const SpectrumReport& report) {
  const EigenPairs& pairs = report.pairs;
  std::string text = format("%5s  %16s  %-24s  %10s\n", "index", "eigenvalue", "limit", "residual");
  for (std::size_t i = 0; i < pairs.values.size(); ++i) {
    const bool is_zero = i < static_cast<std::size_t>(pairs.zero_modes);
    const std::string limit =
        is_zero ? "zero mode"
                : with_error(value_or_nan(report.limit.values, i), value_or_nan(report.limit.errors, i));
    const double residual = value_or_nan(pairs.residuals, i);
    text += format("%5zu  %16.9g  %-24s  %10s\n", i, pairs.values[i], limit.c_str(),
                   std::isfinite(residual) ? format("%.1e", residual).c_str() : "-");
  }
  if (!report.limit.multiplets.empty()) text += multiplet_table(report.limit, pairs.values.size());
  if (!report.limit.obstacle.empty()) text += "no limits: " + report.limit.obstacle + "\n";
  if (report.witness) text += witness_table(*report.witness, pairs.values.size(), points_of(report));
  const Verdict verdict = judge(report);
  text += format("lambda_1 * H* = %.6g (%s) with H* = %g; target %g, deviation %.2f %%: %s\n",
                 verdict.lambda1_h_star, judged_method(report).c_str(), report.prediction.h_star,
                 report.prediction.target, verdict.deviation_percent, verdict.status.c_str());
  const Timing& t = report.timing;
  text += format(
      "seconds: read %.2f, partition %.2f, kNN %.2f, assemble %.2f, eigensolve %.2f, limits %.2f, Ritz %.2f, "
      "total %.2f\n",
      t.read, t.partition, t.knn, t.assemble, t.eigensolve, t.extrapolate, t.ritz, t.total);
  return text;
}

}  // namespace k7::spectral
