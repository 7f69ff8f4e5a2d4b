// SPDX-License-Identifier: Apache-2.0
// The manifolds that make_manifold chooses from, one source file each.
#pragma once

#include "k7/geometry/manifold.hpp"

namespace k7::geometry {

/// How a coordinate manifold draws its points.
enum class CoordinateSampler { none, torus, notebook_chart };

std::unique_ptr<Manifold> make_coordinate_manifold(const std::string& name, const Periods& periods,
                                                   CoordinateSampler sampler);
std::unique_ptr<Manifold> make_neck_manifold();

}  // namespace k7::geometry
