// SPDX-License-Identifier: Apache-2.0
// Structure constants of frames pass in any basis, any units and either precision; what is off by little does not.
#include "io/structure_check.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "k7/geometry/three_form.hpp"

namespace k7::io {
namespace {

using geometry::dim;
using geometry::Matrix7;
using geometry::Structure;

double& at(Structure& s, int c, int a, int b) {
  return s[static_cast<std::size_t>((c * dim + a) * dim + b)];
}

/// [E_a, E_b] = x E_c, and [E_b, E_a] = -x E_c.
void set(Structure& s, int c, int a, int b, double x) {
  at(s, c, a, b) = x;
  at(s, c, b, a) = -x;
}

/// R + su(2) + su(2).
Structure product() {
  Structure s{};
  for (const int first : {1, 4})
    for (int i = 0; i < 3; ++i) set(s, first + i, first + (i + 1) % 3, first + (i + 2) % 3, 2.0);
  return s;
}

/// [E_i, E_0] = n_i E_i + E_{i-1}: of a solvable group.
Structure solvable() {
  Structure s{};
  for (int i = 1; i < dim; ++i) {
    set(s, i, i, 0, 0.3 * i);
    if (i > 1) set(s, i - 1, i, 0, 1.0);
  }
  return s;
}

/// The structure constants of the frame A_ab E_b.
Structure in_basis(Structure s, const Matrix7& a) {
  const Matrix7 inverse = a.inverse();
  Structure result{};
  for (int c = 0; c < dim; ++c)
    for (int i = 0; i < dim; ++i)
      for (int j = 0; j < dim; ++j)
        for (int e = 0; e < dim; ++e)
          for (int k = 0; k < dim; ++k)
            for (int l = 0; l < dim; ++l)
              at(result, c, i, j) += at(s, e, k, l) * a(i, k) * a(j, l) * inverse(e, c);
  return result;
}

Structure times(Structure s, double factor) {
  for (double& x : s) x *= factor;
  return s;
}

/// Random frames of three groups.
std::vector<Structure> frames() {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> number(-1.0, 1.0);
  std::vector<Structure> result{Structure{}, product(), solvable()};
  for (int i = 0; i < 20; ++i) {
    const Matrix7 a = Matrix7::Identity() * 2.0 + Matrix7::NullaryExpr([&] { return number(random); });
    result.push_back(in_basis(i % 2 == 0 ? product() : solvable(), a));
  }
  return result;
}

TEST(StructureCheck, frames_pass_in_any_basis_and_units) {
  for (const Structure& s : frames())
    for (int power = -300; power <= 300; power += 20)
      EXPECT_EQ(structure_defect(times(s, std::pow(10.0, power))), "") << power;
}

TEST(StructureCheck, frames_pass_in_float32) {
  for (Structure s : frames()) {
    for (double& x : s) {
      const volatile float rounded = static_cast<float>(x);  // GCC 12 at -O3 leaves some entries as they were
      x = rounded;
    }
    EXPECT_EQ(structure_defect(s), "");
  }
}

TEST(StructureCheck, small_violations_are_found_in_any_units) {
  for (int power = -300; power <= 300; power += 20) {
    Structure s = product();
    set(s, 1, 2, 5, 1e-7);  // [E_2, E_5] is 0 in the product
    EXPECT_NE(structure_defect(times(s, std::pow(10.0, power))).find("Jacobi"), std::string::npos) << power;
    s = product();
    at(s, 3, 1, 2) *= 1.0 + 1e-7;
    EXPECT_NE(structure_defect(times(s, std::pow(10.0, power))).find("[3, 1, 2]"), std::string::npos)
        << power;
  }
}

TEST(StructureCheck, messages_name_indices) {
  Structure s{};
  set(s, 3, 0, 1, 1.0);
  set(s, 4, 3, 2, 0.5);  // [E_2, [E_0, E_1]] = -E_4 / 2
  EXPECT_EQ(
      structure_defect(s),
      "the Jacobi identity fails for E_0, E_1, E_2: component 4 of [E_0, [E_1, E_2]] + [E_1, [E_2, E_0]] + "
      "[E_2, [E_0, E_1]] is -0.5 times the square of the largest entry; 0 is needed");
  s = product();
  at(s, 6, 3, 3) = 1.0;
  EXPECT_EQ(structure_defect(s).rfind("row 6: entry [6, 3, 3] is 1, but", 0), 0U) << structure_defect(s);
  at(s, 5, 0, 1) = std::numeric_limits<double>::infinity();
  EXPECT_EQ(structure_defect(s), "row 5: entry [5, 0, 1] is infinite; finite numbers are needed");
}

}  // namespace
}  // namespace k7::io
