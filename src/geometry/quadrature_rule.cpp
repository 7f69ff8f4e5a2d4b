// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/quadrature_rule.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "geometry/quaternion.hpp"

namespace k7::geometry {
namespace {

/// Legendre polynomials P_n and P_{n-1} at x, by Bonnet's recurrence.
std::pair<double, double> legendre(int n, double x) {
  double before = 1.0;
  double p = x;
  for (int k = 2; k <= n; ++k) before = std::exchange(p, ((2 * k - 1) * x * p - (k - 1) * before) / k);
  return {p, before};
}

/// The 24 Hurwitz units: +-1, +-i, +-j, +-k, and all (+-1 +- i +- j +- k) / 2.
std::vector<Quaternion> hurwitz_units() {
  std::vector<Quaternion> units;
  for (std::size_t i = 0; i < 4; ++i)
    for (const double sign : {1.0, -1.0}) {
      Quaternion q{};
      q[i] = sign;
      units.push_back(q);
    }
  for (unsigned signs = 0; signs < 16; ++signs) {
    Quaternion q{};
    for (std::size_t i = 0; i < 4; ++i) q[i] = (signs >> i & 1U) != 0 ? 0.5 : -0.5;
    units.push_back(q);
  }
  return units;
}

/// Those of the octahedral group that are no Hurwitz units: all (+-1, +-1, 0, 0) / sqrt(2) and their permutations.
void add_octahedral(std::vector<Quaternion>& units) {
  const double half = std::sqrt(0.5);
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = i + 1; j < 4; ++j)
      for (const double a : {half, -half})
        for (const double b : {half, -half}) {
          Quaternion q{};
          q[i] = a;
          q[j] = b;
          units.push_back(q);
        }
}

/// Those of the icosahedral group that are no Hurwitz units: the even permutations of (+-g, +-1, +-1/g, 0) / 2, g the
/// golden ratio.
void add_icosahedral(std::vector<Quaternion>& units) {
  const double golden = 0.5 * (1.0 + std::sqrt(5.0));
  const Quaternion lengths{0.5 * golden, 0.5, 0.5 / golden, 0.0};
  std::array<std::size_t, 4> place{0, 1, 2, 3};
  do {
    int inversions = 0;
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t j = i + 1; j < 4; ++j) inversions += place[i] > place[j] ? 1 : 0;
    if (inversions % 2 != 0) continue;
    for (unsigned signs = 0; signs < 8; ++signs) {
      Quaternion q{};
      for (std::size_t i = 0; i < 4; ++i) q[place[i]] = (signs >> i & 1U) != 0 ? -lengths[i] : lengths[i];
      units.push_back(q);
    }
  } while (std::next_permutation(place.begin(), place.end()));
}

struct Lattice {
  int degree;
  int n;
  int generator;
};
// Found by search among all n and generators: the fewest nodes that leave out no frequency.
constexpr std::array<Lattice, 10> lattices{{{2, 17, 3},
                                            {3, 32, 3},
                                            {4, 179, 77},
                                            {5, 326, 17},
                                            {6, 1011, 52},
                                            {7, 2022, 79},
                                            {8, 6563, 240},
                                            {9, 12044, 157},
                                            {10, 30101, 5887},
                                            {11, 60000, 323}}};
static_assert(lattices.back().degree == most_lattice_degree, "the table goes up to it");

}  // namespace

FactorRule circle_rule(double begin, double length, int n, double shift) {
  FactorRule rule;
  for (int i = 0; i < n; ++i) rule.nodes.push_back(begin + length * (i + shift) / n);
  rule.weights.assign(static_cast<std::size_t>(n), length / n);
  return rule;
}

FactorRule interval_rule(double begin, double length, int n) {
  FactorRule rule;
  const int degree = n - 1;
  for (int i = 0; i < n; ++i) {
    double x = -std::cos(pi * i / degree);  // close to the root of P'_{n-1}
    constexpr int most_steps = 50;
    for (int step = 0; step < most_steps; ++step) {
      const auto [p, before] = legendre(degree, x);
      const double change = (x * p - before) / (n * p);
      x -= change;
      if (std::abs(change) < 1e-16) break;
    }
    if (i == 0) x = -1.0;
    if (i == degree) x = 1.0;
    const double p = legendre(degree, x).first;
    rule.nodes.push_back(begin + 0.5 * length * (1.0 + x));
    rule.weights.push_back(length / (n * degree * p * p));
  }
  return rule;
}

FactorRule sphere_rule(int degree, const Quaternion& turn) {
  std::vector<Quaternion> units = hurwitz_units();
  if (degree > 7)
    add_icosahedral(units);
  else if (degree > 5)
    add_octahedral(units);
  FactorRule rule;
  rule.n_numbers = 4;
  for (const Quaternion& unit : units) {
    const Quaternion q = multiply(turn, unit);
    rule.nodes.insert(rule.nodes.end(), q.begin(), q.end());
  }
  rule.weights.assign(units.size(), 2.0 * pi * pi / static_cast<double>(units.size()));
  return rule;
}

FactorRule lattice_rule(const std::array<double, dim>& periods, int degree,
                        const std::array<double, dim>& shift) {
  const auto [exact, n, generator] = *std::find_if(lattices.begin(), lattices.end() - 1,
                                                   [&](const Lattice& l) { return l.degree >= degree; });
  FactorRule rule;
  rule.n_numbers = dim;
  double volume = 1.0;
  for (const double period : periods) volume *= period;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t step = k;
    for (std::size_t i = 0; i < dim; ++i) {
      const double x = static_cast<double>(step) / n + shift[i];
      rule.nodes.push_back(periods[i] * (x - std::floor(x)));
      step = step * generator % n;
    }
  }
  rule.weights.assign(static_cast<std::size_t>(n), volume / n);
  return rule;
}

QuadratureRule::QuadratureRule(std::vector<FactorRule> factors, const Exactness& exactness)
    : factors_(std::move(factors)), size_(1), exactness_(exactness) {
  for (const FactorRule& factor : factors_) size_ *= static_cast<GlobalIndex>(factor.size());
}

double QuadratureRule::node(GlobalIndex i, double* point) const {
  double weight = 1.0;
  for (const FactorRule& factor : factors_) {
    const auto n = static_cast<GlobalIndex>(factor.size());
    const auto which = static_cast<std::size_t>(i % n);
    i /= n;
    point = std::copy_n(factor.nodes.data() + which * static_cast<std::size_t>(factor.n_numbers),
                        factor.n_numbers, point);
    weight *= factor.weights[which];
  }
  return weight;
}

}  // namespace k7::geometry
