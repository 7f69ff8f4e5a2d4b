// SPDX-License-Identifier: Apache-2.0
#include "k7/train/train_options.hpp"

#include <algorithm>

#include "base/quote.hpp"
#include "k7/base/error.hpp"
#include "model/learned_form.hpp"

namespace k7::train {

namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw InputError(text);
}

void validate_objective(const TrainOptions& options) {
  using model::Ansatz;
  using model::MetricMap;
  const model::ModelSpec& m = options.model;
  const bool notebook = options.objective == "notebook";
  if (notebook && (m.manifold != "notebook-chart" || m.ansatz != Ansatz::components ||
                   m.metric_map != MetricMap::contraction))
    refuse(
        "--objective notebook: needs --manifold notebook-chart, --ansatz components and --metric-map "
        "contraction");
  if (!notebook && m.metric_map != MetricMap::hitchin)
    refuse("--objective torsion: needs --metric-map hitchin, the metric whose torsion it measures");
  if (options.start == "left-invariant" &&
      (m.manifold != "s1xs3xs3" || m.ansatz != Ansatz::coframe || m.condition_bound > 0.0 || notebook))
    refuse("--start left-invariant: needs --manifold s1xs3xs3, --ansatz coframe and no --condition-bound");
  if (options.weights.gauge > 0.0 && m.manifold != "interval-s3xs3")
    refuse("--lambda-gauge: needs --manifold interval-s3xs3");
}

}  // namespace

void complete(TrainOptions& options) {
  options.model = model::completed(options.model);  // first: an unknown name is the clearest defect
  model::validate(options.model);
  validate_objective(options);
}

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names{"neck", "quick", "torus", "bryant-salamon", "notebook"};
  return names;
}

namespace {

void set_notebook(TrainOptions& o) {
  o.model.manifold = "notebook-chart";
  o.model.radii = {1.0, 1.0, 1.0};
  o.model.ansatz = model::Ansatz::components;
  o.model.metric_map = model::MetricMap::contraction;
  o.objective = "notebook";
  o.images = false;
  o.optimizer = "adamw";
  o.lr = 1e-3;
  o.start = "random";
}

/// The neck at the size of a laptop's minute.
void set_quick(TrainOptions& o) {
  o.model.network.hidden = {64, 64, 64};
  o.epochs = 800;
  o.batch_size = 512;
  o.lr = 1e-2;  // more than a wide network bears
  o.checkpoint_every = 200;
}

/// What the two presets with zero torsion at the end share: a small network, L-BFGS, nothing that stops it
/// early.
void set_exact_problem(TrainOptions& o) {
  o.model.radii = {1.0, 1.0, 1.0};
  o.model.network.activation = model::Activation::tanh;
  o.optimizer = "lbfgs";
  o.images = false;  // few radii would remain
  o.lr = 1e-3;
  o.patience = 1000000;
  o.min_delta = 0.0;
}

/// From a random 3-form on the flat torus to a parallel one. The gradient penalty picks the constant ones
/// among the many torsion-free forms.
void set_torus(TrainOptions& o) {
  set_exact_problem(o);
  o.model.manifold = "torus7";
  o.start = "random";
  o.model.network.hidden = {32};
  o.epochs = 600;
  o.batch_size = 256;
  o.weights = {1.0, 0.0, 0.0, 1.0, 0.0, 0.0};
}

/// The boundary values of a complete metric with holonomy G2, and nothing else.
void set_bryant_salamon(TrainOptions& o) {
  set_exact_problem(o);
  o.model.manifold = "interval-s3xs3";
  o.model.network.hidden = {24};
  o.epochs = 2500;
  o.batch_size = 512;
  o.weights = {1.0, 0.0, 0.0, 0.0, 0.0, 20.0};
}

}  // namespace

TrainOptions preset(const std::string& name) {
  TrainOptions options;
  options.preset = name;
  if (name == "neck") return options;  // its values are the defaults of the structure
  if (name == "quick") set_quick(options);
  if (name == "torus") set_torus(options);
  if (name == "bryant-salamon") set_bryant_salamon(options);
  if (name == "notebook") set_notebook(options);
  const auto& names = preset_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return options;
  std::string known;
  for (const auto& n : names) known += (known.empty() ? "" : ", ") + n;
  throw InputError("unknown --preset " + k7::quoted(name) + "; known: " + known);
}

}  // namespace k7::train
