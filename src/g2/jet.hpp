// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "g2/torch.hpp"

namespace k7::g2 {

/// A function's values and their derivatives along the frame E_0..E_6.
struct Jet {
  at::Tensor value;        ///< (n, ...)
  at::Tensor derivatives;  ///< (n, 7, ...), or (n, 0, ...) where only values are wanted

  /// The same values without derivatives.
  Jet value_only() const { return {value, derivatives.narrow(1, 0, 0)}; }
};

}  // namespace k7::g2
