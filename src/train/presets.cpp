// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "k7/base/error.hpp"
#include "k7/train/train_options.hpp"

namespace k7::train {
namespace {

/// Its values are the defaults of the structure.
void set_neck(TrainOptions& /*options*/) {}

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
  o.optimizer = OptimizerChoice::lbfgs;
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
  o.start = StartChoice::random;
  o.model.network.hidden = {32};
  o.epochs = 600;
  o.batch_size = 256;
  o.weights = LossWeights::only({{"torsion", 1.0}, {"smooth", 1.0}});
}

/// The boundary values of a complete metric with holonomy G2, and nothing else.
void set_bryant_salamon(TrainOptions& o) {
  set_exact_problem(o);
  o.model.manifold = "interval-s3xs3";
  o.model.network.hidden = {24};
  o.epochs = 2500;
  o.batch_size = 512;
  o.weights = LossWeights::only({{"torsion", 1.0}, {"gauge", 20.0}});
}

void set_notebook(TrainOptions& o) {
  o.model.manifold = "notebook-chart";
  o.model.radii = {1.0, 1.0, 1.0};
  o.model.ansatz = model::Ansatz::components;
  o.model.metric_map = model::MetricMap::contraction;
  o.objective = ObjectiveChoice::notebook;
  o.images = false;
  o.optimizer = OptimizerChoice::adamw;
  o.lr = 1e-3;
  o.start = StartChoice::random;
}

using Setter = void (*)(TrainOptions&);
constexpr std::array<std::pair<Preset, Setter>, names_of(Preset{}).size()> setters{
    {{Preset::neck, set_neck},
     {Preset::quick, set_quick},
     {Preset::torus, set_torus},
     {Preset::bryant_salamon, set_bryant_salamon},
     {Preset::notebook, set_notebook}}};

}  // namespace

TrainOptions preset(Preset name) {
  TrainOptions options;
  options.preset = name;
  for (const auto& [entry, set] : setters)
    if (entry == name) {
      set(options);
      return options;
    }
  throw Error(Fault::internal, "a preset lacks its values");
}

}  // namespace k7::train
