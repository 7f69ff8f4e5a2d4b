// SPDX-License-Identifier: Apache-2.0
// The manifolds that make_manifold chooses from, one source file each.
#pragma once

#include "k7/geometry/manifold.hpp"

namespace k7::geometry {

/// How a coordinate manifold draws its points.
enum class CoordinateSampler { none, torus, notebook_chart };

/// @throws InputError unless the periods are finite and not negative
std::unique_ptr<Manifold> make_coordinate_manifold(const std::string& name, const Periods& periods,
                                                   CoordinateSampler sampler);
/// @throws InputError unless the radii are positive and finite
std::unique_ptr<Manifold> make_neck_manifold(const std::array<double, 3>& radii);
/// @throws InputError unless 1 < interval[0] < interval[1], both finite
std::unique_ptr<Manifold> make_interval_manifold(const std::array<double, 2>& interval);

}  // namespace k7::geometry
