// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace k7::pinn {

/// The network's shape: inputs -> hidden... -> outputs, the activation after every hidden layer.
struct NetworkShape {
  int inputs = 7;
  std::vector<int> hidden{512, 512, 512, 256};
  int outputs = 35;
  std::string activation = "silu";  ///< silu, tanh or gelu (erf form)

  std::int64_t n_parameters() const;
  /// E.g. "7 -> [512, 512, 512, 256] -> 35".
  std::string text() const;
  bool operator==(const NetworkShape& other) const;
  bool operator!=(const NetworkShape& other) const { return !(*this == other); }
};

/// Weights of the loss terms.
struct LossWeights {
  double torsion = 1.0;
  double det = 10.0;
  double norm = 0.1;
  double smooth = 0.01;
};

/// Everything that decides what a training run computes and where it runs.
struct TrainOptions {
  std::string preset = "notebook";
  std::string manifold = "notebook-chart";
  std::string objective = "notebook";
  std::string metric_map = "contraction";
  std::string ansatz = "components";
  NetworkShape network;
  int epochs = 5000;
  std::int64_t batch_size = 4096;  ///< points per step over all ranks
  double lr = 1e-3;
  double lr_min = 1e-6;
  double weight_decay = 1e-5;
  int warmup_epochs = 0;
  std::string scheduler = "cosine";  ///< cosine or plateau
  std::string optimizer = "adamw";
  double clip_norm = 1.0;  ///< largest gradient norm
  int patience = 500;      ///< epochs without a new best before stopping early
  double min_delta = 1e-7;
  LossWeights weights;
  std::uint64_t seed = 0;
  std::string dtype = "float64";
  std::string device = "auto";
  std::string comm = "auto";
  int threads = 0;  ///< 0: the rank's share of the node's cores
  std::string out = "outputs";
  std::string resume = "auto";
  int checkpoint_every = 500;
  int log_every = 100;
};

/// Names that preset() knows.
const std::vector<std::string>& preset_names();

/// The full set of values that a preset stands for. @throws InputError for an unknown name
TrainOptions preset(const std::string& name);

}  // namespace k7::pinn
