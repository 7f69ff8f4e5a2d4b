// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace k7::pinn {

/// The network's shape: inputs -> hidden... -> outputs, the activation after every hidden layer.
struct NetworkShape {
  int inputs = 7;
  std::vector<int> hidden{512, 512, 512, 256};
  int outputs = 35;
  std::string activation = "silu";  ///< silu, tanh, gelu (erf form) or sine

  std::int64_t n_parameters() const;
  /// E.g. "7 -> [512, 512, 512, 256] -> 35".
  std::string text() const;
  bool operator==(const NetworkShape& other) const;
  bool operator!=(const NetworkShape& other) const { return !(*this == other); }
};

/// What turns a point into a 3-form: the manifold, the network, and how its outputs are read.
struct ModelSpec {
  std::string manifold = "s1xs3xs3";
  std::array<double, 3> radii{33.0 / 28.0, 33.0 / 28.0, 1.0};  ///< s1xs3xs3: scale of dtheta, sigma, Sigma
  std::array<double, 2> interval{1.25, 2.5};                   ///< interval-s3xs3: the ends of r
  std::string ansatz = "coframe";      ///< coframe: phi = A^* phi_0; components: 35 free components
  std::string metric_map = "hitchin";  ///< hitchin, or contraction (the notebook's rule)
  bool impose_det = false;             ///< coframe: rescale A so that det g = 65/32 everywhere
  double condition_bound = 0.0;        ///< coframe: largest cond(g), built in; 0 = none
  std::vector<double> base;  ///< coframe: constant (7, 7) matrix that the network corrects; empty = identity
  NetworkShape network;

  bool operator==(const ModelSpec& other) const;
  bool operator!=(const ModelSpec& other) const { return !(*this == other); }
};

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
  ModelSpec model;
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

}  // namespace k7::pinn
