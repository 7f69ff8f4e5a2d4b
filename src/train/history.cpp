// SPDX-License-Identifier: Apache-2.0
#include "train/history.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

#include "k7/base/error.hpp"

namespace k7::train {
namespace {

std::optional<std::size_t> place_of(const std::string& name, const std::vector<std::string>& columns) {
  const auto it = std::find(columns.begin(), columns.end(), name);
  if (it == columns.end()) return {};
  return static_cast<std::size_t>(it - columns.begin());
}

}  // namespace

History History::arranged(const std::vector<std::string>& order, bool may_lack) const {
  std::vector<std::optional<std::size_t>> from;
  for (const auto& name : order) {
    from.push_back(place_of(name, columns));
    if (!from.back() && !may_lack) throw InputError("/history/" + name + ": is missing");
  }
  History result{order, {}};
  for (const auto& row : rows) {
    std::vector<double> values;
    values.reserve(from.size());
    for (const auto& column : from) values.push_back(column ? row[*column] : std::nan(""));
    result.rows.push_back(std::move(values));
  }
  return result;
}

double History::last(const std::string& column) const {
  const auto place = place_of(column, columns);
  if (!place) throw Error(Fault::internal, "the history has no column " + column);
  return rows.back()[*place];
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
