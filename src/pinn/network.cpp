// SPDX-License-Identifier: Apache-2.0
#include "pinn/network.hpp"

#include <cmath>

#include "k7/error.hpp"
#include "k7/geometry/sampler.hpp"

namespace k7::pinn {
namespace {

at::Tensor activate(const at::Tensor& x, const std::string& activation) {
  if (activation == "silu") return at::silu(x);
  if (activation == "tanh") return at::tanh(x);
  return at::gelu(x);
}

}  // namespace

std::vector<ParameterSlot> parameter_slots(const NetworkShape& shape) {
  std::vector<ParameterSlot> slots;
  std::int64_t offset = 0;
  std::int64_t in = shape.inputs;
  std::vector<int> widths = shape.hidden;
  widths.push_back(shape.outputs);
  for (std::size_t layer = 0; layer < widths.size(); ++layer) {
    const std::int64_t out = widths[layer];
    const std::string prefix =
        "network." + std::to_string(2 * layer) + ".";  // activations count in Sequential
    slots.push_back({prefix + "weight", {out, in}, offset, out * in});
    offset += out * in;
    slots.push_back({prefix + "bias", {out}, offset, out});
    offset += out;
    in = out;
  }
  return slots;
}

Network::Network(const NetworkShape& shape, const at::Device& device, std::int64_t gradient_tail)
    : shape_(shape) {
  if (shape.activation != "silu" && shape.activation != "tanh" && shape.activation != "gelu")
    throw InputError("unknown --activation '" + shape.activation + "'; known: silu, tanh, gelu");
  const auto options = at::TensorOptions().dtype(at::kDouble).device(device);
  parameters_ = at::zeros({shape.n_parameters()}, options);
  gradients_ = at::zeros({shape.n_parameters() + gradient_tail}, options);
  for (const auto& slot : parameter_slots(shape)) {
    const auto view = [&slot](const at::Tensor& flat) {
      return flat.narrow(0, slot.offset, slot.count).view(slot.shape);
    };
    at::Tensor leaf = view(parameters_).detach();
    leaf.requires_grad_(true);
    leaf.mutable_grad() = view(gradients_);
    (slot.shape.size() == 2 ? weights_ : biases_).push_back(leaf);
  }
}

void Network::initialise(std::uint64_t seed, double gain) {
  std::vector<double> values(static_cast<std::size_t>(parameters_.numel()), 0.0);
  const geometry::DrawKey key{seed, geometry::Stream::weights, 0};
  for (const auto& slot : parameter_slots(shape_)) {
    if (slot.shape.size() != 2) continue;
    const double bound = gain * std::sqrt(6.0 / static_cast<double>(slot.shape[0] + slot.shape[1]));
    for (std::int64_t i = slot.offset; i < slot.offset + slot.count; ++i) {
      double u[2];
      geometry::uniform_pair(key, static_cast<std::uint64_t>(i), 0, u);
      values[static_cast<std::size_t>(i)] = bound * (2.0 * u[0] - 1.0);
    }
  }
  parameters_.copy_(at::from_blob(values.data(), {parameters_.numel()}, at::kDouble));
}

at::Tensor Network::forward(const at::Tensor& x) const {
  at::Tensor h = x;
  for (std::size_t layer = 0; layer + 1 < weights_.size(); ++layer)
    h = activate(at::linear(h, weights_[layer], biases_[layer]), shape_.activation);
  return at::linear(h, weights_.back(), biases_.back());
}

}  // namespace k7::pinn
