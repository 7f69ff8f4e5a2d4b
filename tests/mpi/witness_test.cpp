// SPDX-License-Identifier: Apache-2.0
// Bounds of the spectrum of a nearly constant metric, against spectra that are known by other means.
#include "spectral/witness/witness.hpp"

#include <Eigen/Eigenvalues>
#include <nlohmann/json.hpp>

#include "k7/spectral/compute_spectrum.hpp"
#include "petsc_session.hpp"
#include "point_clouds.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;
using geometry::Matrix7;
using test::world;

using Metric = std::function<Matrix7(double theta)>;

/// n random points of the neck with a metric that depends on theta alone.
test::AllPoints neck_points(std::size_t n, const Metric& metric) {
  test::AllPoints all;
  all.manifold = geometry::make_manifold("s1xs3xs3");
  all.points.resize(n * all.point_size());
  for (std::size_t i = 0; i < n; ++i) {
    double* p = all.points.data() + i * all.point_size();
    double coords[dim];
    all.manifold->sample({5, geometry::Stream::samples, 0}, i, p, coords);
    const Matrix7 g = metric(p[0]);
    const auto packed = geometry::pack(g.data());
    all.metrics.insert(all.metrics.end(), packed.begin(), packed.end());
  }
  return all;
}

const Matrix7 round_metric = geometry::round_product_metric(1.1, 1.0, 0.9);

Metric conformal(double epsilon) {
  return [epsilon](double theta) -> Matrix7 { return std::exp(epsilon * std::cos(theta)) * round_metric; };
}

/// The spectrum of exp(epsilon cos theta) times round_metric: on each pair of spherical harmonics an equation in theta,
///     -(a u')' / r0^2 + kappa a u = lambda b u,  a = exp(2.5 epsilon cos theta), b = exp(3.5 epsilon cos theta),
/// solved in waves up to n = 12, whose coefficients fall like epsilon^n / n!.
std::vector<double> conformal_spectrum(double epsilon, std::size_t count) {
  constexpr int waves = 12;
  constexpr int size = 2 * waves + 1;
  constexpr int nodes = 128;
  Eigen::MatrixXd mass = Eigen::MatrixXd::Zero(size, size);
  Eigen::MatrixXd energy = mass;
  Eigen::MatrixXd potential = mass;
  for (int j = 0; j < nodes; ++j) {
    const double theta = 2.0 * geometry::pi * j / nodes;
    Eigen::VectorXd u = Eigen::VectorXd::Ones(size);
    Eigen::VectorXd du = Eigen::VectorXd::Zero(size);
    for (int n = 1; n <= waves; ++n) {
      u.segment<2>(2 * n - 1) << std::cos(n * theta), std::sin(n * theta);
      du.segment<2>(2 * n - 1) << -n * std::sin(n * theta), n * std::cos(n * theta);
    }
    mass += std::exp(3.5 * epsilon * std::cos(theta)) * u * u.transpose();
    potential += std::exp(2.5 * epsilon * std::cos(theta)) * u * u.transpose();
    energy += std::exp(2.5 * epsilon * std::cos(theta)) * du * du.transpose();
  }
  std::vector<double> values;
  for (int k1 = 0; k1 <= 4; ++k1)
    for (int k2 = 0; k2 <= 4; ++k2) {
      const double kappa = k1 * (k1 + 2) / round_metric(1, 1) + k2 * (k2 + 2) / round_metric(4, 4);
      const Eigen::GeneralizedSelfAdjointEigenSolver<Eigen::MatrixXd> solver(
          energy / round_metric(0, 0) + kappa * potential, mass, Eigen::EigenvaluesOnly);
      const auto multiplicity = static_cast<std::size_t>((k1 + 1) * (k1 + 1) * (k2 + 1) * (k2 + 1));
      for (const double value : solver.eigenvalues()) values.insert(values.end(), multiplicity, value);
    }
  std::sort(values.begin(), values.end());
  values.resize(count);
  return values;
}

Witness witness_of(const test::AllPoints& all, int count) {
  const auto near = near_constant(test::slab(all), world());
  EXPECT_TRUE(near.has_value());
  const auto witness = bear_witness(*near, *all.manifold, count, world());
  EXPECT_TRUE(witness.has_value());
  return *witness;
}

TEST(Witness, bounds_hold_the_truth_and_are_as_tight_as_promised) {
  for (const double epsilon : {1e-6, 1e-3, 1e-2}) {
    const auto witness = witness_of(neck_points(4000, conformal(epsilon)), 60);
    const auto truth = conformal_spectrum(epsilon, 60);
    ASSERT_EQ(witness.values.size(), 60U);
    EXPECT_NEAR(witness.lower[0], 0.0, 0.0);
    for (std::size_t k = 1; k < truth.size(); ++k) {
      EXPECT_LE(witness.lower[k], truth[k] * (1.0 + 1e-13)) << epsilon << ", " << k;
      EXPECT_GE(witness.upper[k], truth[k] * (1.0 - 1e-13)) << epsilon << ", " << k;
      // alpha'/alpha = exp(5 epsilon), beta/beta' = exp(7 epsilon), and the samples come near the extremes.
      EXPECT_NEAR(std::log(witness.upper[k] / witness.lower[k]) / (12.0 * epsilon), 1.0, 1e-3) << k;
      // To first order the means of both are the same; 4000 points see the mean of cos theta to 0.01.
      EXPECT_NEAR(witness.values[k] / truth[k], 1.0, 0.1 * epsilon + 10.0 * epsilon * epsilon) << k;
    }
  }
}

/// A grid of theta that is dense where cos theta is near -1, with the densities that say so.
test::AllPoints uneven_points(std::size_t n, double epsilon, bool has_densities) {
  auto all = neck_points(n, conformal(0.0));
  all.metrics.clear();
  for (std::size_t i = 0; i < n; ++i) {
    const double t = 2.0 * geometry::pi * static_cast<double>(i) / static_cast<double>(n);
    const double theta = t + 0.5 * std::sin(t);
    Matrix7 g = round_metric;
    g(0, 0) *= 1.0 + epsilon * std::cos(theta);
    const auto packed = geometry::pack(g.data());
    all.metrics.insert(all.metrics.end(), packed.begin(), packed.end());
    const double volume = std::sqrt(1.0 + epsilon * std::cos(theta));
    if (has_densities) all.densities.push_back(1e30 / ((1.0 + 0.5 * std::cos(t)) * volume));
  }
  return all;
}

TEST(Witness, the_constant_metric_is_the_mean_over_the_volume) {
  constexpr double epsilon = 0.05;
  double inverse = 0.0;  // of g_00 / g_00 without epsilon, times sqrt(g)
  double volume = 0.0;
  for (int j = 0; j < 64; ++j) {
    const double factor = 1.0 + epsilon * std::cos(2.0 * geometry::pi * j / 64.0);
    inverse += 1.0 / std::sqrt(factor);
    volume += std::sqrt(factor);
  }
  Matrix7 expected = round_metric;
  expected(0, 0) *= volume / inverse;
  const auto known = near_constant(test::slab(uneven_points(200, epsilon, true)), world());
  ASSERT_TRUE(known.has_value());
  EXPECT_LT((known->metric - expected).norm(), 1e-12);
  // Without densities the points are taken for uniform, which these are not. The bounds hold with any metric: the
  // circle has the length of its metric, and the frequencies that belong to it.
  const auto unknown = near_constant(test::slab(uneven_points(200, epsilon, false)), world());
  ASSERT_TRUE(unknown.has_value());
  EXPECT_GT((unknown->metric - expected).norm(), 1e-3);
  const double radius_sq = round_metric(0, 0) * std::pow(volume / 64.0, 2);
  const auto neck = geometry::make_manifold("s1xs3xs3");
  for (const auto& near : {*known, *unknown}) {
    const auto witness = bear_witness(near, *neck, 3, world());
    ASSERT_TRUE(witness.has_value());
    EXPECT_LT(witness->lower[1], 1.0 / radius_sq);
    EXPECT_GT(witness->upper[1], 1.0 / radius_sq);
  }
}

TEST(Witness, is_the_same_on_any_number_of_ranks) {
  const auto all = neck_points(101, conformal(1e-2));
  const auto together = near_constant(test::slab(all), world());
  PointCloud whole;
  whole.n_global = 101;
  whole.point_size = all.manifold->point_size();
  whole.points = all.points;
  whole.metrics = all.metrics;
  for (GlobalIndex row = 0; row < 101; ++row) whole.ids.push_back(row);
  const parallel::Communicator alone(MPI_COMM_SELF);
  const auto expected = near_constant(whole, alone);
  ASSERT_TRUE(together.has_value() && expected.has_value());
  EXPECT_LT((together->metric - expected->metric).norm(), 1e-12);
  EXPECT_NEAR(together->low, expected->low, 1e-12);
  EXPECT_NEAR(together->high, expected->high, 1e-12);
  const auto a = bear_witness(*together, *all.manifold, 40, world());
  const auto b = bear_witness(*expected, *all.manifold, 40, alone);
  ASSERT_TRUE(a.has_value() && b.has_value());
  for (std::size_t k = 0; k < 40; ++k) {
    EXPECT_NEAR(a->lower[k], b->lower[k], 1e-12 * b->values[k]);
    EXPECT_NEAR(a->upper[k], b->upper[k], 1e-12 * b->values[k]);
  }
}

TEST(Witness, ranks_without_points_agree) {
  const auto near = near_constant(test::slab(neck_points(1, conformal(0.3))), world());
  ASSERT_TRUE(near.has_value());
  EXPECT_NEAR(near->low, 1.0, 1e-12);
  EXPECT_NEAR(near->high, 1.0, 1e-12);
}

/// diag(e^t, e^-t, 1, ...) cos theta: the volume is that of a constant metric.
Metric squeezed(double t) {
  return [t](double theta) -> Matrix7 {
    Matrix7 g = round_metric;
    g(0, 0) *= std::exp(t * std::cos(theta));
    g(1, 1) *= std::exp(-t * std::cos(theta));
    return g;
  };
}

/// Another basis of the frame changes the constant metric with it, and no bound.
TEST(Witness, does_not_depend_on_the_basis) {
  Matrix7 basis = Matrix7::Identity();
  for (int a = 0; a < dim; ++a)
    for (int b = 0; b < dim; ++b) basis(a, b) += 0.3 * std::sin(3.0 * a + 5.0 * b + 1.0);
  const Metric plain = squeezed(0.02);
  const Metric turned = [&](double theta) -> Matrix7 { return basis.transpose() * plain(theta) * basis; };
  const auto expected = near_constant(test::slab(neck_points(300, plain)), world());
  const auto found = near_constant(test::slab(neck_points(300, turned)), world());
  ASSERT_TRUE(expected.has_value() && found.has_value());
  EXPECT_LT((found->metric - basis.transpose() * expected->metric * basis).norm(), 1e-12);
  EXPECT_NEAR(found->low, expected->low, 1e-12);
  EXPECT_NEAR(found->high, expected->high, 1e-12);
}

TEST(Witness, a_metric_far_from_constant_has_none) {
  const double limit = std::log(1.2);
  for (const double part : {0.9, 1.1}) {
    // high / low is exp(12 epsilon), and exp(2 t) where the volume does not change.
    const auto volumes =
        near_constant(test::slab(neck_points(4000, conformal(part * limit / 12.0))), world());
    const auto shapes = near_constant(test::slab(neck_points(4000, squeezed(part * limit / 2.0))), world());
    EXPECT_EQ(volumes.has_value(), part < 1.0) << part;
    EXPECT_EQ(shapes.has_value(), part < 1.0) << part;
  }
}

TEST(Witness, manifolds_without_known_spectra_have_none) {
  for (const auto* name : {"interval-s3xs3", "notebook-chart", "euclidean"})
    EXPECT_FALSE(knows_constant_metrics(*geometry::make_manifold(name))) << name;
  for (const auto* name : {"s1xs3xs3", "torus7"})
    EXPECT_TRUE(knows_constant_metrics(*geometry::make_manifold(name))) << name;
}

TEST(Witness, a_spectrum_out_of_reach_is_left_out) {
  // Both spheres have two short directions: the blocks up to k1 = k2 = 1000 would have to be looked at.
  Matrix7 thin = round_metric;
  for (const int a : {1, 2, 4, 5}) thin(a, a) = 1e-6;
  const auto neck = geometry::make_manifold("s1xs3xs3");
  EXPECT_FALSE(bear_witness({thin, 1.0, 1.0}, *neck, 200, world()).has_value());
}

TEST(Witness, a_nearly_degenerate_metric_has_none) {
  for (const auto* name : {"s1xs3xs3", "torus7"}) {
    const auto manifold = geometry::make_manifold(name);
    for (const double angle : {1e-3, 1e-8, 1e-15}) {
      // Directions of very different lengths are no fault; directions that are nearly the same one are.
      Matrix7 g = Matrix7::Identity();
      g(0, 0) = 1e20;
      g(0, 1) = g(1, 0) = 1e10 * (1.0 - angle);
      const auto witness = bear_witness({g, 1.0, 1.0}, *manifold, 4, world());
      EXPECT_EQ(witness.has_value(), angle > 1e-7) << name << " " << angle;
    }
  }
}

Multiplet multiplet(int first, int count, double limit, double error) {
  return {first, count, false, limit, limit, error, {}, Source::ritz};
}

TEST(Witness, contradictions_are_told_by_multiplet) {
  const Witness witness{round_metric, {0.0, 1.0, 1.0, 3.0}, {0.0, 0.99, 0.99, 2.97}, {0.0, 1.02, 1.02, 3.06}};
  const double nan = std::nan("");
  const auto lines = [&](std::vector<Multiplet> multiplets) {
    return contradictions({"", std::move(multiplets), {}, {}}, witness);
  };
  EXPECT_TRUE(lines({multiplet(1, 2, 0.9, 0.0901), multiplet(3, 1, 3.1, 0.0401)}).empty());
  EXPECT_TRUE(lines({multiplet(1, 2, nan, nan), multiplet(3, 2, 9.0, 0.1)}).empty()) << "nothing to compare";
  const auto found = lines({multiplet(1, 2, 0.9, 0.0899), multiplet(3, 1, 3.1, 0.0399)});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(
      found[0],
      "eigenvalues 1 - 2: 0.9 +- 0.09 (ritz), but the metric of the samples is near a constant one, which "
      "puts their mean between 0.99 and 1.02");
  EXPECT_EQ(found[1].rfind("eigenvalue 3: 3.1 +- 0.04 (ritz), but", 0), 0U) << found[1];
  EXPECT_TRUE(contradictions({"", {multiplet(1, 2, 1.0, 0.0)}, {}, {}},
                             {round_metric, {0.0, 1.0, 1.0}, {0.0, 1.0, 1.0}, {0.0, 1.0, 1.0}})
                  .empty())
      << "an exact value is no contradiction to exact bounds";
}

class Listener final : public Observer {
 public:
  void warn(const std::string& line) override { warnings.push_back(line); }
  std::vector<std::string> warnings;
};

SpectrumReport report_of(const test::AllPoints& all, Method method, Observer& observer) {
  SpectrumOptions options;
  if (method != Method::ritz)
    options.limits = Limits::none;  // a minute of graphs, which matter to nothing here
  options.method = method;
  options.eigenvalues = 6;
  return compute_spectrum(test::slab(all), *all.manifold, options, world(), observer);
}

TEST(SpectrumTable, has_as_many_digits_as_the_bar_allows) {
  SpectrumReport report;
  report.prediction = {99.0, 13.0};
  report.pairs.values = {0.0, 0.75375690601234, 2.0};
  report.pairs.zero_modes = 1;
  report.limit.values = report.pairs.values;
  report.limit.errors = {0.0, 1.5e-10, 0.3};
  const std::string table = spectrum_table(report);
  EXPECT_NE(table.find("0.75375690601 +- 1.5e-10"), std::string::npos) << table;
  EXPECT_NE(table.find("2 +- 0.3"), std::string::npos) << table;
}

TEST(Witness, stands_in_the_report_of_every_method_with_a_scale) {
  const auto all = neck_points(1500, conformal(1e-3));
  const auto truth = conformal_spectrum(1e-3, 6);
  for (const Method method : {Method::automatic, Method::graph, Method::ritz, Method::notebook}) {
    SCOPED_TRACE(name_of(method));
    Observer silent;
    auto report = report_of(all, method, silent);
    report.prediction = {99.0, 13.0};
    const auto json = spectrum_json(report);
    const std::string table = spectrum_table(report);
    const bool is_there = method != Method::notebook;
    EXPECT_EQ(report.witness.has_value(), is_there);
    EXPECT_EQ(json["spectral"].contains("constant_metric"), is_there);
    EXPECT_EQ(table.find("near a constant metric: lambda_1 between") != std::string::npos, is_there);
    if (!is_there) continue;
    const auto& part = json["spectral"]["constant_metric"];
    EXPECT_EQ(part["over"], "samples");
    EXPECT_EQ(part["metric"].size(), 7U);
    for (const auto* key : {"eigenvalues", "lower", "upper"}) EXPECT_EQ(part[key].size(), 6U) << key;
    EXPECT_NEAR(part["metric"][4][4], round_metric(4, 4), 1e-3);
    for (std::size_t k = 1; k < truth.size(); ++k) {
      EXPECT_LE(part["lower"][k], truth[k]);
      EXPECT_GE(part["upper"][k], truth[k]);
    }
  }
}

TEST(Witness, its_units_are_those_of_the_file) {
  Listener listener;
  const auto all = neck_points(1500, conformal(1e-3));
  const auto expected = report_of(all, Method::ritz, listener);
  ASSERT_TRUE(expected.witness.has_value());
  for (const double scale : {1e-100, 1e100}) {
    auto other = neck_points(1500, conformal(1e-3));
    for (double& g : other.metrics) g *= scale;
    const auto report = report_of(other, Method::ritz, listener);
    ASSERT_TRUE(report.witness.has_value()) << scale;
    EXPECT_LT((report.witness->metric / scale - expected.witness->metric).norm(), 1e-12);
    for (std::size_t k = 1; k < 6; ++k) {
      EXPECT_NEAR(report.witness->values[k] * scale, expected.witness->values[k], 1e-11);
      EXPECT_NEAR(report.witness->lower[k] * scale, expected.witness->lower[k], 1e-11);
      EXPECT_NEAR(report.witness->upper[k] * scale, expected.witness->upper[k], 1e-11);
    }
  }
}

/// Coordinates in seven units: x_a = units[a] y_a with periods to match.
TEST(Witness, coordinates_have_units_of_their_own) {
  Observer silent;
  geometry::ManifoldParameters parameters;
  parameters.periods = geometry::Periods{};
  Matrix7 g = round_metric;
  g(0, 3) = g(3, 0) = 0.2;
  for (int a = 0; a < dim; ++a) {
    const double unit = std::pow(10.0, 7 * (a - 3));
    (*parameters.periods)[static_cast<std::size_t>(a)] = 2.0 * geometry::pi * unit;
    g.row(a) /= unit;
    g.col(a) /= unit;
  }
  test::AllPoints all;
  all.manifold = geometry::make_manifold("torus7", parameters);
  for (std::size_t i = 0; i < 1500; ++i) {
    for (std::uint32_t a = 0; a < dim; ++a)
      all.points.push_back(test::uniform(3, i, a) * (*parameters.periods)[a]);
    const Matrix7 here = (1.0 + 1e-3 * std::cos(all.points[i * dim] * 1e21)) * g;
    const auto packed = geometry::pack(here.data());
    all.metrics.insert(all.metrics.end(), packed.begin(), packed.end());
    all.densities.push_back(1.0);
  }
  const auto report = report_of(all, Method::ritz, silent);
  ASSERT_TRUE(report.witness.has_value());
  for (int a = 0; a < dim; ++a)
    for (int b = 0; b < dim; ++b)
      EXPECT_NEAR(report.witness->metric(a, b) / std::sqrt(g(a, a) * g(b, b)),
                  g(a, b) / std::sqrt(g(a, a) * g(b, b)), 2e-3);
  const auto exact = geometry::make_manifold("torus7")->reference_spectrum(
      [&] {
        Matrix7 plain = round_metric;
        plain(0, 3) = plain(3, 0) = 0.2;
        return plain;
      }(),
      6);
  for (std::size_t k = 1; k < 6; ++k) {
    EXPECT_LT(report.witness->lower[k], exact[k]);
    EXPECT_GT(report.witness->upper[k], exact[k]);
    EXPECT_NEAR(report.witness->values[k], exact[k], 2e-3 * exact[k]);
  }
}

/// Densities that are not those of the points make Ritz wrong, and the bounds need none.
TEST(Witness, wrong_values_are_contradicted) {
  auto all = neck_points(1500, conformal(1e-3));
  Listener listener;
  report_of(all, Method::ritz, listener);
  EXPECT_TRUE(listener.warnings.empty());
  for (std::size_t i = 0; i < all.size(); ++i)
    all.densities.push_back(std::exp(2.0 * std::cos(all.point(i)[0])));
  report_of(all, Method::ritz, listener);
  ASSERT_FALSE(listener.warnings.empty());
  EXPECT_NE(listener.warnings[0].find("near a constant one"), std::string::npos) << listener.warnings[0];
}

}  // namespace
}  // namespace k7::spectral
