// SPDX-License-Identifier: Apache-2.0
#include "k7/model/model_spec.hpp"

#include <algorithm>

#include "k7/base/error.hpp"
#include "model/learned_form.hpp"

namespace k7::model {

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

void validate(const ModelSpec& m) {
  const auto refuse = [](const std::string& text) { throw InputError(text); };
  if (!(m.interval[0] > 0.0 && m.interval[0] < m.interval[1]))
    refuse("--interval: two positive numbers are needed, the smaller one first");
  if (m.ansatz == Ansatz::components && (m.impose_det || m.condition_bound > 0.0))
    refuse("--impose-det and --condition-bound: need --ansatz coframe");
  if (m.condition_bound > 0.0 && !(m.condition_bound >= 1.0))
    refuse("--condition-bound: must be at least 1, or 0 for none");
  if (m.condition_bound > 0.0 && m.manifold == "interval-s3xs3")
    refuse("--condition-bound: does not go with boundary values; use --manifold s1xs3xs3 or torus7");
  const auto trainable = geometry::manifold_names(geometry::ManifoldUse::training);
  if (std::find(trainable.begin(), trainable.end(), m.manifold) == trainable.end())
    refuse("--manifold " + m.manifold + ": has no sampler; nothing can be trained on it");
}

ModelSpec completed(ModelSpec m) {
  m.impose_det = m.impose_det || m.condition_bound > 0.0;
  m.network.inputs = manifold_of(m)->n_features();
  m.network.outputs = m.ansatz == Ansatz::coframe ? geometry::dim * geometry::dim : geometry::n_phi;
  return m;
}

}  // namespace k7::model
