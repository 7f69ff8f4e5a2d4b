// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "k7/base/names.hpp"

namespace k7::model {

/// What follows every hidden layer; gelu in its erf form.
enum class Activation { silu, tanh, gelu, sine };
constexpr NameTable<Activation, 4> names_of(Activation) {
  return {{{Activation::silu, "silu"},
           {Activation::tanh, "tanh"},
           {Activation::gelu, "gelu"},
           {Activation::sine, "sine"}}};
}

/// How a network's outputs become a 3-form: phi = A^* phi_0 of a coframe A, or 35 free components.
enum class Ansatz { coframe, components };
constexpr NameTable<Ansatz, 2> names_of(Ansatz) {
  return {{{Ansatz::coframe, "coframe"}, {Ansatz::components, "components"}}};
}

/// The metric of a 3-form: the one it defines, or the notebook's rule g ~ phi_ikl phi_jkl.
enum class MetricMap { hitchin, contraction };
constexpr NameTable<MetricMap, 2> names_of(MetricMap) {
  return {{{MetricMap::hitchin, "hitchin"}, {MetricMap::contraction, "contraction"}}};
}

/// The network's shape: inputs -> hidden... -> outputs, the activation after every hidden layer.
struct NetworkShape {
  int inputs = 7;
  std::vector<int> hidden{512, 512, 512, 256};
  int outputs = 35;
  Activation activation = Activation::silu;

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
  Ansatz ansatz = Ansatz::coframe;
  MetricMap metric_map = MetricMap::hitchin;
  bool impose_det = false;       ///< coframe: rescale A so that det g = 65/32 everywhere
  double condition_bound = 0.0;  ///< coframe: largest cond(g), built in; 0 = none
  std::vector<double> base;  ///< coframe: constant (7, 7) matrix that the network corrects; empty = identity
  NetworkShape network;

  bool operator==(const ModelSpec& other) const;
  bool operator!=(const ModelSpec& other) const { return !(*this == other); }
};

/// Checks that the choices go together. @throws InputError naming the options that do not
void validate(const ModelSpec& spec);

/// The same with what follows from the choices: the network's inputs and outputs, and impose_det where a
/// condition_bound needs it. @throws InputError for an unknown manifold
ModelSpec completed(ModelSpec spec);

}  // namespace k7::model
