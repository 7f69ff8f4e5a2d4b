// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/optimizer.hpp"

#include "train/optimizer/adamw.hpp"
#include "train/optimizer/soap.hpp"

namespace k7::train {

std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& options, const at::Tensor& parameters) {
  if (options.optimizer == "soap")
    return std::make_unique<Soap>(options.model.network, parameters, options.weight_decay);
  return std::make_unique<AdamW>(parameters, options.weight_decay);
}

}  // namespace k7::train
