// SPDX-License-Identifier: Apache-2.0
//
// The exact neighbour search of one rank, a leaf of queries against leaves of targets.
//
// For the queries of a leaf, a limit T on d^2 is guessed from the leaf before. Then
//   1. near_leaves() keeps the leaves whose box is near the ball around the query leaf,
//   2. scan_leaf() keeps, vector by vector, the queries that are near a leaf's box, and for these the points
//      of the leaf that are near them: one dot product in float32 each,
//   3. keep_near(), where the metric varies, takes the query's half of the metric into account (float32),
//   4. exact_distances() gives d^2 in float64.
// A query that ends with k points within its limit has its k nearest; the others start again without a limit,
// nearest leaves first, and their limit falls as points are found. No step drops a pair with d^2 <= T:
//
// Bounds. Let m_is be the stretches of g_i, so v^T g_i v >= sum_s m_is v_s^T D v_s, and v_s^T D v_s is the
// sum over the factors f of class s of the squared arcs a_f^2 (on lines, all of one class, that of D's
// distance). With the chord c_f = |e_f(i) - e_f(j)| <= a_f and, on a circle or sphere of radius r_f,
// a^2 = 4 r^2 arcsin^2(c / 2r) = c^2 + c^4 / (12 r^2) + positive terms,
//     d^2(i,j) = 1/2 v^T g_i v + 1/2 v^T g_j v >= sum_f w_f (c_f^2 + c_f^4 / (12 r_f^2)),
//     w_f = 1/2 (m_is + m_js).
// Replacing m_js by its least value in a leaf, and c_f by the distance to its box, lowers the right side. For
// the dot product, S = sum w_f c_f^2 and W = sum w_f r_f^2: by Cauchy and Schwarz
// sum w_f c_f^4 / r_f^2 >= S^2 / W, so d^2 <= T needs S + S^2 / (12 W) <= T, that is
// S <= 2 T / (1 + sqrt(1 + T / (3 W))) (S <= T if there are lines).
//
// Rounding in float64. Embedded points are off by at most delta = 1e-14 R, R the largest |e|; the squared
// distance s of two of them satisfies s <= (sqrt(s_true) + 2 delta)^2 <= s_true (1 + relative_margin) +
// slack, slack = 4 delta^2 / relative_margin = absolute_margin R^2. Limits are raised by 3 relative_margin
// when they become floats, which covers this, the error of d^2 itself, and that cast.
//
// Rounding in float32, u = 2^-24. Let A_f = |y_Q| + |shift| + |y_T| be the largest local coordinates of a
// pair of leaves in factor f and |A|^2 = sum w_f A_f^2. A query is taken into the frame of a target leaf by a
// quaternion product (4 u per component from the sums, 4 u from the entries of the rotation, norms of
// rotations are 1 within 2 u, coordinates are rounded once): its four components together are off by at most
// 24 u A_f, those of targets by 3 u A_f. So the rounded S is at most (sqrt(S) + 27 u |A|)^2, and its
// evaluation by at most 17 fused products adds 20 u (|x| + |y|)^2 <= 80 u |A|^2, norms and weights
// 20 u (|A|^2 + S). For S <= T all is below 256 u (|A|^2 + T) = sum_s w_s B_s + filter_margin T, B_s of
// LeafTransform, which is added to the limit; twice that for boxes, as the slope of c^2 + c^4 / (12 r^2) is
// at most 5/3. In near_leaves() centres are rounded relative to the tree's origin: their rotated differences
// are off by 24 u (|c_Q| + |c_T|), which widens the balls; the few roundings after that are relative.
//
// keep_near(). Displacements come from differences taken in float64, so each factor's share v_f is off by at
// most 80 u |v_f| (sums of four products 6 u, amplified by angle / sine <= 6.2 as long as
// cos > nearly_antipodal, beyond which points are kept; quotient and arc tangent 20 u). For a form Q with
// trace t this gives sqrt(Q') <= sqrt(Q) + 80 u sqrt(t) |v|, hence
// Q' <= Q (1 + a) + (80 u)^2 (1 + 1/a) t |v|^2 = Q (1 + 2e-5) + 1.2e-6 t |v|^2 for a = 2e-5; evaluation adds
// 40 u t |v|^2 = 2.4e-6 t |v|^2, since |g_ab| <= sqrt(g_aa g_bb). Forms are therefore lowered by
// half_form_lowering t on their diagonal, and the limit is raised by half_form_margin.
//
// Many equal points. All copies of a point are within the limit zero of each other, so n copies cost n^2
// exact distances, 10^8 per second and core; ten thousand copies are a second, more are better made distinct.
#pragma once

#include <cstdint>
#include <vector>

#include "spectral/knn/distance_kernels.hpp"
#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

/// What the kernels need to know. Not collective.
/// @param radius_sq largest |e|^2 of all ranks
SearchSpace make_search_space(const PointCloud& cloud, const geometry::Manifold& manifold,
                              const geometry::Embedding& embedding, double radius_sq);

/// Finds neighbours of this rank's points; the lists in progress are those of the graph. Places n_local + h
/// are positions h in the halo while the search lasts.
class KnnSearch {
 public:
  KnnSearch(const IndexedCloud& own, const SearchSpace& space, KnnGraph& graph, int threads);

  /// The nearest of this rank's own points.
  void search_own();
  /// What the halo holds in addition.
  void search_halo(const IndexedCloud& halo);
  /// Neighbours that every list holds.
  int n_found() const { return n_found_; }
  /// The largest limit of a leaf's queries; no_limit while lists are not full.
  float limit(std::size_t leaf) const;

 private:
  const IndexedCloud& own_;
  const SearchSpace& space_;
  KnnGraph& graph_;
  int threads_;
  int n_found_ = 0;
};

/// A limit as the kernels take it: not below `distance_sq`.
float float_limit(double distance_sq);

}  // namespace k7::spectral
