// SPDX-License-Identifier: Apache-2.0
//
// The G2-structure of a 3-form and its torsion at one point, in plain arrays: the readable reference beside
// the batched tensor code of g2/. Conventions: k7/geometry/conventions.hpp.
#pragma once

#include <array>

#include "k7/geometry/conventions.hpp"
#include "k7/geometry/three_form.hpp"

namespace k7::geometry {

using Form1 = std::array<double, dim>;
using Form2 = std::array<double, n_two>;
using Form4 = std::array<double, n_phi>;
using Form5 = std::array<double, n_two>;
using Structure = std::array<double, dim * dim * dim>;  ///< C[c][a][b]

/// Hitchin's bilinear form, B_ij e^{0..6} = (1/6) i_i phi ^ i_j phi ^ phi.
Matrix7 hitchin_form(const Form3& phi);

/// Whether phi is a G2-structure here: B is definite.
bool is_positive(const Form3& phi);

/// What a positive 3-form defines.
struct G2Structure {
  Form3 phi;
  Matrix7 g;
  Matrix7 g_inverse;
  double sqrt_det_g;
  int orientation;  ///< s = sign det B
  Form4 psi;        ///< *phi
};

/// @throws InputError when phi is not positive
G2Structure g2_structure(const Form3& phi);

/// (A^* phi)_ijk = phi_abc A_ai A_bj A_ck.
Form3 pullback(const Matrix7& a, const Form3& phi);

/// d of a p-form from its components and their frame derivatives, p = 3 -> Form4, p = 4 -> Form5.
/// @param frame_derivatives (7, 35), E_a of component I
Form4 exterior_derivative_3(const Form3& phi, const double* frame_derivatives, const Structure& structure);
Form5 exterior_derivative_4(const Form4& psi, const double* frame_derivatives, const Structure& structure);

/// E_a psi (7, 35) from E_a phi (7, 35), by the chain rule through g(phi).
std::array<double, dim * n_phi> frame_derivatives_of_psi(const G2Structure& s,
                                                         const double* frame_derivatives);

/// |a|^2 of a p-form with C(7,p) components, (1/p!) a_{i..} a^{i..}.
double norm_sq(const Matrix7& g_inverse, int p, const double* form);

struct Torsion {
  Form4 dphi;
  Form5 dpsi;
  double norm2_dphi, norm2_dpsi;
  double tau0;
  Form1 tau1;
  Form2 tau2;
  Form3 tau3;
  double norm2_tau0, norm2_tau1, norm2_tau2, norm2_tau3;
};

Torsion torsion(const G2Structure& s, const double* frame_derivatives, const Structure& structure);

}  // namespace k7::geometry
