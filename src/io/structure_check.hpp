// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "k7/geometry/g2_structure.hpp"

namespace k7::io {

/// What keeps numbers from being the structure constants of a frame, C[c, a, b] with [E_a, E_b] = C[c, a, b] E_c;
/// empty where nothing does. They are finite, antisymmetric in a and b, and satisfy the Jacobi identity, up to
/// rounding of the largest of them.
std::string structure_defect(const geometry::Structure& structure);

}  // namespace k7::io
