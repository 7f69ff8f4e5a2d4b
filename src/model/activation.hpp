// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "g2/torch.hpp"
#include "k7/model/model_spec.hpp"

namespace k7::model {

/// sigma(x), differentiable.
at::Tensor activate(Activation activation, const at::Tensor& x);

/// A layer's activation on values and their seven tangents at once.
/// z: (8, n, width), pre-activations without bias: z[0] values, z[1 + a] frame derivatives; bias: (width).
/// Returns (8, n, width): sigma(z[0] + bias), sigma'(z[0] + bias) z[1 + a].
/// Differentiable once; keeps only z.
at::Tensor activate_jet(Activation activation, const at::Tensor& z, const at::Tensor& bias);

}  // namespace k7::model
