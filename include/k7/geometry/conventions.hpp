// SPDX-License-Identifier: Apache-2.0
//
// Signs, orders and normalisations: the one file that all others cite.
//
//  * Coframe e^0..e^6; indices are 0-based.
//  * The 35 components of a 3-form are phi_ijk with i<j<k in lexicographic order (012, 013, ..., 456).
//  * The standard form is phi_0 = sum e^{ijk} over the triples 013 026 045 124 156 235 346, all with sign +1
//    (1-based: the Fano lines 124 235 346 457 561 672 713). Its metric is the identity and its orientation is
//    -e^{0..6}.
//  * On S1 x S3 x S3 a point is (theta, q1, q2), q = (w, x, y, z) a unit quaternion; the left-invariant
//  coframe
//    is (dtheta, sigma, Sigma) with sigma = Im(conj(q1) dq1), Sigma = Im(conj(q2) dq2), so that
//    sigma^a sigma^a is the round metric of the unit 3-sphere.
//  * The seven coordinates of the notebook are [theta, x, y], x = (q1 x,y,z) / (1 + |q1 w| + 1e-8), likewise
//  y;
//    q and its mirror image with w -> -w get the same coordinates.
#pragma once

#include <array>
#include <cstdint>

namespace k7 {

using GlobalIndex = std::int64_t;  ///< counts points, rows and edges of the whole job
using LocalIndex = std::int32_t;   ///< counts within one rank

}  // namespace k7

namespace k7::geometry {

inline constexpr int dim = 7;              ///< dimension of the manifold
inline constexpr int n_phi = 35;           ///< independent components of a 3-form, C(7,3)
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
