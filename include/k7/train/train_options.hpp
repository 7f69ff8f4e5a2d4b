// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "k7/base/device.hpp"
#include "k7/base/names.hpp"
#include "k7/model/model_spec.hpp"
#include "k7/parallel/transport.hpp"
#include "k7/train/loss_weights.hpp"

namespace k7::train {

/// A full set of values for all options.
enum class Preset { neck, quick, torus, bryant_salamon, notebook };
constexpr NameTable<Preset, 5> names_of(Preset) {
  return {{{Preset::neck, "neck"},
           {Preset::quick, "quick"},
           {Preset::torus, "torus"},
           {Preset::bryant_salamon, "bryant-salamon"},
           {Preset::notebook, "notebook"}}};
}

/// What is minimised: the torsion, with exact derivatives, or the notebook's distance to the standard form.
enum class ObjectiveChoice { torsion, notebook };
constexpr NameTable<ObjectiveChoice, 2> names_of(ObjectiveChoice) {
  return {{{ObjectiveChoice::torsion, "torsion"}, {ObjectiveChoice::notebook, "notebook"}}};
}

/// Where training starts: the network at zero, e.g. A = 1; random weights; the best constant coframe.
enum class StartChoice { background, random, left_invariant };
constexpr NameTable<StartChoice, 3> names_of(StartChoice) {
  return {{{StartChoice::background, "background"},
           {StartChoice::random, "random"},
           {StartChoice::left_invariant, "left-invariant"}}};
}

/// How the learning rate goes over the epochs.
enum class SchedulerChoice { cosine, exponential, plateau };
constexpr NameTable<SchedulerChoice, 3> names_of(SchedulerChoice) {
  return {{{SchedulerChoice::cosine, "cosine"},
           {SchedulerChoice::exponential, "exponential"},
           {SchedulerChoice::plateau, "plateau"}}};
}

/// Each has its maker in the table of src/train/optimizer/optimizer.cpp.
enum class OptimizerChoice { adamw, soap, lbfgs };
constexpr NameTable<OptimizerChoice, 3> names_of(OptimizerChoice) {
  return {{{OptimizerChoice::adamw, "adamw"},
           {OptimizerChoice::soap, "soap"},
           {OptimizerChoice::lbfgs, "lbfgs"}}};
}

/// Of a step's gradients; mixed: the network in float32, geometry and loss in float64.
enum class Precision { float64, mixed, float32 };
constexpr NameTable<Precision, 3> names_of(Precision) {
  return {{{Precision::float64, "float64"}, {Precision::mixed, "mixed"}, {Precision::float32, "float32"}}};
}

/// Everything that decides what a training run computes and where it runs.
struct TrainOptions {
  Preset preset = Preset::neck;
  model::ModelSpec model;
  ObjectiveChoice objective = ObjectiveChoice::torsion;
  StartChoice start = StartChoice::background;
  int epochs = 5000;
  std::int64_t batch_size = 4096;  ///< points per step over all ranks
  std::int64_t chunk_points =
      0;               ///< computed at once on a CPU; 0: what suits batch and ranks, see chunks.hpp
  bool images = true;  ///< random points come with all their Manifold::image()s
  double lr = 3e-3;
  double lr_min = 1e-6;
  double weight_decay = 1e-5;
  int warmup_epochs = 0;
  SchedulerChoice scheduler = SchedulerChoice::cosine;
  OptimizerChoice optimizer = OptimizerChoice::soap;
  double clip_norm = 1.0;  ///< largest gradient norm
  int patience = 500;      ///< epochs without a new best before stopping early
  double min_delta = 1e-7;
  LossWeights weights;
  std::uint64_t seed = 0;
  Precision dtype = Precision::float64;
  DeviceChoice device = DeviceChoice::automatic;
  parallel::Transport comm = parallel::Transport::automatic;
  std::string out = "outputs";
  std::string resume = "auto";  ///< auto, never, or a checkpoint
  int checkpoint_every = 500;
  int log_every = 100;
  std::int64_t validation_points = 4096;  ///< that judge what is best, at least; a larger batch has as many
  std::int64_t report_points = 8192;      ///< of the report on the best form
  /// Names and values as they were given to a program: stored in the checkpoints, and never read.
  std::vector<std::pair<std::string, std::string>> record;
};

/// The full set of values that a preset stands for.
TrainOptions preset(Preset name);

/// Checks every number for its range and all choices for going together.
/// @throws InputError naming the options that do not, as the command line would
void validate(const TrainOptions& options);

/// Validates, and sets what follows from the choices: the network's inputs and outputs.
/// @throws InputError as validate() does
void complete(TrainOptions& options);

}  // namespace k7::train
