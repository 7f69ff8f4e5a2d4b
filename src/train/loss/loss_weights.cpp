// SPDX-License-Identifier: Apache-2.0
#include "k7/train/loss_weights.hpp"

#include "base/quote.hpp"
#include "k7/base/error.hpp"
#include "train/loss/loss_terms.hpp"

namespace k7::train {
namespace {

std::size_t place_of(const std::string& name) {
  const auto& terms = weighted_terms();
  for (std::size_t i = 0; i < terms.size(); ++i)
    if (name == terms[i].name) return i;
  throw InputError("the loss has no term " + quoted(name));
}

}  // namespace

const std::vector<LossTermInfo>& weighted_terms() {
  static const std::vector<LossTermInfo> terms = [] {
    std::vector<LossTermInfo> found;
    for (const LossTerm& term : loss_terms())
      if (term.weight) found.push_back({term.name, *term.weight, term.help, term.manifold});
    return found;
  }();
  return terms;
}

LossWeights::LossWeights() {
  for (const LossTermInfo& term : weighted_terms()) values_.push_back(term.weight);
}

LossWeights LossWeights::only(std::initializer_list<std::pair<const char*, double>> weights) {
  LossWeights result;
  for (double& value : result.values_) value = 0.0;
  for (const auto& [name, weight] : weights) result[name] = weight;
  return result;
}

double& LossWeights::operator[](const std::string& name) {
  return values_[place_of(name)];
}

double LossWeights::operator[](const std::string& name) const {
  return values_[place_of(name)];
}

}  // namespace k7::train
