// SPDX-License-Identifier: Apache-2.0
#include "model/form_report.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "g2/forms.hpp"
#include "g2/g2_structure.hpp"

namespace k7::model {
namespace {

using geometry::dim;

/// Quantities whose mean and extremes are reported.
enum Quantity {
  dphi,
  dpsi,
  tau0,
  tau1,
  tau2,
  tau3,
  det,
  trace,
  cond,
  root_det,
  energy,
  energy_sq,
  n_quantities
};
enum ExactQuantity { root_det_exact, length, length_exact, error_sq, n_exact };

/// Sums and extremes over the points seen so far.
struct Totals {
  /// The last but one: points whose numbers overflow; the last: positive points.
  std::vector<double> sums = std::vector<double>(n_quantities + n_exact + 2, 0.0);
  std::vector<double> maxima =
      std::vector<double>(n_quantities + n_exact, -std::numeric_limits<double>::infinity());
  std::vector<double> minima =
      std::vector<double>(n_quantities + n_exact, std::numeric_limits<double>::infinity());

  /// values: (n); points that are not positive are left out.
  void add(int quantity, const at::Tensor& values) {
    if (values.numel() == 0) return;
    const auto q = static_cast<std::size_t>(quantity);
    sums[q] += values.sum().item<double>();
    maxima[q] = std::max(maxima[q], values.max().item<double>());
    minima[q] = std::min(minima[q], values.min().item<double>());
  }
};

void add_exact(Totals& totals, const at::Tensor& g, const at::Tensor& exact) {
  const at::Tensor reference = at::bmm(exact.transpose(1, 2), exact);
  totals.add(n_quantities + root_det_exact, at::linalg_det(exact).abs());
  totals.add(n_quantities + length, g.select(1, 0).select(1, 0).sqrt());
  totals.add(n_quantities + length_exact, reference.select(1, 0).select(1, 0).sqrt());
  // |g - g*| / |g*| with norms of the exact metric: the eigenvalues of g*^{-1} g - 1
  const at::Tensor defect = at::linalg_solve(reference, g) - at::eye(dim, g.options());
  totals.add(n_quantities + error_sq, at::matmul(defect, defect).diagonal(0, 1, 2).sum(1) / dim);
}

void add_points(Totals& totals, const LearnedForm& form, const g2::ExteriorDerivative& d,
                const Batch& batch) {
  const FormJet f = form.jet(batch);
  const at::Tensor b = g2::hitchin_form(f.phi.value);
  const at::Tensor finite = f.phi.value.isfinite().all(1).logical_and(b.flatten(1).isfinite().all(1));
  totals.sums[n_quantities + n_exact] += static_cast<double>(finite.numel()) - finite.sum().item<double>();
  const at::Tensor positive = g2::is_definite(b).nonzero().squeeze(1);
  totals.sums.back() += static_cast<double>(positive.numel());
  const g2::BatchedG2 s = g2::g2_structure(f.phi.value.index_select(0, positive));
  const g2::BatchedTorsion t = torsion(s, f.phi.derivatives.index_select(0, positive), d);
  totals.add(dphi, t.norm2_dphi);
  totals.add(dpsi, t.norm2_dpsi);
  totals.add(tau0, t.norm2_tau0);
  totals.add(tau1, t.norm2_tau1);
  totals.add(tau2, t.norm2_tau2);
  totals.add(tau3, t.norm2_tau3);
  const at::Tensor both = t.norm2_dphi + t.norm2_dpsi;
  totals.add(energy, both);
  totals.add(energy_sq, both.square());
  totals.add(root_det, s.sqrt_det_g);
  totals.add(det, s.sqrt_det_g.square());
  totals.add(trace, s.g.diagonal(0, 1, 2).sum(1) / dim);
  const at::Tensor eigenvalues = at::linalg_eigvalsh(s.g);
  totals.add(cond, eigenvalues.select(1, dim - 1) / eigenvalues.select(1, 0));
  if (batch.exact.defined()) add_exact(totals, s.g, batch.exact.index_select(0, positive));
}

io::Json mean_and_max(const Totals& t, int quantity, double n) {
  const auto q = static_cast<std::size_t>(quantity);
  return {{"mean", t.sums[q] / n}, {"max", t.maxima[q]}};
}

io::Json with_min(const Totals& t, int quantity, double n) {
  io::Json json = mean_and_max(t, quantity, n);
  json["min"] = t.minima[static_cast<std::size_t>(quantity)];
  return json;
}

/// Errors against the known solution. Volume and length are independent of coordinates up to the choice of
/// the curves (the length is that of the r-lines); the metric error is pointwise, in the gauge of the known
/// lapse and shift.
io::Json exact_json(const Totals& t, double n) {
  const auto mean = [&](int q) { return t.sums[static_cast<std::size_t>(q)] / n; };
  const auto relative = [&](int q, int reference) { return std::abs(mean(q) / mean(reference) - 1.0); };
  return {{"volume_error", relative(root_det, n_quantities + root_det_exact)},
          {"length_error", relative(n_quantities + length, n_quantities + length_exact)},
          {"metric_error_rms", std::sqrt(mean(n_quantities + error_sq))},
          {"metric_error_max", std::sqrt(t.maxima[n_quantities + error_sq])}};
}

}  // namespace

io::Json report_on(const LearnedForm& form, GlobalIndex n_points, std::uint64_t seed,
                   const parallel::Communicator& comm) {
  const at::NoGradGuard no_gradient;
  const g2::ExteriorDerivative d(form.manifold().structure());
  const geometry::DrawKey key{seed, geometry::Stream::validation, 0};
  const auto rows = parallel::even_rows(n_points, comm.rank(), comm.size());
  constexpr GlobalIndex block = 2048;
  Totals totals;
  for (GlobalIndex begin = rows.begin; begin < rows.end; begin += block) {
    const Batch batch = form.sample(key, begin, std::min(block, rows.end - begin));
    add_points(totals, form, d, batch);
  }
  std::vector<double> point(static_cast<std::size_t>(form.manifold().point_size()), 0.0);
  std::array<double, dim> coords{};
  form.manifold().sample(key, 0, point.data(), coords.data());
  std::array<double, dim * dim> coframe{};
  const bool exact = form.manifold().exact_coframe(point.data(), coframe.data());

  comm.sum(totals.sums.data(), totals.sums.size());
  comm.max(totals.maxima.data(), totals.maxima.size());
  comm.min(totals.minima.data(), totals.minima.size());
  const double n = totals.sums.back();
  io::Json json{{"points", n_points}, {"positive_fraction", n / static_cast<double>(n_points)}};
  if (totals.sums[n_quantities + n_exact] > 0.0) json["overflows"] = totals.sums[n_quantities + n_exact];
  if (n == 0.0) return json;
  const std::array<const char*, 6> names{"norm2_dphi", "norm2_dpsi", "norm2_tau0",
                                         "norm2_tau1", "norm2_tau2", "norm2_tau3"};
  for (int q = dphi; q <= tau3; ++q) json[names[static_cast<std::size_t>(q)]] = mean_and_max(totals, q, n);
  const double mean_energy = totals.sums[energy] / n;
  json["torsion"] = mean_and_max(totals, energy, n);
  json["torsion"]["std_error"] =
      std::sqrt(std::max(0.0, totals.sums[energy_sq] / n - mean_energy * mean_energy) / n);
  json["det_g"] = with_min(totals, det, n);
  json["trace_g_over_7"] = with_min(totals, trace, n);
  json["cond_g"] = with_min(totals, cond, n);
  if (form.manifold().frame_volume() > 0.0) {
    double scale = 1.0;
    for (const double r : form.manifold().scale()) scale *= r;
    json["volume"] = form.manifold().frame_volume() * scale * totals.sums[root_det] / n;
  }
  if (exact) json["exact"] = exact_json(totals, n);
  return json;
}

}  // namespace k7::model
