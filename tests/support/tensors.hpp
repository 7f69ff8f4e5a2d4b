// SPDX-License-Identifier: Apache-2.0
// Tensors and networks out of golden files.
#pragma once

#include "k7/geometry/sampler.hpp"
#include "model/network.hpp"
#include "test_data.hpp"

namespace k7::test {

inline at::Tensor to_tensor(const std::vector<double>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<double*>(values.data()), {static_cast<std::int64_t>(values.size())},
                       at::kDouble)
      .clone()
      .view(shape);
}

inline std::vector<double> to_vector(const at::Tensor& t) {
  const at::Tensor flat = t.detach().contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

/// Numbers in (-1, 1) that depend on seed and step.
inline at::Tensor random_tensor(at::IntArrayRef shape, std::uint64_t seed, std::uint32_t step) {
  at::Tensor t = at::empty(shape, at::kDouble);
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    double u[2];
    geometry::uniform_pair({seed, geometry::Stream::samples, step}, static_cast<std::uint64_t>(i), 0, u);
    t.data_ptr<double>()[i] = 2.0 * u[0] - 1.0;
  }
  return t;
}

inline model::NetworkShape read_shape(const io::Hdf5File& file, const std::string& group) {
  model::NetworkShape shape;
  shape.hidden.clear();
  for (const double width : file.numbers_attribute(group, "hidden_dims"))
    shape.hidden.push_back(static_cast<int>(width));
  shape.activation = *value_of<model::Activation>(file.string_attribute(group, "activation"));
  return shape;
}

/// Flat parameters (or gradients) stored under PyTorch's names in `group`.
inline std::vector<double> read_parameters(const io::Hdf5File& file, const std::string& group,
                                           const model::NetworkShape& shape) {
  std::vector<double> flat;
  for (const auto& slot : model::parameter_slots(shape)) {
    const auto values = file.read(group + "/" + slot.name);
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

/// The network described by the attributes of `shape_group` with the parameters of `parameter_group`.
inline model::Network load_network(const io::Hdf5File& file, const std::string& shape_group,
                                   const std::string& parameter_group) {
  const auto shape = read_shape(file, shape_group);
  model::Network network(shape, at::kCPU);
  network.parameters().copy_(to_tensor(read_parameters(file, parameter_group, shape), {-1}));
  return network;
}

}  // namespace k7::test
