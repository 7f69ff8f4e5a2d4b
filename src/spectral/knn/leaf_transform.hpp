// SPDX-License-Identifier: Apache-2.0
//
// From the frame of one leaf to that of another, with the rounding that this costs.
#pragma once

#include <array>

#include "spectral/knn/leaf_tree.hpp"

namespace k7::spectral {

// The margins of the bounds, derived in knn_search.hpp.
inline constexpr double relative_margin = 1e-7;                ///< of squared distances in float64
inline constexpr double absolute_margin = 4e-21;               ///< in units of the largest |e|^2
inline constexpr float filter_margin = 1.0F / (1 << 16);       ///< 256 u, u = 2^-24
inline constexpr float half_form_margin = 3e-5F;               ///< relative, of the limit
inline constexpr double half_form_lowering = 1.0 / (1 << 17);  ///< of the trace of a quadratic form
inline constexpr float nearly_antipodal = -0.9F;               ///< cosine of the angle

/// Local coordinates y in leaf Q are rotation y + shift in leaf T.
struct LeafTransform {
  std::array<float, max_embedding_size> rotation;  ///< conj(r_T) r_Q
  std::array<float, max_embedding_size> shift;     ///< conj(r_T) (c_Q - c_T)
  std::array<float, max_stretches>
      error;  ///< B_s: weighted sums of squares near a limit are off by sum w_s B_s
};

LeafTransform leaf_transform(const LeafFrame& from, const LeafFrame& to, const EmbeddingLayout& layout,
                             double slack);

/// Per factor, how far from its centre the points of the query leaf can reach, with all rounding of
/// near_leaves().
/// @param reach (factors)
void ball_reach(const LeafTree& tree, const LeafFrame& query, double slack, float* reach);

}  // namespace k7::spectral
