// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "g2/torch.hpp"

namespace k7::g2 {

/// a: (n, [m,] p, q), b: (n, [m,] q, r) -> the matrix products (n, [m,] p, r), once differentiable; an n or m
/// of 1 is repeated. For the matrices of about 7 rows of G2 geometry: LibTorch's bmm on a CPU makes several
/// tensors and a BLAS call for each, which takes ten times as long as the product.
at::Tensor products(const at::Tensor& a, const at::Tensor& b);

}  // namespace k7::g2
