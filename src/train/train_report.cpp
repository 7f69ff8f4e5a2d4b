// SPDX-License-Identifier: Apache-2.0
#include "train/train_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/progress.hpp"

namespace k7::train {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::string start_line(const model::ModelSpec& spec, const std::string& device, const std::string& comm) {
  return fmt::format("{} on {}: network {}, {}, {} parameters, on {} with {}", name_of(spec.ansatz),
                     spec.manifold, spec.network.text(), name_of(spec.network.activation),
                     spec.network.n_parameters(), device, comm);
}

std::string epoch_line(const TrainOptions& options, const TrainState& state, double seconds_per_epoch) {
  const History& h = state.history;
  return fmt::format(
      "epoch {:5d}/{} | loss {:.3e} = torsion {:.2e}, det {:.1e}, norm {:.2e}, smooth {:.1e} | det g {:.4f} "
      "| "
      "lr {:.2e} | {} points/s | {} left",
      state.epoch, options.epochs, h.last("loss"), h.last("torsion"), h.last("det"), h.last("norm"),
      h.last("smooth"), h.last("det_mean"), h.last("lr"),
      k7::human_count(static_cast<double>(options.batch_size) / seconds_per_epoch),
      k7::human_time(seconds_per_epoch * (options.epochs - state.epoch)));
}

std::vector<std::string> report_lines(const io::Json& report, std::int64_t n_points) {
  const auto number = [&](const char* group, const char* key) {
    return report.contains(group) ? report[group][key].get<double>() : std::nan("");
  };
  std::vector<std::string> lines{fmt::format(
      "best form, {} fresh points: |d phi|^2 + |d *phi|^2 {:.6g} +- {:.1g}, largest {:.3g}; cond(g) up to "
      "{:.4g}; tr(g)/7 "
      "{:.4g}; G2-structure at {:.4g} % of the points",
      n_points, number("torsion", "mean"), number("torsion", "std_error"), number("torsion", "max"),
      number("cond_g", "max"), number("trace_g_over_7", "mean"),
      100.0 * report["positive_fraction"].get<double>())};
  if (report.contains("exact"))
    lines.push_back(fmt::format(
        "against the known solution: volume {:.1e}, length {:.1e}, metric {:.1e} (rms), {:.1e} (largest)",
        number("exact", "volume_error"), number("exact", "length_error"), number("exact", "metric_error_rms"),
        number("exact", "metric_error_max")));
  return lines;
}

io::Json training_json(const TrainOptions& options, const TrainState& state, Stop stop) {
  const auto last = [&](const char* column) {
    return state.history.rows.empty() ? io::Json(nullptr) : io::Json(state.history.last(column));
  };
  io::Json json{{"epochs", state.epoch},
                {"final_loss", last("loss")},
                {"best_loss", state.best_loss},
                {"best_epoch", state.best_epoch},
                {"final_torsion", last("torsion")},
                {"rollbacks", state.schedule.state.rollbacks},
                {"stopped", name_of(stop)}};
  if (options.objective == ObjectiveChoice::torsion) {
    json["torsion_closed"] = last("torsion_closed");
    json["torsion_coclosed"] = last("torsion_coclosed");
  }
  return json;
}

io::Json model_json(const model::NetworkShape& network) {
  return {{"architecture", network.text()},
          {"n_parameters", network.n_parameters()},
          {"activation", name_of(network.activation)}};
}

io::Json timing_json(const TrainOptions& options, const TrainState& state, const Timing& timing) {
  const double per_epoch = state.epoch > 0 ? timing.seconds / state.epoch : 0.0;
  return {{"train_s", timing.seconds},
          {"seconds_per_epoch", per_epoch},
          {"step_s", median(timing.step_seconds)},
          {"points_per_s", per_epoch > 0.0 ? static_cast<double>(options.batch_size) / per_epoch : 0.0}};
}

}  // namespace k7::train
