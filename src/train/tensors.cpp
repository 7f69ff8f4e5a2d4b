// SPDX-License-Identifier: Apache-2.0
#include "train/tensors.hpp"

#include "g2/device_path.hpp"

namespace k7::train {

std::vector<double> to_vector(const at::Tensor& t) {
  const at::Tensor host = g2::to_host(t).contiguous();
  const auto* data = host.data_ptr<double>();
  return {data, data + host.numel()};
}

at::Tensor to_tensor(const std::vector<double>& values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return at::from_blob(const_cast<double*>(values.data()), {n}, at::kDouble).clone();
}

void from_vector(const at::Tensor& t, const std::vector<double>& values) {
  t.copy_(
      g2::to_device(at::from_blob(const_cast<double*>(values.data()), {t.numel()}, at::kDouble), t.device()));
}

Arrays to_arrays(const Tensors& tensors) {
  Arrays arrays;
  for (const auto& [name, t] : tensors) arrays[name] = {{t.sizes().begin(), t.sizes().end()}, to_vector(t)};
  return arrays;
}

Tensors to_tensors(const Arrays& arrays) {
  Tensors tensors;
  for (const auto& [name, array] : arrays) {
    const std::vector<std::int64_t> shape(array.shape.begin(), array.shape.end());
    tensors[name] = at::from_blob(const_cast<double*>(array.values.data()), shape, at::kDouble).clone();
  }
  return tensors;
}

}  // namespace k7::train
