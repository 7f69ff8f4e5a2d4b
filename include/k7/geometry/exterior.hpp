// SPDX-License-Identifier: Apache-2.0
//
// Index tables of p-forms in seven dimensions. An index set I = (i_1 < ... < i_p) is kept as a bit mask.
#pragma once

#include <vector>

#include "k7/geometry/conventions.hpp"

namespace k7::geometry {

using IndexMask = unsigned;  ///< bit i set: i is in the set

/// The index sets of p-forms in lexicographic order of their sorted indices, C(7,p) of them; 0 <= p <= 7.
const std::vector<IndexMask>& form_masks(int p);

/// Position of a set among those with as many members.
int form_position(IndexMask set);

/// The sign of e^I ^ e^J = sign e^{I u J}; 0 when they share an index.
int wedge_sign(IndexMask i, IndexMask j);

/// One entry of a constant linear map between components; a map has at most one for each (to, from).
struct MapEntry {
  int to;
  int from;
  double value;
};
using LinearMap = std::vector<MapEntry>;

/// The part of d on p-forms that differentiates components: (d a)_K = sum over entries (to = K) of
/// value (E_i a_I), from = i C(7,p) + I.
LinearMap derivative_map(int p);

/// The part of d on p-forms that comes from the coframe, (d a)_K += value a_I: d e^I by the Leibniz rule.
/// @param structure C[c][a][b], 343 numbers
LinearMap structure_map(int p, const double* structure);

/// e^I -> the sign of e^I ^ e^J, J the complement of I: the Hodge star of an orthonormal coframe with
/// orientation e^{0..6}, (7-p)-forms from p-forms.
LinearMap complement_map(int p);

}  // namespace k7::geometry
