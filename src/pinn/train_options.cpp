// SPDX-License-Identifier: Apache-2.0
#include "k7/pinn/train_options.hpp"

#include "k7/error.hpp"

namespace k7::pinn {

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

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names{"notebook", "quick"};
  return names;
}

TrainOptions preset(const std::string& name) {
  TrainOptions options;
  options.preset = name;
  if (name == "notebook") return options;  // the notebook's values are the defaults of the structure
  if (name == "quick") {
    options.network.hidden = {64, 64, 64, 32};
    options.epochs = 600;
    options.batch_size = 1024;
    options.lr = 3e-3;
    options.checkpoint_every = 200;
    return options;
  }
  std::string known;
  for (const auto& n : preset_names()) known += (known.empty() ? "" : ", ") + n;
  throw InputError("unknown --preset '" + name + "'; known: " + known);
}

}  // namespace k7::pinn
