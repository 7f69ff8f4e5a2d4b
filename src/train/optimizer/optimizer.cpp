// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/optimizer.hpp"

#include <array>

#include "k7/base/error.hpp"
#include "train/optimizer/adamw.hpp"
#include "train/optimizer/lbfgs.hpp"
#include "train/optimizer/soap.hpp"

namespace k7::train {
namespace {

using Made = std::unique_ptr<Optimizer>;

Made adamw(const TrainOptions& options, const at::Tensor& parameters) {
  return std::make_unique<AdamW>(parameters, options.weight_decay);
}

Made soap(const TrainOptions& options, const at::Tensor& parameters) {
  return std::make_unique<Soap>(options.model.network, parameters, options.weight_decay);
}

Made lbfgs(const TrainOptions& /*options*/, const at::Tensor& parameters) {
  return std::make_unique<Lbfgs>(parameters);
}

struct Entry {
  OptimizerChoice choice;
  Made (*make)(const TrainOptions& options, const at::Tensor& parameters);
};
constexpr std::array<Entry, names_of(OptimizerChoice{}).size()> makers{
    {{OptimizerChoice::adamw, adamw}, {OptimizerChoice::soap, soap}, {OptimizerChoice::lbfgs, lbfgs}}};

}  // namespace

std::string Optimizer::missing_in(const Tensors& stored) const {
  for (const auto& [name, tensor] : memory()) {
    const auto found = stored.find(name);
    if (found == stored.end() || found->second.sizes() != tensor.sizes()) return name;
  }
  return {};
}

/// The tensors of memory() are its own: copying into them restores it.
void Optimizer::remember(const Tensors& stored) {
  for (const auto& [name, tensor] : memory()) tensor.copy_(stored.at(name));
}

std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& options, const at::Tensor& parameters) {
  for (const Entry& entry : makers)
    if (entry.choice == options.optimizer) return entry.make(options, parameters);
  throw Error(Fault::internal, "--optimizer " + name_of(options.optimizer) + " has no maker");
}

}  // namespace k7::train
