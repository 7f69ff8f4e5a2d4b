// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace k7::train {

/// One row per epoch; loss terms are those of the epoch's batch before its step, lr that of the next epoch
/// (as the notebook records it), grad_norm before clipping, validation what the best is judged by, as of the
/// last time that it was computed.
struct History {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;

  /// The same rows with the columns in another order.
  /// @param may_lack columns that are not there are filled with NaN
  /// @throws InputError naming a column that is not there
  History arranged(const std::vector<std::string>& order, bool may_lack = false) const;

  /// A number of the last row. @throws Error for a column that is not there
  double last(const std::string& column) const;

  /// CSV with a header line; numbers with 17 digits, so that they read back to the same bits.
  std::string csv() const;
};

}  // namespace k7::train
