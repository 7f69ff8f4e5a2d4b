// SPDX-License-Identifier: Apache-2.0
//
// Lower bounds of d^2 in float32: which leaves, and which points of a leaf, may be near a query. Each kernel
// exists once per instruction set, and the best one is chosen when the program runs. Why a bound never drops a
// neighbour, rounding included, is proved in knn_search.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "spectral/knn/leaf_tree.hpp"

namespace k7::spectral {

/// Limits from here on mean: no limit.
inline constexpr float no_limit = 1e30F;

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

}  // namespace k7::spectral
