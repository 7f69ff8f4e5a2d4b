// SPDX-License-Identifier: Apache-2.0
//
// G2-structures given by a coframe: phi = A^* phi_0 has the orthonormal coframe e'^a = A_ai e^i, the metric
// A^T A and *phi = A^* psi_0, whatever the sign of det A.
#pragma once

#include "g2/g2_structure.hpp"
#include "g2/jet.hpp"
#include "k7/geometry/g2_structure.hpp"

namespace k7::g2 {

/// A: (n, 7, 7) -> A^* phi_0: (n, 35).
at::Tensor pullback(const at::Tensor& a);

/// A: (n, 7, 7) with E_a A: (n, 7, 7, 7) -> phi: (n, 35) and E_a phi: (n, 7, 35).
Jet pullback_jet(const Jet& a);

/// The torsion energies of A^* phi_0. In the orthonormal coframe phi has the constant components of phi_0, so
/// d phi and d psi are constant linear maps of the coframe's own structure functions
/// d e'^c = (1/2) T^c_ab e'^a ^ e'^b, and norms are sums of squares: no metric, determinant or root.
class CoframeTorsion {
 public:
  explicit CoframeTorsion(const geometry::Structure& structure);
  TorsionEnergy operator()(const Jet& a) const;

 private:
  Constant structure_;  ///< (7, 49), -C[k][i][j]
  Constant to_dphi_;    ///< (343, 35)
  Constant to_dpsi_;    ///< (343, 21)
};

/// Rescales A so that det g = (det A)^2 = target everywhere.
Jet with_determinant(const Jet& a, double target);

/// x: (n, 7, 7) -> x without its part in g2, the antisymmetric matrices that leave phi_0 alone: rotating A by
/// G2 does not change phi, so a network that is free to do so finds its minima degenerate (to fourth order)
/// and training stalls.
Jet without_g2(const Jet& x);

/// The coframe (1 + w x) A of a background A, a factor w: (n) and a correction x: (n, 7, 7).
Jet corrected_coframe(const Jet& background, const Jet& factor, const Jet& x);

/// x: (n, 7, 7) -> coframes with cond(A^T A) <= bound at every point and det g = target: A = t Q K with the
/// symmetric K = 1 + rho M, rho = (sqrt(bound) - 1) / (sqrt(bound) + 1), the rotation Q = (1 - W)(1 + W)^{-1}
/// and the scale t. M = 2 H (1 + H^2)^{-1} has its eigenvalues in [-1, 1] and reaches the ends at finite H,
/// so the bound can be attained. H is the symmetric and W the antisymmetric part of x; x = 0 gives t times
/// the identity.
Jet bounded_coframe(const Jet& x, double bound, double target);

}  // namespace k7::g2
