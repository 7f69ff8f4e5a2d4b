// SPDX-License-Identifier: Apache-2.0
// Spectra of metrics that are known everywhere, against closed forms: constant metrics, the same ones in distorted
// coordinates, and of intervals.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/blas.hpp"
#include "k7/base/error.hpp"
#include "k7/spectral/compute_spectrum.hpp"
#include "petsc_session.hpp"
#include "point_clouds.hpp"
#include "spectral/ritz/quadrature.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;
using geometry::Manifold;
using geometry::Matrix7;
using geometry::pi;
using test::MetricAt;
using test::world;

MetricFunction function_of(const Manifold& manifold, const MetricAt& metric) {
  const auto size = static_cast<std::size_t>(manifold.point_size());
  return [size, metric](const std::vector<double>& points) {
    std::vector<double> metrics;
    for (std::size_t i = 0; i < points.size(); i += size) {
      const Matrix7 g = metric(points.data() + i);
      metrics.insert(metrics.end(), g.data(), g.data() + g.size());
    }
    return metrics;
  };
}

constexpr double any_accuracy = 1e9;  // the first rules are enough

SpectrumReport solve(const Manifold& manifold, const MetricAt& metric, int count = 15,
                     double accuracy = any_accuracy) {
  SpectrumOptions options;
  options.eigenvalues = count;
  options.accuracy = accuracy;
  options.source = "model.h5";
  Observer silent;
  return compute_spectrum(function_of(manifold, metric), manifold, options, world(), silent);
}

Matrix7 mixed_metric(double strength) {
  return geometry::unpack(test::random_metric(3, 1.0 + strength).data());
}

/// Every eigenvalue is within its bar of the exact one. The bars have two deviations.
void expect_right(const SpectrumReport& report, const std::vector<double>& exact, const std::string& what) {
  ASSERT_LE(report.limit.values.size(), exact.size());
  for (std::size_t k = 1; k < report.limit.values.size(); ++k)
    EXPECT_LE(std::abs(report.limit.values[k] - exact[k]), report.limit.errors[k] + 1e-9 * exact[k])
        << what << ", eigenvalue " << k << ": " << report.limit.values[k] << " for " << exact[k];
}

TEST(KnownMetric, constant_metrics_have_their_spectra_to_ten_digits) {
  for (const std::string name : {"s1xs3xs3", "torus7"})
    for (const double strength :
         name == "torus7" ? std::vector<double>{0.0, 0.5} : std::vector<double>{0.5}) {
      const auto manifold = geometry::make_manifold(name);
      const Matrix7 g = mixed_metric(strength);
      const auto report = solve(*manifold, [&](const double*) { return g; });
      const auto exact = manifold->reference_spectrum(g, 15);
      for (std::size_t k = 1; k < 8; ++k)
        EXPECT_NEAR(report.limit.values[k], exact[k], 1e-9 * exact[k]) << name << " " << strength << " " << k;
      expect_right(report, exact, name);
      EXPECT_LT(report.limit.errors[1], 1e-6 * exact[1]) << name << " " << strength;
    }
}

/// The torus in coordinates x with y_a = x_a + e sin(x_{a+1}): g = J^T G J has the spectrum of G.
MetricAt distorted_torus(const Matrix7& flat, double e) {
  return [flat, e](const double* x) -> Matrix7 {
    Matrix7 jacobian = Matrix7::Identity();
    for (int a = 0; a + 1 < dim; ++a) jacobian(a, a + 1) += e * std::cos(x[a + 1]);
    jacobian(6, 6) += e * std::cos(x[6]);
    return jacobian.transpose() * flat * jacobian;
  };
}

TEST(KnownMetric, distorted_tori_have_the_spectrum_of_the_flat_one) {
  const auto torus = geometry::make_manifold("torus7");
  const Matrix7 flat = mixed_metric(0.5);
  const auto exact = torus->reference_spectrum(flat, 15);
  double last_error = 0.0;
  for (const double e : {0.01, 0.1}) {
    const auto report = solve(*torus, distorted_torus(flat, e), 9);
    expect_right(report, exact, "e = " + std::to_string(e));
    EXPECT_EQ(report.quadrature->n_rules, 4);
    EXPECT_GT(report.limit.errors[1], last_error) << "a stronger distortion is known less well";
    last_error = report.limit.errors[1];
  }
}

TEST(KnownMetric, metrics_that_vary_faster_than_the_basis_have_wide_bars) {
  const auto torus = geometry::make_manifold("torus7");
  const Matrix7 flat = mixed_metric(0.5);
  const auto exact = torus->reference_spectrum(flat, 15);
  for (const double e : {0.003, 0.1}) {
    const auto report = solve(*torus, test::rippled_torus(flat, e), 9);
    expect_right(report, exact, "e = " + std::to_string(e));
    EXPECT_LT(report.limit.errors[1], 100.0 * e * e * exact[1]) << "and not wider than the metric varies";
  }
}

/// A metric that the rules cannot tell from a constant one: on the nodes k z / n + shift of a lattice, z = (1, 79, ...) and
/// n = 2022, cos(x_1 - 79 x_0) is the same at all of them. Each rule sees another constant, and only their differences tell
/// that the integrals are wrong. For e << 1 the true eigenvalues are those of e = 0 up to O(e^2).
TEST(KnownMetric, rules_that_are_wrong_differ_and_the_bar_says_so) {
  const auto torus = geometry::make_manifold("torus7");
  constexpr double e = 0.01;
  const auto metric = [](const double* x) -> Matrix7 {
    return (1.0 + e * std::cos(x[1] - 79.0 * x[0])) * Matrix7::Identity();
  };
  const auto report = solve(*torus, metric, 9);
  const double difference = std::abs(report.limit.values[1] - 1.0);
  EXPECT_GT(difference, 5.0 * e * e) << "the rules are wrong by more than the metric changes the eigenvalue";
  EXPECT_LT(difference, report.limit.errors[1]);
  EXPECT_LT(report.limit.errors[1], 5.0 * e);
  // The rules' values are 1 - e cos(their phase): 95 % for the mean of four of them.
  Eigen::Vector4d phases;
  for (int copy = 0; copy < 4; ++copy) {
    std::array<double, dim> node{};
    torus->quadrature({{7, 7, 7, 7, 7, 7, 7}, copy}).node(0, node.data());
    phases(copy) = std::cos(node[1] - 79.0 * node[0]);
  }
  const double variance = (phases.array() - phases.mean()).square().sum() / (4.0 * 3.0);
  constexpr double quantile = 3.182;  // of Student's t with three degrees of freedom
  EXPECT_NEAR(difference, e * std::abs(phases.mean()), 5.0 * e * e)
      << "the rules are those that this test knows";
  EXPECT_GT(report.limit.errors[1], 0.95 * quantile * e * std::sqrt(variance));
}

/// The neck after (theta, q1, q2) -> (theta + e w(q1), q1, q2).
MetricAt distorted_neck(const Matrix7& g, double e) {
  return [g, e](const double* point) -> Matrix7 {
    Matrix7 jacobian = Matrix7::Identity();
    for (int a = 0; a < 3; ++a) jacobian(0, 1 + a) = -e * point[2 + a];  // w(q i) = -x, and so on
    return jacobian.transpose() * g * jacobian;
  };
}

TEST(KnownMetric, distorted_necks_have_the_spectrum_of_the_left_invariant_one) {
  const auto neck = geometry::make_manifold("s1xs3xs3");
  const Matrix7 g = mixed_metric(0.3);
  const auto exact = neck->reference_spectrum(g, 15);
  const auto report = solve(*neck, distorted_neck(g, 1e-4), 7);
  expect_right(report, exact, "neck");
  for (std::size_t k = 1; k < 7; ++k)
    EXPECT_NEAR(report.limit.values[k], exact[k], 1e-6 * exact[k]) << "eigenvalue " << k;
}

/// h(r)^2 dr^2 + c^2 (round + round) with h = 1 + sin(r) / 2: an interval of length L = int h dr with free ends times two
/// spheres, whose spectrum is (k pi / L)^2 + (l (l + 2) + m (m + 2)) / c^2.
TEST(KnownMetric, intervals_in_another_coordinate_have_their_spectrum) {
  const auto manifold = geometry::make_manifold("interval-s3xs3");
  const double c = 0.7;
  const auto metric = [c](const double* point) -> Matrix7 {
    Matrix7 g = Matrix7::Identity() * c * c;
    g(0, 0) = std::pow(1.0 + 0.5 * std::sin(point[0]), 2);
    return g;
  };
  const auto report = solve(*manifold, metric, 12);
  const double length = 1.25 + 0.5 * (std::cos(1.25) - std::cos(2.5));
  std::vector<double> exact;
  for (int k = 0; k < 9; ++k)
    for (int l = 0; l < 3; ++l)
      for (int m = 0; m < 3; ++m)
        exact.insert(exact.end(), static_cast<std::size_t>((l + 1) * (l + 1) * (m + 1) * (m + 1)),
                     std::pow(k * pi / length, 2) + (l * (l + 2) + m * (m + 2)) / (c * c));
  std::sort(exact.begin(), exact.end());
  expect_right(report, exact, "interval");
  EXPECT_LT(report.limit.errors[1], 1e-2 * exact[1]);
}

TEST(KnownMetric, units_come_back) {
  const auto torus = geometry::make_manifold("torus7");
  const Matrix7 g = mixed_metric(0.4);
  const auto one = solve(
      *torus, [&](const double*) { return g; }, 4);
  for (const int power : {-140, 9, 140}) {
    const double c = std::pow(10.0, power);
    const auto report = solve(
        *torus, [&](const double*) -> Matrix7 { return c * g; }, 4);
    for (std::size_t k = 1; k < 4; ++k)
      EXPECT_NEAR(report.limit.values[k] * c, one.limit.values[k], 1e-9 * one.limit.values[k])
          << "times 1e" << power;
  }
}

TEST(KnownMetric, same_on_any_number_of_ranks) {
  const auto torus = geometry::make_manifold("torus7");
  const auto metric = function_of(*torus, distorted_torus(mixed_metric(0.3), 0.05));
  SpectrumOptions options;
  options.eigenvalues = 5;
  options.accuracy = any_accuracy;
  Observer silent;
  const parallel::Communicator alone(MPI_COMM_SELF);
  const auto mine = compute_spectrum(metric, *torus, options, alone, silent);
  const auto ours = compute_spectrum(metric, *torus, options, world(), silent);
  EXPECT_EQ(mine.quadrature->n_nodes, ours.quadrature->n_nodes);
  for (std::size_t k = 1; k < 5; ++k)
    EXPECT_NEAR(ours.limit.values[k], mine.limit.values[k], 1e-11 * mine.limit.values[k]);
}

/// Where the first rules leave a wide bar, finer ones are used, and the bar shrinks, and still holds the truth.
TEST(LongKnownMetric, finer_rules_have_smaller_bars) {
  const auto neck = geometry::make_manifold("s1xs3xs3");
  const Matrix7 g = mixed_metric(0.3);
  const auto exact = neck->reference_spectrum(g, 15);
  const auto coarse = solve(*neck, distorted_neck(g, 0.1), 5);
  const auto fine = solve(*neck, distorted_neck(g, 0.1), 5, 1e-9);
  expect_right(coarse, exact, "coarse");
  expect_right(fine, exact, "fine");
  EXPECT_GT(fine.quadrature->n_nodes, coarse.quadrature->n_nodes);
  EXPECT_LT(fine.limit.errors[1], 0.5 * coarse.limit.errors[1]);
  for (std::size_t k = 2; k < 5; ++k) EXPECT_LT(fine.limit.errors[k], 1.001 * coarse.limit.errors[k]) << k;
}

/// Whole numbers, so that the order of the sums does not matter.
TEST(Products, are_added_to_the_lower_triangle) {
  constexpr int rows = 37;
  constexpr int n = 5;
  Eigen::MatrixXd factor(rows, n);
  for (int i = 0; i < rows * n; ++i) factor.data()[i] = (i * 7919) % 23 - 11;
  Eigen::MatrixXd sum = Eigen::MatrixXd::Constant(n, n, 3.0);
  add_products(factor, sum);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const double product = factor.col(i).dot(factor.col(j));
      EXPECT_EQ(sum(i, j), i >= j ? 3.0 + product : 3.0) << i << " " << j;
    }
  // The library of PETSc is loaded here, as in k7_spectral.
  const double one = 1.0;
  double square = 0.0;
  const bool has_openblas = blas_name().rfind("OpenBLAS", 0) == 0;
  EXPECT_EQ(openblas_rank_update(&one, 1, 1, &square), has_openblas) << "Debian's counts with int";
}

/// The message of a computation that must fail with an error of the input.
std::string refusal(const Manifold& manifold, const MetricFunction& metric,
                    Method method = Method::automatic) {
  SpectrumOptions options;
  options.method = method;
  options.source = "model.h5";
  Observer silent;
  try {
    compute_spectrum(metric, manifold, options, world(), silent);
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.fault(), Fault::bad_input);
    return error.what();
  }
  return "no error";
}

TEST(KnownMetric, what_is_no_metric_is_said_on_every_rank) {
  const auto neck = geometry::make_manifold("s1xs3xs3");
  const auto nan = [](const double* point) -> Matrix7 {
    Matrix7 g = Matrix7::Identity();
    if (point[0] > 3.0) g(2, 2) = std::nan("");
    return g;
  };
  EXPECT_NE(refusal(*neck, function_of(*neck, nan)).find("model.h5: at a node"), std::string::npos);
  const auto indefinite = [](const double* point) -> Matrix7 {
    Matrix7 g = Matrix7::Identity();
    g(3, 3) = point[1];
    return g;
  };
  EXPECT_NE(refusal(*neck, function_of(*neck, indefinite)).find("positive"), std::string::npos);
  const auto short_answer = [](const std::vector<double>&) { return std::vector<double>(49, 1.0); };
  EXPECT_NE(refusal(*neck, short_answer).find("49 for each"), std::string::npos);
}

TEST(KnownMetric, methods_and_manifolds_without_rules_are_refused) {
  const auto identity = [](const double*) -> Matrix7 { return Matrix7::Identity(); };
  const auto neck = geometry::make_manifold("s1xs3xs3");
  for (const Method method : {Method::graph, Method::notebook})
    EXPECT_NE(refusal(*neck, function_of(*neck, identity), method).find("k7_sample"), std::string::npos);
  const auto chart = geometry::make_manifold("notebook-chart");
  EXPECT_NE(refusal(*chart, function_of(*chart, identity)).find("notebook-chart"), std::string::npos);
}

}  // namespace
}  // namespace k7::spectral
