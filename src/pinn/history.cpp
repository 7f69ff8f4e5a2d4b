// SPDX-License-Identifier: Apache-2.0
#include "pinn/history.hpp"

#include <cstdio>

namespace k7::pinn {

const std::array<const char*, History::n_columns>& History::columns() {
  static const std::array<const char*, n_columns> names{"loss",   "torsion",  "det", "norm",
                                                        "smooth", "det_mean", "lr",  "grad_norm"};
  return names;
}

std::string History::csv() const {
  std::string text = "epoch";
  for (const char* name : columns()) text += std::string(",") + name;
  text += '\n';
  std::array<char, 32> number{};
  for (std::size_t epoch = 0; epoch < rows.size(); ++epoch) {
    text += std::to_string(epoch);
    for (const double value : rows[epoch]) {
      std::snprintf(number.data(), number.size(), ",%.17g", value);
      text += number.data();
    }
    text += '\n';
  }
  return text;
}

}  // namespace k7::pinn
