// SPDX-License-Identifier: Apache-2.0
// Quadrature rules against integrals in closed form: exact up to the degree that they state, and no further.
#include "k7/geometry/quadrature_rule.hpp"

#include <cmath>
#include <complex>
#include <functional>

#include "k7/geometry/manifold.hpp"
#include "test_data.hpp"

namespace k7::geometry {
namespace {

constexpr double rounding = 1e-14;  // of up to 120 terms and powers up to 12

double double_factorial(int n) {
  double product = 1.0;
  for (; n > 1; n -= 2) product *= n;
  return product;
}

/// Mean of w^a x^b y^c z^d over the unit 3-sphere: prod (a_i - 1)!! / (4 6 ... (2 + |a|)), 0 for odd powers.
double mean_on_sphere(const std::array<int, 4>& powers) {
  double mean = 1.0;
  int sum = 0;
  for (const int p : powers) {
    if (p % 2 != 0) return 0.0;
    mean *= double_factorial(p - 1);
    sum += p;
  }
  for (int d = 4; d < 4 + sum; d += 2) mean /= d;
  return mean;
}

/// The largest error of a sphere rule over all monomials of a degree.
double error_on_sphere(const FactorRule& rule, int degree) {
  double worst = 0.0;
  for (int a = 0; a <= degree; ++a)
    for (int b = 0; a + b <= degree; ++b)
      for (int c = 0; a + b + c <= degree; ++c) {
        const std::array<int, 4> powers{a, b, c, degree - a - b - c};
        double sum = 0.0;
        for (std::size_t i = 0; i < rule.size(); ++i) {
          double product = rule.weights[i];
          for (std::size_t n = 0; n < 4; ++n) product *= std::pow(rule.nodes[4 * i + n], powers[n]);
          sum += product;
        }
        worst = std::max(worst, std::abs(sum / (2.0 * pi * pi) - mean_on_sphere(powers)));
      }
  return worst;
}

std::array<double, 4> unit(double w, double x, double y, double z) {
  const double norm = std::sqrt(w * w + x * x + y * y + z * z);
  return {w / norm, x / norm, y / norm, z / norm};
}

TEST(QuadratureRule, spheres_are_exact_up_to_their_degree_however_they_are_turned) {
  const std::array<std::size_t, 3> sizes{24, 48, 120};
  const std::array<int, 3> degrees{5, 7, 11};
  for (const auto& turn : {unit(1, 0, 0, 0), unit(0.3, -0.5, 0.7, 0.2), unit(-1, 2, 3, -5)})
    for (std::size_t r = 0; r < sizes.size(); ++r) {
      const FactorRule rule = sphere_rule(degrees[r], turn);
      EXPECT_EQ(rule.size(), sizes[r]);
      for (int degree = 0; degree <= degrees[r]; ++degree)
        EXPECT_LT(error_on_sphere(rule, degree), rounding) << sizes[r] << " nodes, degree " << degree;
      EXPECT_GT(error_on_sphere(rule, degrees[r] + 1), 1e-5) << sizes[r];
    }
}

TEST(QuadratureRule, spheres_have_the_degree_that_was_asked_for) {
  for (int degree = 0; degree <= most_sphere_degree; ++degree) {
    const FactorRule rule = sphere_rule(degree, unit(1, 2, 3, 4));
    for (int d = 0; d <= degree; ++d) EXPECT_LT(error_on_sphere(rule, d), rounding) << degree;
  }
}

TEST(QuadratureRule, circles_are_exact_below_the_number_of_nodes) {
  for (const int n : {1, 2, 7, 16}) {
    const FactorRule rule = circle_rule(-1.0, 3.0, n, 0.382);
    ASSERT_EQ(rule.size(), static_cast<std::size_t>(n));
    for (int frequency = 0; frequency <= n; ++frequency) {
      std::complex<double> sum = 0.0;
      for (std::size_t i = 0; i < rule.size(); ++i) {
        EXPECT_TRUE(rule.nodes[i] >= -1.0 && rule.nodes[i] < 2.0);
        sum += rule.weights[i] * std::polar(1.0, 2.0 * pi * frequency * rule.nodes[i] / 3.0);
      }
      const double exact = frequency == 0 ? 3.0 : 0.0;
      if (frequency < n)
        EXPECT_NEAR(std::abs(sum - exact), 0.0, 1e-13) << n << " nodes, frequency " << frequency;
      else
        EXPECT_NEAR(std::abs(sum), 3.0, 1e-13) << "the rule cannot tell it from 0";
    }
  }
}

TEST(QuadratureRule, intervals_have_their_ends_and_are_exact_up_to_degree_2n_minus_3) {
  for (const int n : {2, 3, 8, 27}) {
    const FactorRule rule = interval_rule(1.25, 1.25, n);
    ASSERT_EQ(rule.size(), static_cast<std::size_t>(n));
    EXPECT_EQ(rule.nodes.front(), 1.25);
    EXPECT_EQ(rule.nodes.back(), 2.5);
    for (int degree = 0; degree <= 2 * n - 2; ++degree) {
      double sum = 0.0;
      for (std::size_t i = 0; i < rule.size(); ++i) {
        EXPECT_GT(rule.weights[i], 0.0);
        // Legendre's would be better conditioned; Chebyshev's integrals are known as well.
        sum += rule.weights[i] *
               std::cos(degree * std::acos(std::clamp((rule.nodes[i] - 1.875) / 0.625, -1.0, 1.0)));
      }
      const double exact = degree % 2 != 0 ? 0.0 : 1.25 / (1.0 - degree * degree);
      if (degree <= 2 * n - 3)
        EXPECT_NEAR(sum, exact, 1e-14) << n << " nodes, degree " << degree;
      else
        EXPECT_GT(std::abs(sum - exact), 1e-4 / n) << n << " nodes, degree " << degree;
    }
  }
}

/// Calls f for every vector of whole numbers with |m_1| + ... + |m_7| <= degree whose first entry that is not 0 is
/// positive: m and -m have the same integral.
void for_frequencies(int degree, std::array<std::int64_t, dim>& m, std::size_t place,
                     const std::function<void()>& f) {
  if (place == dim) {
    f();
    return;
  }
  bool is_first = true;
  for (std::size_t i = 0; i < place; ++i) is_first = is_first && m[i] == 0;
  for (int entry = is_first ? 0 : -degree; entry <= degree; ++entry) {
    m[place] = entry;
    for_frequencies(degree - std::abs(entry), m, place + 1, f);
  }
  m[place] = 0;
}

TEST(QuadratureRule, lattices_are_exact_for_every_frequency_up_to_their_degree) {
  const Form1 shift{0.1, 0.7, 0.3, 0.9, 0.5, 0.2, 0.4};
  Form1 periods{};
  periods.fill(2.0);
  for (int degree = 1; degree <= most_lattice_degree; ++degree) {
    const FactorRule rule = lattice_rule(periods, degree, shift);
    const auto n = static_cast<std::int64_t>(rule.size());
    // Node k is shift + k z / n: z is what node 1 is away from node 0, and all others follow.
    std::array<std::int64_t, dim> z{};
    for (std::size_t i = 0; i < dim; ++i)
      z[i] = std::llround((rule.nodes[dim + i] - rule.nodes[i]) / 2.0 * static_cast<double>(n));
    for (std::int64_t k = 0; k < n; ++k)
      for (std::size_t i = 0; i < dim; ++i) {
        double x = shift[i] + static_cast<double>(k * z[i] % n) / static_cast<double>(n);
        x -= rule.nodes[static_cast<std::size_t>(k) * dim + i] / 2.0;
        ASSERT_NEAR(x, std::nearbyint(x), 1e-12) << degree;
      }
    std::array<std::int64_t, dim> m{};
    std::int64_t n_aliases = 0;
    for_frequencies(degree, m, 0, [&] {
      std::int64_t product = 0;
      bool is_zero = true;
      for (std::size_t i = 0; i < dim; ++i) {
        product += m[i] * z[i];
        is_zero = is_zero && m[i] == 0;
      }
      if (!is_zero && product % n == 0) ++n_aliases;
    });
    EXPECT_EQ(n_aliases, 0) << "degree " << degree << ", " << n << " nodes";
  }
}

TEST(QuadratureRule, weights_of_a_manifold_add_up_to_its_volume_and_copies_differ) {
  for (const std::string name : {"s1xs3xs3", "torus7", "interval-s3xs3"}) {
    const auto manifold = make_manifold(name);
    RuleRequest request;
    request.degrees.fill(4);
    std::vector<std::vector<double>> first_nodes;
    for (request.copy = 0; request.copy < 3; ++request.copy) {
      const QuadratureRule rule = manifold->quadrature(request);
      ASSERT_GT(rule.size(), 0) << name;
      for (const int degree : rule.exactness().degrees) EXPECT_GE(degree, 4);
      std::vector<double> point(static_cast<std::size_t>(manifold->point_size()));
      double volume = 0.0;
      for (GlobalIndex i = 0; i < rule.size(); ++i) {
        volume += rule.node(i, point.data());
        ASSERT_EQ(manifold->point_defect(point.data()), "") << name;
      }
      EXPECT_NEAR(volume, manifold->frame_volume(), 1e-12 * volume) << name;
      for (const auto& other : first_nodes) EXPECT_NE(point, other) << name;
      first_nodes.push_back(point);
    }
  }
  for (const std::string name : {"notebook-chart", "euclidean"})
    EXPECT_EQ(make_manifold(name)->quadrature({}).size(), 0) << name;
}

}  // namespace
}  // namespace k7::geometry
