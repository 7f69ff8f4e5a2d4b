// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/quote.hpp"
#include "k7/base/error.hpp"
#include "k7/train/train_options.hpp"
#include "model/learned_form.hpp"

namespace k7::train {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw InputError(text);
}

/// A finite number; `fits` tells whether it is in the option's range.
void require_number(const std::string& option, double value, bool fits, const char* needed) {
  if (std::isnan(value)) refuse(option + ": 'nan' is not a number");
  if (value > std::numeric_limits<double>::max()) refuse(option + ": 'inf' is too large; at most 1.7e+308");
  if (!fits) refuse(fmt::format("{}: '{}' is too small; {} is needed", option, value, needed));
}

void require_positive(const std::string& option, double value) {
  require_number(option, value, value > 0.0, "a number above 0");
}

void require_not_negative(const std::string& option, double value) {
  require_number(option, value, value >= 0.0, "0 or a number above 0");
}

void require_at_least(const std::string& option, std::int64_t value, std::int64_t least) {
  if (value < least) refuse(fmt::format("{}: '{}' is too small; at least {}", option, value, least));
}

/// For options that a caller may have set to anything; the command line knows only the names of the table.
template <class E>
void require_name(const std::string& option, E value) {
  if (name_of(value).empty()) refuse(option + ": is none of " + joined(all_names<E>()));
}

void validate_choices(const TrainOptions& o) {
  require_name("--preset", o.preset);
  require_name("--objective", o.objective);
  require_name("--start", o.start);
  require_name("--scheduler", o.scheduler);
  require_name("--optimizer", o.optimizer);
  require_name("--dtype", o.dtype);
  require_name("--device", o.device);
  require_name("--comm", o.comm);
  require_name("--ansatz", o.model.ansatz);
  require_name("--metric-map", o.model.metric_map);
  require_name("--activation", o.model.network.activation);
}

void validate_numbers(const TrainOptions& o) {
  for (const double r : o.model.radii) require_positive("--radii", r);
  for (const double r : o.model.interval) require_positive("--interval", r);
  require_not_negative("--condition-bound", o.model.condition_bound);
  for (const int width : o.model.network.hidden) require_at_least("--hidden", width, 1);
  require_at_least("--epochs", o.epochs, 1);
  require_at_least("--batch-size", o.batch_size, 1);
  require_at_least("the points of a chunk", o.chunk_points, 0);
  require_positive("--lr", o.lr);
  require_not_negative("--lr-min", o.lr_min);
  require_not_negative("--weight-decay", o.weight_decay);
  require_at_least("--warmup-epochs", o.warmup_epochs, 0);
  require_positive("--clip-norm", o.clip_norm);
  require_at_least("--patience", o.patience, 1);
  require_not_negative("--min-delta", o.min_delta);
  for (const LossTermInfo& term : weighted_terms())
    require_not_negative(std::string("--lambda-") + term.name, o.weights[term.name]);
  require_at_least("--checkpoint-every", o.checkpoint_every, 1);
  require_at_least("--log-every", o.log_every, 1);
  require_at_least("the points of validation", o.validation_points, 1);
  require_at_least("the points of the report", o.report_points, 1);
}

void validate_schedule(const TrainOptions& o) {
  if (o.lr_min > o.lr) refuse(fmt::format("--lr-min {}: is larger than --lr {}", o.lr_min, o.lr));
  if (o.scheduler == SchedulerChoice::exponential && !(o.lr_min > 0.0))
    refuse("--lr-min 0: --scheduler exponential needs a positive rate at the end");
  if (o.warmup_epochs >= o.epochs)
    refuse(fmt::format("--warmup-epochs {}: must be smaller than --epochs {}", o.warmup_epochs, o.epochs));
}

/// @param m the model, completed
void validate_objective(const TrainOptions& options, const model::ModelSpec& m) {
  using model::Ansatz;
  using model::MetricMap;
  const bool notebook = options.objective == ObjectiveChoice::notebook;
  if (notebook && (m.manifold != "notebook-chart" || m.ansatz != Ansatz::components ||
                   m.metric_map != MetricMap::contraction))
    refuse(
        "--objective notebook: needs --manifold notebook-chart, --ansatz components and --metric-map "
        "contraction");
  if (!notebook && m.metric_map != MetricMap::hitchin)
    refuse("--objective torsion: needs --metric-map hitchin, the metric whose torsion it measures");
  if (options.start == StartChoice::left_invariant &&
      (m.manifold != "s1xs3xs3" || m.ansatz != Ansatz::coframe || m.condition_bound > 0.0 || notebook))
    refuse("--start left-invariant: needs --manifold s1xs3xs3, --ansatz coframe and no --condition-bound");
  for (const LossTermInfo& term : weighted_terms())
    if (term.manifold != nullptr && options.weights[term.name] > 0.0 && m.manifold != term.manifold)
      refuse(fmt::format("--lambda-{}: needs --manifold {}", term.name, term.manifold));
}

}  // namespace

void validate(const TrainOptions& options) {
  validate_choices(options);
  validate_numbers(options);
  validate_schedule(options);
  const model::ModelSpec completed = model::completed(options.model);  // knows the names of manifolds
  model::validate(completed);
  validate_objective(options, completed);
}

void complete(TrainOptions& options) {
  validate(options);
  options.model = model::completed(options.model);
}

}  // namespace k7::train
