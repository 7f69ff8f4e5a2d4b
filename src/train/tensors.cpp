// SPDX-License-Identifier: Apache-2.0
#include "train/tensors.hpp"

namespace k7::train {

std::vector<double> to_vector(const at::Tensor& t) {
  const at::Tensor host = t.cpu().contiguous();
  const auto* data = host.data_ptr<double>();
  return {data, data + host.numel()};
}

void from_vector(const at::Tensor& t, const std::vector<double>& values) {
  t.copy_(at::from_blob(const_cast<double*>(values.data()), {t.numel()}, at::kDouble));
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
