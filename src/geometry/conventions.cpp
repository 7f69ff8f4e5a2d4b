// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/conventions.hpp"

#include <algorithm>

namespace k7::geometry {

const std::array<Triple, n_phi>& three_form_indices() {
  static const auto table = [] {
    std::array<Triple, n_phi> t{};
    int n = 0;
    for (int i = 0; i < dim; ++i)
      for (int j = i + 1; j < dim; ++j)
        for (int k = j + 1; k < dim; ++k) t[n++] = {i, j, k};
    return t;
  }();
  return table;
}

SignedIndex three_form_index(int i, int j, int k) {
  if (i == j || j == k || i == k) return {0, 0};
  Triple t{i, j, k};
  int sign = 1;
  const auto order = [&sign](int& a, int& b) {
    if (a > b) {
      std::swap(a, b);
      sign = -sign;
    }
  };
  order(t[0], t[1]);
  order(t[1], t[2]);
  order(t[0], t[1]);
  const auto& table = three_form_indices();
  const auto it = std::lower_bound(table.begin(), table.end(), t);
  return {static_cast<int>(it - table.begin()), sign};
}

const std::array<double, n_phi>& standard_form() {
  static const auto form = [] {
    constexpr std::array<Triple, 7> fano_lines_1_based{
        {{1, 2, 4}, {2, 3, 5}, {3, 4, 6}, {4, 5, 7}, {5, 6, 1}, {6, 7, 2}, {7, 1, 3}}};
    std::array<double, n_phi> f{};
    for (const auto& line : fano_lines_1_based) {
      const auto s = three_form_index(line[0] - 1, line[1] - 1, line[2] - 1);
      f[s.index] = s.sign;
    }
    return f;
  }();
  return form;
}

}  // namespace k7::geometry
