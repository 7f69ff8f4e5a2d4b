// SPDX-License-Identifier: Apache-2.0
//
// Signs, orders and normalisations: the one file that all others cite.
//
//  * Coframe e^0..e^6 with dual frame E_0..E_6; indices are 0-based. For coordinates e^i = dx^i.
//  * The components of a p-form are a_I with I = (i_1 < ... < i_p) in lexicographic order: 21 for p = 2 and
//    5, 35 for p = 3 and 4. Norms count each once: |a|^2 = (1/p!) a_{i..} a^{i..}, so |phi|^2 = |psi|^2 = 7.
//  * The standard form is phi_0 = sum e^{ijk} over the triples 013 026 045 124 156 235 346, all with sign +1
//    (1-based: the Fano lines 124 235 346 457 561 672 713).
//  * The metric of phi (Hitchin, "Stable forms and special metrics", 2000):
//    B_ij e^{0..6} = (1/6) i_i phi ^ i_j phi ^ phi, g = det(B)^{-1/9} B with the real ninth root. phi is a
//    G2-structure where B is definite. For phi_0, B = -1 and g = +1.
//  * Orientation: the one that makes B positive, vol = s sqrt(det g) e^{0..6} with s = sign det B;
//    s(phi_0) = -1 and s(A^* phi_0) = -sign det A, where (A^* phi)_ijk = phi_abc A_ai A_bj A_ck.
//  * psi = *phi with that orientation; psi_0 = -e^0125 +e^0146 +e^0234 -e^0356 -e^1236 +e^1345 +e^2456. With
//    it phi_ijk phi_ab^k = g_ia g_jb - g_ib g_ja + psi_ijab.
//  * Structure constants C[c][a][b]: [E_a, E_b] = C^c_ab E_c, hence d e^c = -(1/2) C^c_ab e^a ^ e^b.
//  * Torsion classes (Bryant, "Some remarks on G2-structures", 2006):
//    d phi = tau_0 psi + 3 tau_1 ^ phi + *tau_3, d psi = 4 tau_1 ^ psi + tau_2 ^ phi, tau_2 ^ phi = -*tau_2.
//    Hence |d phi|^2 = 7 tau_0^2 + 36 |tau_1|^2 + |tau_3|^2 and |d psi|^2 = 48 |tau_1|^2 + |tau_2|^2.
//  * On S1 x S3 x S3 a point is (theta, q1, q2), q = (w, x, y, z) a unit quaternion; E_0 = d/dtheta,
//    E_{1,2,3} q1 = q1 i, q1 j, q1 k, E_{4,5,6} likewise on q2. The left-invariant coframe is
//    (dtheta, sigma, Sigma) with sigma = Im(conj(q1) dq1), Sigma = Im(conj(q2) dq2), so that sigma^a sigma^a
//    is the round metric of the unit 3-sphere, [E_1, E_2] = 2 E_3 and d sigma^1 = -2 sigma^2 ^ sigma^3.
//  * The seven coordinates of the notebook are [theta, x, y], x = (q1 x,y,z) / (1 + |q1 w| + 1e-8), likewise
//    y; q and its mirror image with w -> -w get the same coordinates.
#pragma once

#include <array>

#include "k7/base/index.hpp"

namespace k7::geometry {

inline constexpr int dim = 7;              ///< dimension of the manifold
inline constexpr int n_phi = 35;           ///< independent components of a 3-form, C(7,3)
inline constexpr int n_two = 21;           ///< independent components of a 2-form or a 5-form, C(7,2)
inline constexpr int n_sym = 28;           ///< independent components of a metric, 7*8/2
inline constexpr int point_size_neck = 9;  ///< numbers that describe a point of S1 x S3 x S3

inline constexpr double pi = 3.14159265358979323846;

/// Topological constants of the K7 model (notebook section 1.2).
struct Constants {
  static constexpr int dim_g2 = 14;
  static constexpr int dim_e8 = 248;
  static constexpr int rank_e8 = 8;
  static constexpr int b2 = 21;
  static constexpr int b3 = 77;
  static constexpr int h_star = b2 + b3 + 1;
  static constexpr double det_g = 65.0 / 32.0;
  static constexpr int lambda1_target = dim_g2 - 1;                          ///< predicted lambda_1 * H*
  static constexpr double lambda1_h_star = double(lambda1_target) / h_star;  ///< predicted lambda_1
  static constexpr double tcs_ratio = double(h_star) / (6.0 * dim_g2);       ///< r1/r2 = 33/28
  static constexpr double phi_norm = 6.0;                                    ///< phi_ikl phi_jkl = 6 delta_ij
};

using Triple = std::array<int, 3>;

/// The 35 index triples i<j<k in lexicographic order.
const std::array<Triple, n_phi>& three_form_indices();

/// Position of the triple {i,j,k} (any order) in three_form_indices() and the sign of the permutation that
/// sorts it; sign 0 when two indices agree.
struct SignedIndex {
  int index;
  int sign;
};
SignedIndex three_form_index(int i, int j, int k);

/// The 35 components of phi_0.
const std::array<double, n_phi>& standard_form();

}  // namespace k7::geometry
