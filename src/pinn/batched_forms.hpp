// SPDX-License-Identifier: Apache-2.0
//
// 3-forms and metrics of many points at once, as tensors on any device; geometry/three_form.hpp is the
// readable reference that tests compare with.
#pragma once

#include "k7/geometry/conventions.hpp"
#include "pinn/torch.hpp"

namespace k7::pinn {

/// phi: (n, 35) -> (n, 7, 7, 7), the fully antisymmetric tensor.
at::Tensor form_to_tensor(const at::Tensor& phi);

/// phi: (n, 35) -> B: (n, 7, 7), B_ij = phi_ikl phi_jkl.
at::Tensor contraction(const at::Tensor& phi);

/// B: (n, 7, 7) -> the notebook's metric g = B (target_det / |det B|)^{1/7}.
at::Tensor metric_from_contraction(const at::Tensor& b, double target_det = geometry::Constants::det_g);

/// The 35 components of phi_0 on the device and in the type of `like`.
at::Tensor standard_form(const at::Tensor& like);

}  // namespace k7::pinn
