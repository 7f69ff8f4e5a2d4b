// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "k7/model/model_spec.hpp"

namespace k7::train {

/// Weights of the loss terms.
struct LossWeights {
  double torsion = 1.0;
  double det = 10.0;
  double norm = 0.1;
  double smooth = 0.01;
  double trace = 0.0;  ///< of tr(g)/7
  double gauge = 0.0;  ///< of the distance to the known solution's lapse and shift
};

/// Everything that decides what a training run computes and where it runs.
struct TrainOptions {
  std::string preset = "neck";
  model::ModelSpec model;
  std::string objective = "torsion";
  /// background: zero network output, e.g. A = 1; random; left-invariant: at the best constant coframe
  std::string start = "background";
  int epochs = 5000;
  std::int64_t batch_size = 4096;  ///< points per step over all ranks
  bool images = true;              ///< random points come with all their Manifold::image()s
  double lr = 3e-3;
  double lr_min = 1e-6;
  double weight_decay = 1e-5;
  int warmup_epochs = 0;
  std::string scheduler = "cosine";  ///< cosine, exponential or plateau
  std::string optimizer = "soap";
  double clip_norm = 1.0;  ///< largest gradient norm
  int patience = 500;      ///< epochs without a new best before stopping early
  double min_delta = 1e-7;
  LossWeights weights;
  std::uint64_t seed = 0;
  std::string dtype = "float64";  ///< of a step's gradients: float64, mixed (float32 network) or float32
  std::string device = "auto";
  std::string comm = "auto";
  int threads = 0;  ///< 0: the rank's share of the node's cores
  std::string out = "outputs";
  std::string resume = "auto";
  int checkpoint_every = 500;
  int log_every = 100;
  std::int64_t validation_points = 4096;  ///< that judge what is best, at least; a larger batch has as many
  std::int64_t report_points = 8192;      ///< of the report on the best form
};

/// Names that preset() knows.
const std::vector<std::string>& preset_names();

/// Sets the network's inputs and outputs to what manifold and ansatz need, and checks that the choices go
/// together.
/// @throws InputError naming the options that do not
void complete(TrainOptions& options);

/// The full set of values that a preset stands for. @throws InputError for an unknown name
TrainOptions preset(const std::string& name);

}  // namespace k7::train
