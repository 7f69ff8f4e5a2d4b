// SPDX-License-Identifier: Apache-2.0
//
// Displacements between points: the exact d^2 in float64, and a bound of it in float32 that knows the query's
// whole metric. Each kernel exists once per instruction set, and the best one is chosen when the program runs.
// Why the bound never drops a neighbour, rounding included, is proved in knn_search.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "spectral/knn/leaf_tree.hpp"

namespace k7::spectral {

/// What these kernels know about the space.
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
