// SPDX-License-Identifier: Apache-2.0
#include "model/network.hpp"

#include <algorithm>
#include <cmath>

#include "base/quote.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/sampler.hpp"
#include "model/activation.hpp"

namespace k7::model {
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
    : shape_(shape),
      parameters_(at::zeros({shape.n_parameters()}, at::TensorOptions().dtype(at::kDouble).device(device))),
      gradients_(at::zeros({shape.n_parameters() + gradient_tail}, parameters_.options())),
      slots_(parameter_slots(shape)) {
  for (const ParameterSlot& slot : slots_)
    leaves_.push_back(slot.view(parameters_).detach().requires_grad_(true));
}

std::vector<at::Tensor> Network::gradients_of(const at::Tensor& scalar) const {
  return torch::autograd::grad({scalar}, leaves_, {}, c10::nullopt, false, true);
}

void Network::add_gradients(const std::vector<at::Tensor>& slots) const {
  add_gradients(slots, gradients_);
}

void Network::add_gradients(const std::vector<at::Tensor>& slots, const at::Tensor& flat) const {
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < slots_.size(); ++i)
    parts.push_back(slots[i].defined() ? slots[i].reshape({-1})
                                       : at::zeros({slots_[i].count}, flat.options()));
  flat.narrow(0, 0, parameters_.numel()).add_(at::cat(parts));
}

void Network::initialise(std::uint64_t seed, double gain, double output_gain, double hidden_bias) {
  std::vector<double> values(static_cast<std::size_t>(parameters_.numel()), 0.0);
  const geometry::DrawKey key{seed, geometry::Stream::weights, 0};
  const std::int64_t last_layer = slots_[slots_.size() - 2].offset;
  for (const ParameterSlot& slot : slots_) {
    const bool hidden = slot.offset < last_layer;
    const double bound = slot.shape.size() == 2
                             ? (hidden ? gain : output_gain) *
                                   std::sqrt(6.0 / static_cast<double>(slot.shape[0] + slot.shape[1]))
                             : (hidden ? hidden_bias : 0.0);
    for (std::int64_t i = slot.offset; i < slot.offset + slot.count; ++i) {
      double u[2];
      geometry::uniform_pair(key, static_cast<std::uint64_t>(i), 0, u);
      values[static_cast<std::size_t>(i)] = bound * (2.0 * u[0] - 1.0);
    }
  }
  parameters_.copy_(at::from_blob(values.data(), {parameters_.numel()}, at::kDouble));
}

at::Tensor Network::forward(const at::Tensor& x) const {
  const auto like_x = [&x](const at::Tensor& parameter) { return parameter.to(x.scalar_type()); };
  at::Tensor h = at::linear(x, like_x(leaves_[0]), like_x(leaves_[1]));
  for (std::size_t i = 2; i < leaves_.size(); i += 2)
    h = at::linear(activate(shape_.activation, h), like_x(leaves_[i]), like_x(leaves_[i + 1]));
  return h;
}

g2::Jet Network::forward_jet(const at::Tensor& x) const {
  // Values and tangents are one tall batch, so that each layer is one GEMM of 8 n rows.
  const std::int64_t n = x.size(1);
  const auto like_x = [&x](const at::Tensor& parameter) { return parameter.to(x.scalar_type()); };
  const auto linear = [n](const at::Tensor& h, const at::Tensor& weight) {
    return at::mm(h.reshape({(1 + geometry::dim) * n, h.size(2)}), weight.t())
        .view({1 + geometry::dim, n, weight.size(0)});
  };
  at::Tensor h = linear(x, like_x(leaves_[0]));
  for (std::size_t i = 2; i < leaves_.size(); i += 2)
    h = linear(activate_jet(shape_.activation, h, like_x(leaves_[i - 1])), like_x(leaves_[i]));
  return {h[0] + like_x(leaves_.back()), h.narrow(0, 1, geometry::dim).transpose(0, 1)};
}

}  // namespace k7::model
