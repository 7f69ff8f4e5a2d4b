// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/exterior.hpp"

#include <algorithm>
#include <array>
#include <bitset>

namespace k7::geometry {
namespace {

constexpr IndexMask all_indices = (1U << dim) - 1;

int member_count(IndexMask set) {
  return static_cast<int>(std::bitset<dim>(set).count());
}

int form_size(int p) {
  return static_cast<int>(form_masks(p).size());
}

// Two sets of equal size differ first, in sorted order, at the smallest index that only one of them has.
bool lexicographically_before(IndexMask i, IndexMask j) {
  const IndexMask difference = i ^ j;
  const IndexMask lowest = difference & (~difference + 1U);
  return (i & lowest) != 0;
}

// The components of d e^c = -(1/2) C^c_ab e^a ^ e^b.
std::array<std::array<double, n_two>, dim> coframe_derivatives(const double* structure) {
  std::array<std::array<double, n_two>, dim> d{};
  for (int c = 0; c < dim; ++c) {
    const double* constants = structure + c * dim * dim;
    int position = 0;
    for (int a = 0; a < dim; ++a)
      for (int b = a + 1; b < dim; ++b)
        d[c][position++] = -0.5 * (constants[a * dim + b] - constants[b * dim + a]);
  }
  return d;
}

}  // namespace

const std::vector<IndexMask>& form_masks(int p) {
  static const auto tables = [] {
    std::array<std::vector<IndexMask>, dim + 1> t;
    for (IndexMask set = 0; set <= all_indices; ++set) t[member_count(set)].push_back(set);
    for (auto& sets : t) std::sort(sets.begin(), sets.end(), lexicographically_before);
    return t;
  }();
  return tables.at(p);
}

int form_position(IndexMask set) {
  static const auto positions = [] {
    std::array<int, all_indices + 1> t{};
    for (int p = 0; p <= dim; ++p)
      for (int n = 0; n < form_size(p); ++n) t[form_masks(p)[n]] = n;
    return t;
  }();
  return positions.at(set);
}

int wedge_sign(IndexMask i, IndexMask j) {
  if ((i & j) != 0) return 0;
  int inversions = 0;  // pairs a in I, b in J with a > b: shifted down by a - b, a lies on b
  for (IndexMask shifted = i >> 1; shifted != 0; shifted >>= 1) inversions += member_count(shifted & j);
  return inversions % 2 == 0 ? 1 : -1;
}

LinearMap derivative_map(int p) {
  LinearMap map;
  for (int i = 0; i < dim; ++i)
    for (const IndexMask set : form_masks(p)) {
      const IndexMask direction = 1U << i;
      const int sign = wedge_sign(direction, set);
      if (sign != 0)
        map.push_back({form_position(direction | set), i * form_size(p) + form_position(set),
                       static_cast<double>(sign)});
    }
  return map;
}

LinearMap structure_map(int p, const double* structure) {
  LinearMap map;
  if (p == dim) return map;
  const auto d_coframe = coframe_derivatives(structure);
  std::vector<double> column(form_masks(p + 1).size());  // d e^I; several c may reach the same component
  for (const IndexMask set : form_masks(p)) {
    std::fill(column.begin(), column.end(), 0.0);
    // e^I = sign e^c ^ e^rest for each c in I, and the 2-form d e^c takes the place of e^c.
    for (int c = 0; c < dim; ++c) {
      const IndexMask member = 1U << c;
      if ((set & member) == 0) continue;
      const IndexMask rest = set & ~member;
      for (const IndexMask pair : form_masks(2)) {
        const int sign = wedge_sign(member, rest) * wedge_sign(pair, rest);
        if (sign != 0) column[form_position(pair | rest)] += sign * d_coframe[c][form_position(pair)];
      }
    }
    for (int to = 0; to < form_size(p + 1); ++to)
      if (column[to] != 0.0) map.push_back({to, form_position(set), column[to]});
  }
  return map;
}

LinearMap complement_map(int p) {
  LinearMap map;
  for (const IndexMask set : form_masks(p)) {
    const IndexMask complement = all_indices & ~set;
    map.push_back(
        {form_position(complement), form_position(set), static_cast<double>(wedge_sign(set, complement))});
  }
  return map;
}

}  // namespace k7::geometry
