// SPDX-License-Identifier: Apache-2.0
#include "train/history.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "k7/base/error.hpp"

namespace k7::train {

History History::arranged(const std::vector<std::string>& order) const {
  std::vector<std::size_t> from;
  for (const auto& name : order) {
    const auto it = std::find(columns.begin(), columns.end(), name);
    if (it == columns.end()) throw InputError("/history/" + name + ": is missing");
    from.push_back(static_cast<std::size_t>(it - columns.begin()));
  }
  History result{order, {}};
  for (const auto& row : rows) {
    std::vector<double> values;
    values.reserve(from.size());
    for (const auto column : from) values.push_back(row[column]);
    result.rows.push_back(std::move(values));
  }
  return result;
}

std::string History::csv() const {
  std::string text = "epoch";
  for (const auto& name : columns) text += "," + name;
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

}  // namespace k7::train
