// SPDX-License-Identifier: Apache-2.0
//
// The SIMD parts of the neighbour search: lower bounds between leaves in float32, exact distances in float64.
// Each exists once per instruction set, the best one is chosen when the program runs. Why a bound never drops
// a neighbour, rounding included, is proved in knn_search.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "spectral/knn/leaf_tree.hpp"

namespace k7::spectral {

/// Limits from here on mean: no limit.
inline constexpr float no_limit = 1e30F;

/// What the kernels know about the space.
struct SearchSpace {
  std::vector<geometry::Factor> factors;
  bool has_volume_factors = false;
  bool one_metric = false;
  double slack = 0.0;  ///< what rounding of embedded points may add to |e_i - e_j|^2
  /// c v_a v_b, the terms of the lowered reference form 1/2 v^T D v of each class.
  struct ReferenceTerm {
    int a;
    int b;
    int stretch;
    float coefficient;
  };
  std::vector<ReferenceTerm> reference;
};

/// A leaf of points that look for neighbours. Limits are those of d^2 per point, rounded up; a negative one
/// means that the point does not look.
struct QueryLeaf {
  const LeafFrame* frame;
  const float* columns;    ///< (n_columns, leaf_size)
  const float* stretches;  ///< (n_stretches, leaf_size)
  const float* limits;     ///< (leaf_size), negative beyond count
  int count;
};

/// A leaf and a lower bound of d^2 between its points and those of a query leaf.
struct LeafBound {
  float bound;
  std::uint32_t leaf;
};

/// Appends the leaves whose bound is at most `limit`.
void near_leaves(const LeafTree& tree, const LeafFrame& query, float limit, double slack,
                 std::vector<LeafBound>& near);

/// Per query of a leaf, the positions of points that are to be looked at.
struct Pending {
  static constexpr int flush_size = 96;
  static constexpr int capacity = flush_size + LeafTree::leaf_size;
  std::vector<std::uint32_t> positions;  ///< (leaf_size, capacity)
  std::vector<int> counts;               ///< (leaf_size)
};

/// Appends for every query the points of the target leaf that may be within its limit. A query's count must
/// be at most flush_size before. Returns whether one of them is above that now.
bool scan_leaf(const QueryLeaf& queries, const LeafTree& targets, std::size_t leaf, double slack,
               Pending& pending);

/// Whether each point of `points` (limits not used) may be within `limit` of a point in the box:
/// near[p] = 1, otherwise it stays as it is.
void near_box(const QueryLeaf& points, const EmbeddingLayout& layout, const LeafFrame& box, float limit,
              double slack, char* near);

/// A query against whatever points of `targets`.
struct ExactQuery {
  const double* point;
  const double* metric;
};

/// d^2 between the query and each target, and, if asked for, the volume factor of the displacement.
/// @param positions (n) in `targets`
void exact_distances(const SearchSpace& space, const ExactQuery& query, const PointCloud& targets,
                     const std::uint32_t* positions, int n, double* distance_sq, float* volume_factors);

/// Keeps of the positions those whose d^2 may be within the limit, by the query's half of the metric and the
/// stretches of the targets; returns how many.
/// @param half_form (28) lowered 1/2 g of the query, off-diagonal terms doubled, in packed order
int keep_near(const SearchSpace& space, const ExactQuery& query, const float* half_form,
              const PointCloud& targets, const LeafTree& tree, float limit, std::uint32_t* positions, int n);

}  // namespace k7::spectral
