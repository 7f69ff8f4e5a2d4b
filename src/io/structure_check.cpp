// SPDX-License-Identifier: Apache-2.0
#include "io/structure_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace k7::io {
namespace {

using geometry::dim;
using geometry::Structure;

constexpr int place(int c, int a, int b) {
  return (c * dim + a) * dim + b;
}

std::string entry(int c, int a, int b) {
  return fmt::format("row {}: entry [{}, {}, {}] is ", c, c, a, b);
}

/// How exact the numbers are, against the largest: those that float32 holds may have been rounded to it.
struct Tolerance {
  double antisymmetry;
  double jacobi;
};
Tolerance tolerance_of(const Structure& structure) {
  const bool is_single = std::all_of(structure.begin(), structure.end(), [](double x) {
    return static_cast<double>(static_cast<float>(x)) == x;
  });
  return is_single ? Tolerance{1e-6, 3e-6} : Tolerance{1e-8, 1e-9};
}

std::string finite_defect(const Structure& s) {
  for (int c = 0; c < dim; ++c)
    for (int a = 0; a < dim; ++a)
      for (int b = 0; b < dim; ++b) {
        const double x = s[place(c, a, b)];
        if (!std::isfinite(x))
          return entry(c, a, b) + (std::isnan(x) ? "NaN" : "infinite") + "; finite numbers are needed";
      }
  return {};
}

std::string antisymmetry_defect(const Structure& s, double tolerance) {
  for (int c = 0; c < dim; ++c)
    for (int a = 0; a < dim; ++a)
      for (int b = a; b < dim; ++b) {
        const double x = s[place(c, a, b)];
        const double swapped = s[place(c, b, a)];
        if (std::abs(x + swapped) > tolerance)
          return entry(c, a, b) +
                 fmt::format(
                     "{:g}, but the entry with a and b swapped is {:g}; C[c, a, b] = -C[c, b, a] is needed",
                     x, swapped);
      }
  return {};
}

/// Component d of [E_a, [E_b, E_c]].
double nested_bracket(const Structure& s, int d, int a, int b, int c) {
  double sum = 0.0;
  for (int e = 0; e < dim; ++e) sum += s[place(d, a, e)] * s[place(e, b, c)];
  return sum;
}

/// @param s the structure constants in units of the largest
std::string jacobi_defect(const Structure& s, double tolerance) {
  for (int a = 0; a < dim; ++a)
    for (int b = a + 1; b < dim; ++b)
      for (int c = b + 1; c < dim; ++c)
        for (int d = 0; d < dim; ++d) {
          const double sum =
              nested_bracket(s, d, a, b, c) + nested_bracket(s, d, b, c, a) + nested_bracket(s, d, c, a, b);
          if (std::abs(sum) > tolerance)
            return fmt::format(
                "the Jacobi identity fails for E_{0}, E_{1}, E_{2}: component {3} of [E_{0}, [E_{1}, E_{2}]] "
                "+ "
                "[E_{1}, [E_{2}, E_{0}]] + [E_{2}, [E_{0}, E_{1}]] is {4:g} times the square of the largest "
                "entry; 0 "
                "is needed",
                a, b, c, d, sum);
        }
  return {};
}

}  // namespace

std::string structure_defect(const Structure& structure) {
  std::string defect = finite_defect(structure);
  if (!defect.empty()) return defect;
  double largest = 0.0;
  for (const double x : structure) largest = std::max(largest, std::abs(x));
  if (largest == 0.0) return {};
  const Tolerance tolerance = tolerance_of(structure);
  defect = antisymmetry_defect(structure, tolerance.antisymmetry * largest);
  if (!defect.empty()) return defect;
  Structure in_units = structure;
  for (double& x : in_units) x /= largest;
  return jacobi_defect(in_units, tolerance.jacobi);
}

}  // namespace k7::io
