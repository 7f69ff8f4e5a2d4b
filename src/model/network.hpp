// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "g2/jet.hpp"
#include "k7/model/model_spec.hpp"

namespace k7::model {

/// Where each PyTorch state_dict entry lies in the flat parameters, in order.
struct ParameterSlot {
  std::string name;  ///< network.{0,2,4,..}.{weight,bias}
  std::vector<std::int64_t> shape;
  std::int64_t offset;
  std::int64_t count;

  at::Tensor view(const at::Tensor& flat) const { return flat.narrow(0, offset, count).view(shape); }
};
std::vector<ParameterSlot> parameter_slots(const NetworkShape& shape);

/// A fully connected network whose parameters are one flat tensor, of which the layers' weights are views,
/// and whose gradients are a second one. One buffer is then what the optimiser updates, the ranks sum and
/// checkpoints hold.
class Network {
 public:
  /// All parameters zero, their gradients too. `gradient_tail` extra numbers follow the gradients in their
  /// buffer, so that other sums travel with them in one message.
  Network(const NetworkShape& shape, const at::Device& device, std::int64_t gradient_tail = 0);

  const NetworkShape& shape() const { return shape_; }
  at::Device device() const { return parameters_.device(); }

  /// Xavier-uniform weights with the given gain (output_gain in the last layer; 0 makes the network the zero
  /// function); hidden biases uniform in (-hidden_bias, hidden_bias), without which odd activations start as
  /// an odd function. The same for the same seed anywhere.
  void initialise(std::uint64_t seed, double gain, double output_gain, double hidden_bias = 0.0);

  /// x: (n, inputs) -> (n, outputs), on the network's device. Computed in the type of x, float64 or float32;
  /// parameters and their gradients are float64 always.
  at::Tensor forward(const at::Tensor& x) const;

  /// Forward-mode differentiation along the frame: x: (8, n, inputs), x[0] the features, x[1 + a] their frame
  /// derivatives -> values (n, outputs) and frame derivatives (n, 7, outputs).
  g2::Jet forward_jet(const at::Tensor& x) const;

  /// (n_parameters), layer by layer, weight (out, in) row-major, then bias.
  const at::Tensor& parameters() const { return parameters_; }
  /// The gradient of a scalar in each of parameter_slots(); undefined where the scalar does not depend on it.
  /// Any number of threads may call this at a time, each for what it has computed.
  std::vector<at::Tensor> gradients_of(const at::Tensor& scalar) const;
  /// Adds them to gradients().
  void add_gradients(const std::vector<at::Tensor>& slots) const;
  /// Adds them to the first part of `flat`, laid out as gradient_buffer(). Any number of threads at a time.
  void add_gradients(const std::vector<at::Tensor>& slots, const at::Tensor& flat) const;

  /// (n_parameters + gradient_tail).
  const at::Tensor& gradient_buffer() const { return gradients_; }
  /// The first part of gradient_buffer().
  at::Tensor gradients() const { return gradients_.narrow(0, 0, parameters_.numel()); }

 private:
  NetworkShape shape_;
  at::Tensor parameters_;
  at::Tensor gradients_;
  std::vector<ParameterSlot> slots_;
  std::vector<at::Tensor> leaves_;  ///< views of parameters_, weight and bias of each layer in turn
};

}  // namespace k7::model
