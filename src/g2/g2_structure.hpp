// SPDX-License-Identifier: Apache-2.0
//
// The G2-structures of many points at once and their torsion, as differentiable tensors on any device,
// float64 or float32. geometry/g2_structure.hpp is the readable reference. Conventions:
// k7/geometry/conventions.hpp.
#pragma once

#include "g2/forms.hpp"
#include "k7/geometry/g2_structure.hpp"

namespace k7::g2 {

/// phi: (n, 35) -> B: (n, 7, 7), B_ij e^{0..6} = (1/6) i_i phi ^ i_j phi ^ phi.
at::Tensor hitchin_form(const at::Tensor& phi);

/// B: (n, 7, 7) -> g = det(B)^{-1/9} B with the real ninth root.
at::Tensor metric_from_hitchin(const at::Tensor& b);

/// B: (n, 7, 7) -> bool (n), whether B is definite: phi is a G2-structure. Not differentiable.
at::Tensor is_definite(const at::Tensor& b);

/// What the positive 3-forms phi (n, 35) define; where phi is not positive, the numbers mean nothing.
struct BatchedG2 {
  at::Tensor phi;          ///< (n, 35)
  at::Tensor g;            ///< (n, 7, 7)
  at::Tensor g_inverse;    ///< (n, 7, 7)
  at::Tensor sqrt_det_g;   ///< (n)
  at::Tensor orientation;  ///< (n), s = sign det B
  at::Tensor psi;          ///< (n, 35), *phi
};
BatchedG2 g2_structure(const at::Tensor& phi);

/// frame_derivatives E_a phi: (n, 7, 35) -> E_a psi: (n, 7, 35), by the chain rule through g(phi).
///
/// Every E_a phi is h_a . phi for one h_a in 1 + 27 + 7 of gl(7) = 1 + 27 + 7 + 14,
/// (h . phi) = h_i^m e^i ^ i_m phi, and then E_a psi = h_a . psi, for phi -> psi commutes with GL(7)+. With
/// X_il = (E phi)_ijk phi_l^jk the identities of phi phi and phi psi give X = 4 h + 2 tr(h) g on symmetric h
/// and X = 12 h on the 7; so no determinant, root or inverse is differentiated. (Karigiannis, "Flows of
/// G2-structures, I", 2009, section 2, with his psi = -psi here.)
at::Tensor frame_derivatives_of_psi(const BatchedG2& s, const at::Tensor& frame_derivatives);

/// The exterior derivative in a coframe: frame derivatives of the components plus structure constants.
class ExteriorDerivative {
 public:
  explicit ExteriorDerivative(const geometry::Structure& structure);
  /// phi: (n, 35), E_a phi: (n, 7, 35) -> d phi: (n, 35).
  at::Tensor of_3_form(const at::Tensor& phi, const at::Tensor& frame_derivatives) const;
  /// psi: (n, 35), E_a psi: (n, 7, 35) -> d psi: (n, 21).
  at::Tensor of_4_form(const at::Tensor& psi, const at::Tensor& frame_derivatives) const;

 private:
  ConstantMap structure_3_;
  ConstantMap structure_4_;
};

/// *a: a 4-form (n, 35) -> 3-form (n, 35); a 5-form (n, 21) -> 2-form (n, 21).
at::Tensor star_4(const BatchedG2& s, const at::Tensor& a);
at::Tensor star_5(const BatchedG2& s, const at::Tensor& a);

/// |a|^2 (n) of p-forms, p = 1 (n, 7), 2 (n, 21), 3 (n, 35).
at::Tensor norm_sq_1(const BatchedG2& s, const at::Tensor& a);
at::Tensor norm_sq_2(const BatchedG2& s, const at::Tensor& a);
at::Tensor norm_sq_3(const BatchedG2& s, const at::Tensor& a);

/// d phi, d psi and the torsion classes.
struct BatchedTorsion {
  at::Tensor dphi;  ///< (n, 35)
  at::Tensor dpsi;  ///< (n, 21)
  at::Tensor norm2_dphi, norm2_dpsi;
  at::Tensor tau0;  ///< (n)
  at::Tensor tau1;  ///< (n, 7)
  at::Tensor tau2;  ///< (n, 21)
  at::Tensor tau3;  ///< (n, 35)
  at::Tensor norm2_tau0, norm2_tau1, norm2_tau2, norm2_tau3;
};
BatchedTorsion torsion(const BatchedG2& s, const at::Tensor& frame_derivatives, const ExteriorDerivative& d);

/// |d phi|^2 and |d psi|^2 (n) alone, as the loss needs them.
struct TorsionEnergy {
  at::Tensor closed;    ///< |d phi|^2
  at::Tensor coclosed;  ///< |d psi|^2
};
TorsionEnergy torsion_energy(const BatchedG2& s, const at::Tensor& frame_derivatives,
                             const ExteriorDerivative& d);

}  // namespace k7::g2
