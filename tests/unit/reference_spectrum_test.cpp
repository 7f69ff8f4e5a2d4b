// SPDX-License-Identifier: Apache-2.0
// Reference spectra against exact and 50-digit eigenvalues, and against what holds for every metric.
#include <Eigen/Eigenvalues>
#include <Eigen/Geometry>
#include <complex>

#include "k7/base/error.hpp"
#include "k7/geometry/manifold.hpp"
#include "test_data.hpp"

namespace k7::geometry {
namespace {

constexpr double tolerance = 1e-10;

/// Largest |a - b| / max(|b|, lambda_1): relative, and lambda_0 = 0 on the scale of lambda_1.
double error_of(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  const double lambda1 = *std::find_if(b.begin(), b.end(), [](double v) { return v > 0.0; });
  double worst = 0.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i]) / std::max(b[i], lambda1));
  return worst;
}

/// A metric that couples all seven directions.
Matrix7 coupled_metric() {
  Matrix7 a;
  for (int i = 0; i < dim; ++i)
    for (int j = 0; j < dim; ++j)
      a(i, j) = (i == j ? 1.0 + 0.1 * i : 0.0) + 0.3 * std::sin(3.0 * i + 5.0 * j + 1.0);
  return a.transpose() * a;
}

TEST(ReferenceSpectrum, golden_metrics_have_every_eigenvalue_with_its_multiplicity) {
  const auto file = test::g2_fields();
  const auto names = file.list("spectra");
  EXPECT_EQ(names.size(), 9U);
  for (const auto& name : names) {
    SCOPED_TRACE(name);
    const std::string group = "spectra/" + name;
    const Matrix7 g = Matrix7::Map(file.read(group + "/metric").data());
    const auto eigenvalue = file.read(group + "/eigenvalue");
    std::vector<std::int64_t> multiplicity(eigenvalue.size());
    file.read_rows(group + "/multiplicity", 0, multiplicity.size(), multiplicity.data());
    std::vector<double> expected;
    for (std::size_t i = 0; i < eigenvalue.size(); ++i)
      expected.insert(expected.end(), static_cast<std::size_t>(multiplicity[i]), eigenvalue[i]);
    const auto manifold = make_manifold(name == "torus_0" ? "torus7" : "s1xs3xs3");
    const auto spectrum = manifold->reference_spectrum(g, static_cast<int>(expected.size()));
    EXPECT_LE(error_of(spectrum, expected), tolerance);
    EXPECT_LE(error_of(manifold->reference_spectrum(g, 60), file.read(group + "/first60_with_multiplicity")),
              tolerance);
  }
}

TEST(ReferenceSpectrum, rotations_of_each_sphere_and_their_exchange_change_nothing) {
  // Automorphisms of the group, which neither the blocks nor the bound are written for.
  const auto neck = make_manifold("s1xs3xs3");
  const Matrix7 g = coupled_metric();
  const auto expected = neck->reference_spectrum(g, 300);
  Matrix7 rotation = Matrix7::Identity();
  const auto turn = [](double angle, double x, double y, double z) {
    return Eigen::AngleAxisd(angle, Eigen::Vector3d(x, y, z).normalized()).toRotationMatrix();
  };
  rotation.block<3, 3>(1, 1) = turn(1.1, 1.0, -2.0, 0.5);
  rotation.block<3, 3>(4, 4) = turn(2.3, -0.3, 0.4, 1.0);
  EXPECT_LE(error_of(neck->reference_spectrum(rotation.transpose() * g * rotation, 300), expected),
            tolerance);
  Matrix7 exchange = Matrix7::Zero();
  exchange(0, 0) = -1.0;
  exchange.block<3, 3>(1, 4).setIdentity();
  exchange.block<3, 3>(4, 1).setIdentity();
  EXPECT_LE(error_of(neck->reference_spectrum(exchange.transpose() * g * exchange, 300), expected),
            tolerance);
}

TEST(ReferenceSpectrum, radii_belong_to_the_learned_coframe_alone) {
  const Matrix7 g = coupled_metric();
  ManifoldParameters parameters;
  parameters.radii = {33.0, 33.0, 28.0};
  EXPECT_EQ(make_manifold("s1xs3xs3", parameters)->reference_spectrum(g, 50),
            make_manifold("s1xs3xs3")->reference_spectrum(g, 50));
}

TEST(ReferenceSpectrum, few_eigenvalues_are_the_first_of_many) {
  const Matrix7 g = coupled_metric();
  for (const auto* name : {"s1xs3xs3", "torus7"}) {
    const auto manifold = make_manifold(name);
    const auto many = manifold->reference_spectrum(g, 400);
    EXPECT_TRUE(std::is_sorted(many.begin(), many.end()));
    EXPECT_EQ(many.size(), 400U);
    for (const int count : {0, 1, 2, 7, 60}) {
      const auto few = manifold->reference_spectrum(g, count);
      ASSERT_EQ(few.size(), static_cast<std::size_t>(count));
      EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin())) << name << " " << count;
    }
  }
}

TEST(ReferenceSpectrum, thin_directions_do_not_hide_the_long_ones) {
  // lambda = n^2 / 900 up to n = 29 lies below every mode of the small spheres.
  const auto spectrum =
      make_manifold("s1xs3xs3")->reference_spectrum(round_product_metric(30.0, 0.7, 1.7), 59);
  std::vector<double> expected{0.0};
  for (int n = 1; n < 30; ++n) expected.insert(expected.end(), 2, n * n / 900.0);
  EXPECT_LE(error_of(spectrum, expected), tolerance);
}

TEST(ReferenceSpectrum, torus_of_other_periods_is_a_rescaled_one) {
  ManifoldParameters parameters;
  parameters.periods = Periods{1.0, 2.0, 6.3, 3.0, 4.0, 0.7, 5.0};
  const Matrix7 g = coupled_metric();
  Eigen::Matrix<double, dim, 1> ratio;
  for (int i = 0; i < dim; ++i) ratio(i) = (*parameters.periods)[i] / (2.0 * pi);
  const Matrix7 rescaled = ratio.asDiagonal() * g * ratio.asDiagonal();
  EXPECT_LE(error_of(make_manifold("torus7", parameters)->reference_spectrum(g, 200),
                     make_manifold("torus7")->reference_spectrum(rescaled, 200)),
            tolerance);
}

/// E_1, E_2, E_3 on the monomials z^(k-i) w^i, as differential operators: i(z d_w + w d_z), w d_z - z d_w,
/// i(z d_z - w d_w), so that [E_1, E_2] = 2 E_3. These matrices are not skew, but have the same eigenvalues.
std::array<Eigen::MatrixXcd, 3> derivatives(int k) {
  const std::complex<double> unit(0.0, 1.0);
  std::array<Eigen::MatrixXcd, 3> e;
  e.fill(Eigen::MatrixXcd::Zero(k + 1, k + 1));
  for (int i = 0; i <= k; ++i) {
    if (i > 0) {
      e[0](i - 1, i) += unit * static_cast<double>(i);
      e[1](i - 1, i) -= i;
    }
    if (i < k) {
      e[0](i + 1, i) += unit * static_cast<double>(k - i);
      e[1](i + 1, i) += k - i;
    }
    e[2](i, i) = unit * static_cast<double>(k - 2 * i);
  }
  return e;
}

Eigen::MatrixXcd product(const Eigen::MatrixXcd& a, const Eigen::MatrixXcd& b) {
  Eigen::MatrixXcd whole(a.rows() * b.rows(), a.cols() * b.cols());
  for (Eigen::Index i = 0; i < a.rows(); ++i)
    for (Eigen::Index j = 0; j < a.cols(); ++j)
      whole.block(i * b.rows(), j * b.cols(), b.rows(), b.cols()) = a(i, j) * b;
  return whole;
}

/// A metric that couples directions. The frequencies m outside of a box |m_a| <= size have values of at least
/// least (size + 1)^2.
struct Coupled {
  Matrix7 g = coupled_metric();
  Matrix7 inverse = g.inverse();
  double least = Eigen::SelfAdjointEigenSolver<Matrix7>(inverse).eigenvalues()(0);

  /// Compares with values that are right up to least (size + 1)^2.
  void expect_spectrum(const char* manifold, std::vector<double> brute, int count, int size) const {
    std::sort(brute.begin(), brute.end());
    brute.resize(static_cast<std::size_t>(count));
    ASSERT_LT(brute.back(), least * (size + 1) * (size + 1));
    EXPECT_LE(error_of(make_manifold(manifold)->reference_spectrum(g, count), brute), tolerance);
  }
};

/// -g^{ab} E_a E_b on every function of the neck with |n| <= size, k1 <= size, k2 <= size.
std::vector<double> neck_by_brute_force(const Matrix7& inverse, int size) {
  std::vector<double> values;
  for (int k1 = 0; k1 <= size; ++k1)
    for (int k2 = 0; k2 <= size; ++k2) {
      const auto one1 = Eigen::MatrixXcd::Identity(k1 + 1, k1 + 1);
      const auto one2 = Eigen::MatrixXcd::Identity(k2 + 1, k2 + 1);
      std::vector<Eigen::MatrixXcd> e{product(one1, one2)};
      for (const auto& d : derivatives(k1)) e.push_back(product(d, one2));
      for (const auto& d : derivatives(k2)) e.push_back(product(one1, d));
      const Eigen::MatrixXcd one = e[0];
      for (int n = -size; n <= size; ++n) {
        e[0] = std::complex<double>(0.0, n) * one;
        Eigen::MatrixXcd laplacian = Eigen::MatrixXcd::Zero(one.rows(), one.cols());
        for (int a = 0; a < dim; ++a)
          for (int b = 0; b < dim; ++b) laplacian -= inverse(a, b) * e[a] * e[b];
        const Eigen::ComplexEigenSolver<Eigen::MatrixXcd> solver(laplacian, false);
        for (const auto& value : solver.eigenvalues())
          values.insert(values.end(), static_cast<std::size_t>((k1 + 1) * (k2 + 1)), value.real());
      }
    }
  return values;
}

TEST(ReferenceSpectrum, no_eigenvalue_of_a_larger_range_is_missing) {
  constexpr int size = 5;
  const Coupled metric;
  metric.expect_spectrum("s1xs3xs3", neck_by_brute_force(metric.inverse, size), 150, size);
}

TEST(ReferenceSpectrum, no_wave_of_a_larger_box_is_missing) {
  constexpr int size = 3;
  const Coupled metric;
  std::vector<double> brute;
  Eigen::Matrix<double, dim, 1> m = Eigen::Matrix<double, dim, 1>::Constant(-size);
  for (int a = 0; a < dim;) {
    brute.push_back(m.dot(metric.inverse * m));
    for (a = 0; a < dim && m(a) == size; ++a) m(a) = -size;
    if (a < dim) m(a) += 1.0;
  }
  metric.expect_spectrum("torus7", std::move(brute), 100, size);
}

TEST(ReferenceSpectrum, other_units_scale_it) {
  const Matrix7 g = coupled_metric();
  for (const auto* name : {"s1xs3xs3", "torus7"}) {
    const auto manifold = make_manifold(name);
    const auto expected = manifold->reference_spectrum(g, 60);
    for (const double scale : {1e-100, 1e-3, 1e100}) {
      auto spectrum = manifold->reference_spectrum(scale * g, 60);
      for (double& value : spectrum) value *= scale;
      EXPECT_LE(error_of(spectrum, expected), 1e-12) << name << " " << scale;
    }
  }
}

TEST(ReferenceSpectrum, what_takes_too_long_is_empty_and_never_half_of_it) {
  const Matrix7 g = coupled_metric();
  for (const auto* name : {"s1xs3xs3", "torus7"}) {
    const auto manifold = make_manifold(name);
    const auto expected = manifold->reference_spectrum(g, 60);
    int finished = 0;
    for (double work = 10.0; work < 1e10; work *= 2.0) {
      const auto spectrum = manifold->reference_spectrum(g, 60, work);
      EXPECT_TRUE(spectrum.empty() || spectrum == expected) << name << " " << work;
      EXPECT_TRUE(finished == 0 || !spectrum.empty()) << name << " " << work;
      finished += spectrum.empty() ? 0 : 1;
    }
    EXPECT_GT(finished, 0) << name;
    EXPECT_LT(finished, 25) << name;
  }
}

TEST(ReferenceSpectrum, none_is_claimed_where_none_is_known) {
  const Matrix7 g = Matrix7::Identity();
  for (const auto* name : {"interval-s3xs3", "notebook-chart", "euclidean"})
    EXPECT_TRUE(make_manifold(name)->reference_spectrum(g, 10).empty()) << name;
  ManifoldParameters one_line;
  one_line.periods = Periods{1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0};
  EXPECT_TRUE(make_manifold("torus7", one_line)->reference_spectrum(g, 10).empty());
}

TEST(ReferenceSpectrum, what_is_not_a_metric_is_told) {
  Matrix7 indefinite = Matrix7::Identity();
  indefinite(3, 3) = -1.0;
  const Matrix7 not_finite = Matrix7::Identity() * std::nan("");
  for (const auto* name : {"s1xs3xs3", "torus7"})
    for (const Matrix7& g : {indefinite, not_finite})
      EXPECT_THROW(make_manifold(name)->reference_spectrum(g, 10), InputError) << name;
}

}  // namespace
}  // namespace k7::geometry
