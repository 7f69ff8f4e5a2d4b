// SPDX-License-Identifier: Apache-2.0
//
// Tensors as the plain numbers of checkpoints and messages, and back.
#pragma once

#include <vector>

#include "train/checkpoint.hpp"
#include "train/optimizer/optimizer.hpp"

namespace k7::train {

std::vector<double> to_vector(const at::Tensor& t);
/// (values.size()), on the host.
at::Tensor to_tensor(const std::vector<double>& values);
/// Copies the numbers into a tensor that is there.
void from_vector(const at::Tensor& t, const std::vector<double>& values);

using Arrays = std::map<std::string, Array>;
Arrays to_arrays(const Tensors& tensors);
Tensors to_tensors(const Arrays& arrays);

}  // namespace k7::train
