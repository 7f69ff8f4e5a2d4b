// SPDX-License-Identifier: Apache-2.0
//
// Forms and metrics of many points at once, as tensors on any device, float64 or float32, differentiable;
// geometry/three_form.hpp and geometry/exterior.hpp are the readable reference that tests compare with.
// Leading axes are written (...) where a function takes any number of them.
#pragma once

#include "g2/constant.hpp"
#include "k7/geometry/conventions.hpp"
#include "k7/geometry/exterior.hpp"

namespace k7::g2 {

/// A constant linear map as a matrix (n_from, n_to), made once. A product with it is one GEMM forwards and
/// one backwards, where scattering slices takes hundreds of small steps each way.
class ConstantMap {
 public:
  ConstantMap(int n_from, int n_to, const geometry::LinearMap& entries);
  /// x: (..., n_from) -> (..., n_to), on the device and in the type of x.
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  Constant matrix_;
};

/// phi: (..., 35) -> (..., 7, 7, 7), the fully antisymmetric tensor.
at::Tensor form_to_tensor(const at::Tensor& phi);

/// a: (..., 7, 21), seven 2-forms a_i -> (..., 35), the 3-form sum e^i ^ a_i; the same for
/// seven 3-forms (..., 7, 35) -> (..., 35) and
/// seven 4-forms (..., 7, 35) -> (..., 21).
at::Tensor wedge_e_2(const at::Tensor& a);
at::Tensor wedge_e_3(const at::Tensor& a);
at::Tensor wedge_e_4(const at::Tensor& a);

/// phi: (..., 35) -> (..., 7, 21), the 2-forms i_i phi; psi: (..., 35) -> (..., 7, 35), the 3-forms i_i psi.
at::Tensor interior_3(const at::Tensor& phi);
at::Tensor interior_4(const at::Tensor& psi);

/// t: (n, 7, 7, 7), x: (n, 7, 7) -> t_cij x_ia x_jb.
at::Tensor congruence(const at::Tensor& t, const at::Tensor& x);

/// Components i<j of (..., 7, 7) -> (..., 21).
at::Tensor upper_triangle(const at::Tensor& matrix);

/// (7, 7) the identity on the device and in the type of x.
at::Tensor identity_like(const at::Tensor& x);

/// The inverses of (n, 7, 7). Where a matrix is singular they are not finite: to throw, as LibTorch's own
/// function does, the host would have to wait for the device.
at::Tensor inverses(const at::Tensor& matrices);

/// phi: (n, 35) -> B: (n, 7, 7), B_ij = phi_ikl phi_jkl.
at::Tensor contraction(const at::Tensor& phi);

/// B: (n, 7, 7) -> the notebook's metric g = B (target_det / |det B|)^{1/7}.
at::Tensor metric_from_contraction(const at::Tensor& b, double target_det = geometry::Constants::det_g);

/// The 35 components of phi_0 on the device and in the type of `like`.
at::Tensor standard_form(const at::Tensor& like);

}  // namespace k7::g2
