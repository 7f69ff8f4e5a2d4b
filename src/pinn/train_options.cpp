// SPDX-License-Identifier: Apache-2.0
#include "k7/pinn/train_options.hpp"

#include <algorithm>

#include "k7/error.hpp"
#include "k7/quote.hpp"
#include "pinn/learned_form.hpp"

namespace k7::pinn {

std::int64_t NetworkShape::n_parameters() const {
  std::int64_t total = 0;
  std::int64_t in = inputs;
  for (const int width : hidden) {
    total += (in + 1) * width;
    in = width;
  }
  return total + (in + 1) * outputs;
}

std::string NetworkShape::text() const {
  std::string layers;
  for (const int width : hidden) layers += (layers.empty() ? "" : ", ") + std::to_string(width);
  return std::to_string(inputs) + " -> [" + layers + "] -> " + std::to_string(outputs);
}

bool NetworkShape::operator==(const NetworkShape& other) const {
  return inputs == other.inputs && hidden == other.hidden && outputs == other.outputs &&
         activation == other.activation;
}

bool ModelSpec::operator==(const ModelSpec& other) const {
  return manifold == other.manifold && radii == other.radii && interval == other.interval &&
         ansatz == other.ansatz && metric_map == other.metric_map && impose_det == other.impose_det &&
         condition_bound == other.condition_bound && base == other.base && network == other.network;
}

void complete(TrainOptions& options) {
  ModelSpec& m = options.model;
  const bool notebook = options.objective == "notebook";
  const auto manifold = manifold_of(m);  // first: an unknown name is the clearest defect
  const auto refuse = [](const std::string& text) { throw InputError(text); };
  if (!(m.interval[0] > 0.0 && m.interval[0] < m.interval[1]))
    refuse("--interval: two positive numbers are needed, the smaller one first");
  if (m.ansatz != "coframe" && m.ansatz != "components")
    refuse("--ansatz " + k7::quoted(m.ansatz) + ": coframe or components is needed");
  if (notebook &&
      (m.manifold != "notebook-chart" || m.ansatz != "components" || m.metric_map != "contraction"))
    refuse(
        "--objective notebook: needs --manifold notebook-chart, --ansatz components and --metric-map "
        "contraction");
  if (!notebook && m.metric_map != "hitchin")
    refuse("--objective torsion: needs --metric-map hitchin, the metric whose torsion it measures");
  if (m.ansatz == "components" && (m.impose_det || m.condition_bound > 0.0))
    refuse("--impose-det and --condition-bound: need --ansatz coframe");
  if (m.condition_bound > 0.0 && !(m.condition_bound >= 1.0))
    refuse("--condition-bound: must be at least 1, or 0 for none");
  if (m.condition_bound > 0.0 && m.manifold == "interval-s3xs3")
    refuse("--condition-bound: does not go with boundary values; use --manifold s1xs3xs3 or torus7");
  if (options.start == "left-invariant" &&
      (m.manifold != "s1xs3xs3" || m.ansatz != "coframe" || m.condition_bound > 0.0 || notebook))
    refuse("--start left-invariant: needs --manifold s1xs3xs3, --ansatz coframe and no --condition-bound");
  if (options.weights.gauge > 0.0 && m.manifold != "interval-s3xs3")
    refuse("--lambda-gauge: needs --manifold interval-s3xs3");
  if (m.manifold == "euclidean") refuse("--manifold euclidean: has no sampler; nothing can be trained on it");
  m.impose_det = m.impose_det || m.condition_bound > 0.0;
  m.network.inputs = manifold->n_features();
  m.network.outputs = m.ansatz == "coframe" ? geometry::dim * geometry::dim : geometry::n_phi;
}

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names{"neck", "quick", "torus", "bryant-salamon", "notebook"};
  return names;
}

namespace {

void set_notebook(TrainOptions& o) {
  o.model.manifold = "notebook-chart";
  o.model.radii = {1.0, 1.0, 1.0};
  o.model.ansatz = "components";
  o.model.metric_map = "contraction";
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
  o.model.network.activation = "tanh";
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

}  // namespace k7::pinn
