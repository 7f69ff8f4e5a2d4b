// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace k7 {

using GlobalIndex = std::int64_t;  ///< counts points, rows and edges of the whole job

}  // namespace k7
