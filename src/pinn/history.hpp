// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <vector>

namespace k7::pinn {

/// One row per epoch; loss terms are those of the epoch's batch before its step, lr that of the next epoch
/// (as the notebook records it), grad_norm before clipping.
struct History {
  static constexpr int n_columns = 8;
  static const std::array<const char*, n_columns>& columns();
  enum Column { loss, torsion, det, norm, smooth, det_mean, lr, grad_norm };

  std::vector<std::array<double, n_columns>> rows;

  /// CSV with a header line; numbers with 17 digits, so that they read back to the same bits.
  std::string csv() const;
};

}  // namespace k7::pinn
