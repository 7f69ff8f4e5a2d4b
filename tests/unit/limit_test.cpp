// SPDX-License-Identifier: Apache-2.0
// Limits and their bars on ladders that are made up, so that the truth is known.
#include "spectral/limit/limit.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "k7/geometry/conventions.hpp"

namespace k7::spectral {
namespace {

/// What lambda(k, N) shall be in a made-up ladder.
struct Model {
  std::vector<double> eigenvalues{1.0, 1.0, 3.0, 3.0, 3.0, 4.0};  // the last one's multiplet stays open
  double a = -2.0;
  double b = -0.001;     // times lambda h^2, beyond the flat space's
  double mixed = 0.0;    // of lambda h^2 / k
  double noise = 0.0;    // relative, of all points; the halves have noise of their own, all points the mean
  double scatter = 0.0;  // relative, of single eigenvalues around their multiplet
  std::uint64_t seed = 1;
};

constexpr double n_points = 1e4;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Eigenvalue of a wave on a flat graph whose neighbourhoods are balls, divided by the true one:
/// (2n / y) (1 - <cos xi.v>), y = |xi|^2 h^2, h^2 = n r^2 / (n+2). Along xi a ball of dimension 7 and radius 1 has the
/// density (35/32) (1 - x^2)^3. By Simpson's rule.
double flat_ratio(double y) {
  constexpr int n_intervals = 400;
  const double half_wave = 0.5 * std::sqrt(9.0 / 7.0 * y);
  double sum = 0.0;
  for (int i = 0; i <= n_intervals; ++i) {
    const double x = 2.0 * i / n_intervals - 1.0;
    const double weight = i == 0 || i == n_intervals ? 1.0 : i % 2 == 0 ? 2.0 : 4.0;
    sum += weight * std::pow(1.0 - x * x, 3) * std::pow(std::sin(half_wave * x), 2);
  }
  return 14.0 / y * 35.0 / 32.0 * 2.0 * sum * 2.0 / (3.0 * n_intervals);
}

std::vector<Rung> make_ladder(const Model& model) {
  std::mt19937_64 generator(model.seed);
  std::normal_distribution<double> normal;
  std::vector<Rung> ladder;
  const double first = model.noise * std::sqrt(2.0) * normal(generator);
  const double second = model.noise * std::sqrt(2.0) * normal(generator);
  for (const int part : {0, 1, 2}) {
    const double n = part == 0 ? 1e4 : 5e3;
    const double common = part == 0 ? 0.5 * (first + second) : part == 1 ? first : second;
    for (const int k : {32, 24, 48, 64, 96}) {
      Rung rung{part,
                k,
                static_cast<GlobalIndex>(n),
                0.98 * k,
                std::pow(k / n, 2.0 / 7.0) * 4.0,
                1,
                infinity,
                0.0,
                0.0,
                {0.0}};
      rung.effective_points = n;
      for (const double lambda : model.eigenvalues) {
        const double y = lambda * rung.mean_distance_sq;
        const double inverse_k = (1.0 + 0.27 * std::pow(y, 4) / (std::pow(y, 4) + 10.0)) / rung.mean_degree;
        const double shift =
            model.a * inverse_k + model.b * y + (flat_ratio(y) - 1.0) + model.mixed * y * inverse_k;
        rung.values.push_back(lambda * (1.0 + shift + common + model.scatter * normal(generator)));
      }
      ladder.push_back(rung);
    }
  }
  return ladder;
}

TEST(Multiplets, split_where_gaps_exceed_the_scatter) {
  const double gap = 2.4 * eigenvalue_scatter(n_points);  // relative
  const std::vector<double> values{0.0, 1.0, 1.0 + 0.99 * gap, 2.0, 2.0 * (1.0 + 1.01 * gap), 3.0};
  const auto multiplets = find_multiplets(values, 1, n_points);
  ASSERT_EQ(multiplets.size(), 4U);
  EXPECT_EQ(multiplets[0].first, 1);
  EXPECT_EQ(multiplets[0].count, 2);
  EXPECT_DOUBLE_EQ(multiplets[0].raw, 1.0 + 0.495 * gap);
  EXPECT_EQ(multiplets[1].count, 1);
  EXPECT_EQ(multiplets[2].count, 1);
  EXPECT_EQ(multiplets[3].first, 5);
  for (const auto& m : multiplets) {
    EXPECT_EQ(m.is_open, m.first == 5);
    EXPECT_TRUE(std::isnan(m.limit) && std::isnan(m.error));
  }
}

TEST(Multiplets, none_beyond_the_zero_modes) {
  EXPECT_TRUE(find_multiplets({0.0, 0.0}, 2, n_points).empty());
}

TEST(Multiplets, more_points_separate_finer) {
  const std::vector<double> values{0.0, 1.0, 1.03, 2.0};
  EXPECT_EQ(find_multiplets(values, 1, 10000).front().count, 2);
  EXPECT_EQ(find_multiplets(values, 1, 1000000).front().count, 1);
}

TEST(Limit, ladders_of_the_model_are_fitted_exactly) {
  const auto limit = extrapolate(make_ladder({}), 1);
  EXPECT_EQ(limit.obstacle, "");
  ASSERT_EQ(limit.multiplets.size(), 3U);
  // The terms beyond h^2 take the limit from the pass before; six passes leave less than 1e-6.
  EXPECT_NEAR(limit.multiplets[0].limit, 1.0, 1e-6);
  EXPECT_NEAR(limit.multiplets[1].limit, 3.0, 3e-6);
  EXPECT_TRUE(limit.multiplets[2].is_open);
  EXPECT_TRUE(std::isnan(limit.multiplets[2].limit));
  ASSERT_EQ(limit.values.size(), 7U);
  EXPECT_EQ(limit.values[0], 0.0);
  EXPECT_EQ(limit.errors[0], 0.0);
  for (int i = 1; i <= 2; ++i) EXPECT_NEAR(limit.values[static_cast<std::size_t>(i)], 1.0, 1e-6);
  for (int i = 3; i <= 5; ++i) EXPECT_NEAR(limit.values[static_cast<std::size_t>(i)], 3.0, 3e-6);
  EXPECT_TRUE(std::isnan(limit.values[6]));
  EXPECT_NEAR(limit.errors[6], graph_error(make_ladder({})[0].values[6], make_ladder({})[0]), 1e-15);
}

TEST(Limit, rungs_need_no_values_of_an_open_multiplet) {
  auto ladder = make_ladder({});
  const auto expected = extrapolate(ladder, 1);
  const int n_needed = values_with_limits(ladder.front().values, expected.multiplets);
  EXPECT_EQ(n_needed, 6);
  for (std::size_t i = 1; i < ladder.size(); ++i) ladder[i].values.resize(static_cast<std::size_t>(n_needed));
  const auto limit = extrapolate(ladder, 1);
  EXPECT_EQ(limit.obstacle, "");
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(limit.values[i], expected.values[i]);
  ladder.back().values.pop_back();
  EXPECT_NE(extrapolate(ladder, 1).obstacle, "");
  EXPECT_EQ(values_with_limits({0.0, 1.0}, {}), 2);
}

/// Normal equations by Cramer's rule. Tiny eigenvalues leave nothing of the terms beyond h^2. What is known of a counts as
/// one more observation: a = -2.0 lambda +- 0.1 lambda, where others deviate by lambda 0.004 sqrt(2) at a degree of 32.
TEST(Limit, rungs_weigh_as_much_as_their_degree) {
  Model noisy;
  noisy.eigenvalues = {1e-4, 2e-4};
  noisy.scatter = 0.01;
  const auto ladder = make_ladder(noisy);
  double m[3][4] = {};
  const auto add = [&](const std::array<double, 4>& row, double weight) {
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 4; ++j) m[i][j] += weight * row[i] * row[j];
  };
  for (const Rung& rung : ladder) {
    if (rung.part == 2) continue;
    double value = rung.values[1];
    if (rung.part == 1)
      for (const Rung& other : ladder)
        if (other.part == 2 && other.k == rung.k) value = 0.5 * (value + other.values[1]);
    add({1.0, 1.0 / rung.mean_degree, rung.mean_distance_sq, value}, rung.mean_degree / 32.0);
  }
  const double deviation = 0.004 * std::sqrt(2.0);
  add({2.0, 1.0, 0.0, 0.0}, deviation * deviation / (0.1 * 0.1));
  const auto determinant = [&](int first) {
    const auto a = [&](int i, int j) { return m[i][j == 0 ? first : j]; };
    return a(0, 0) * (a(1, 1) * a(2, 2) - a(1, 2) * a(2, 1)) -
           a(0, 1) * (a(1, 0) * a(2, 2) - a(1, 2) * a(2, 0)) +
           a(0, 2) * (a(1, 0) * a(2, 1) - a(1, 1) * a(2, 0));
  };
  const auto limit = extrapolate(ladder, 1).multiplets[0].limit;
  EXPECT_NEAR(limit, determinant(3) / determinant(0), 1e-9 * limit);
}

/// What lies beyond a boundary is added to the bar, and functions along unresolved directions have no limit.
TEST(Limit, boundaries_and_thin_directions_are_minded) {
  auto ladder = make_ladder({});
  const double inside = extrapolate(ladder, 1).multiplets[0].error;
  for (Rung& rung : ladder) rung.mean_cut = 0.1;
  EXPECT_NEAR(extrapolate(ladder, 1).multiplets[0].error, std::hypot(inside, 0.11), 1e-6);

  ladder = make_ladder({});
  ladder[7].shortest_sq =
      std::pow(geometry::pi, 2) / 4.0;  // functions of eigenvalues from 4 on, with a margin from 2 on
  ladder[7].calibration_doubt = 0.2;
  const auto doubtful = extrapolate(ladder, 1);
  EXPECT_NEAR(doubtful.multiplets[0].error, std::hypot(inside, 2.0 * 0.06 * 0.2 * 0.8), 1e-6);
  EXPECT_GT(doubtful.multiplets[1].error, 0.2 * doubtful.multiplets[1].limit);
  ladder[7].calibration_doubt = 0.5;
  const auto thin = extrapolate(ladder, 1);
  EXPECT_FALSE(std::isnan(thin.multiplets[0].limit));
  EXPECT_TRUE(std::isnan(thin.multiplets[1].limit));
  EXPECT_NE(thin.multiplets[1].obstacle.find("do not resolve"), std::string::npos);
}

/// Neighbourhoods that reach around a circle see neighbours on the wrong side.
TEST(Limit, circles_that_neighbourhoods_reach_around_are_minded) {
  auto ladder = make_ladder({});
  const double apart = extrapolate(ladder, 1).multiplets[0].error;
  ladder[7].wrapped = 0.02;
  const auto& multiplet = extrapolate(ladder, 1).multiplets[0];
  EXPECT_NEAR(multiplet.error, std::hypot(apart, 2.0 * 0.02 * multiplet.limit), 1e-9);
}

/// Noise may put a value on the wrong side of a gap; the means on both sides cover what that changes.
TEST(Limit, multiplets_that_may_have_a_value_of_each_other_cover_it) {
  const double gap = 2.4 * eigenvalue_scatter(n_points);
  const auto errors = [&](double distance) {
    Model close;
    close.eigenvalues = {1.0, 1.0 + distance, 1.0 + distance, 3.0, 4.0};
    const auto multiplets = extrapolate(make_ladder(close), 1).multiplets;
    EXPECT_EQ(multiplets[0].count, 1);
    EXPECT_EQ(multiplets[1].count, 2);
    return std::array<double, 2>{multiplets[0].error, multiplets[1].error};
  };
  const auto far = errors(1.7 * gap);
  const auto near = errors(1.2 * gap);
  const double distance = 1.2 * gap;
  EXPECT_NEAR(near[0], std::hypot(far[0], 0.5 * distance), 0.1 * near[0]);
  EXPECT_NEAR(near[1], std::hypot(far[1], 1.0 / 3.0 * distance), 0.1 * near[1]);
}

/// A cluster of eigenvalues has a mean far away from a neighbour that is close to its first ones only.
TEST(Limit, a_wide_cluster_nearby_takes_one_value_only) {
  const double gap = 2.4 * eigenvalue_scatter(n_points);
  const auto multiplets = [&](double distance) {
    Model model;
    model.eigenvalues = {1.0, 1.0, 1.0, 1.0};
    for (int i = 0; i < 20; ++i) model.eigenvalues.push_back((1.0 + distance) * std::pow(1.0 + 0.7 * gap, i));
    model.eigenvalues.push_back(10.0);
    return extrapolate(make_ladder(model), 1).multiplets;
  };
  const auto near = multiplets(1.2 * gap);
  const auto far = multiplets(1.7 * gap);
  ASSERT_EQ(near.at(0).count, 4);
  ASSERT_EQ(near.at(1).count, 20);
  ASSERT_GT(near.at(1).limit, 1.5) << "the common mean is half as large again as the first multiplet";
  const double one_value = std::hypot(far.at(0).error, 1.2 * gap / 5.0);
  EXPECT_GT(near[0].error, 0.99 * one_value);
  EXPECT_LT(near[0].error,
            1.3 * one_value);  // the first value's limit is guessed from the bias of the whole cluster
}

/// Even a ladder without any noise has the usual bar: its points could have been others.
TEST(Limit, bar_never_vanishes) {
  const auto limit = extrapolate(make_ladder({}), 1);
  for (const int m : {0, 1}) {
    const auto& multiplet = limit.multiplets[static_cast<std::size_t>(m)];
    EXPECT_GT(multiplet.error, 2.0 * 0.008 * std::sqrt(2.0 / multiplet.count) * multiplet.limit);
    EXPECT_LT(multiplet.error, 0.1 * multiplet.limit);
  }
  // A single eigenvalue is known less well than its multiplet's mean.
  EXPECT_GT(limit.errors[1], limit.multiplets[0].error);
}

/// What the fit adds is no better than its form, however many points there are.
TEST(Limit, bar_has_a_part_of_what_the_fit_adds) {
  auto ladder = make_ladder({});
  for (Rung& rung : ladder) rung.effective_points = 1e12;
  for (const auto& multiplet : extrapolate(ladder, 1).multiplets) {
    if (multiplet.is_open) continue;
    EXPECT_GT(multiplet.error, 2.0 * 0.035 * (multiplet.limit - multiplet.raw));
  }
}

/// Points of few large volumes are as noisy as fewer points.
TEST(Limit, points_of_unequal_volumes_count_less) {
  auto ladder = make_ladder({});
  const auto even = extrapolate(ladder, 1);
  for (Rung& rung : ladder) rung.effective_points /= 36.0;
  const auto uneven = extrapolate(ladder, 1);
  const auto& multiplet = uneven.multiplets[0];
  EXPECT_GT(multiplet.error, 6.0 * 2.0 * 0.008 * std::sqrt(2.0 / multiplet.count) * multiplet.limit);
  EXPECT_GT(multiplet.error, 1.5 * even.multiplets[0].error);
  // The gaps between multiplets have to be six times as wide, 36 %: the value 4 and those at 3 are one multiplet.
  EXPECT_LT(uneven.multiplets.size(), even.multiplets.size());
}

TEST(Limit, bar_grows_with_a_poor_fit) {
  Model poor;
  poor.mixed = 1.0;
  const auto good = extrapolate(make_ladder({}), 1).multiplets[1];
  const auto bad = extrapolate(make_ladder(poor), 1).multiplets[1];
  EXPECT_GT(std::abs(bad.limit - 3.0), 10.0 * std::abs(good.limit - 3.0));
  EXPECT_GT(bad.error, 1.2 * good.error);
  EXPECT_LT(std::abs(bad.limit - 3.0), bad.error);
}

TEST(Limit, bar_grows_with_the_difference_of_the_halves) {
  auto ladder = make_ladder({});
  for (Rung& rung : ladder)
    if (rung.part != 0)
      for (double& value : rung.values) value *= rung.part == 1 ? 1.05 : 0.95;
  const auto multiplet = extrapolate(ladder, 1).multiplets[0];
  EXPECT_GT(multiplet.error, 2.0 * 0.5 * 0.05);  // two standard deviations of half the difference
}

/// Noise near the usual one of three eigenvalues, 0.0065: the bar of two deviations should hold the truth in
/// 95 of 100 cases; of 200, 180 are 3.2 standard deviations below.
TEST(Limit, bar_covers_the_truth) {
  int covered = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Model noisy;
    noisy.noise = 0.006;
    noisy.scatter = 0.002;
    noisy.seed = seed;
    const auto multiplet = extrapolate(make_ladder(noisy), 1).multiplets[1];
    if (std::abs(multiplet.limit - 3.0) <= multiplet.error) ++covered;
  }
  EXPECT_GE(covered, 180);
  EXPECT_LE(covered, 198);  // a bar that is too wide says nothing
}

/// The bar of a single graph is wide enough for the biases of the model.
TEST(Limit, graph_alone_has_a_wide_bar) {
  for (const Rung& rung : make_ladder({})) {
    const auto alone = without_limit(rung, 1, "too few points");
    EXPECT_EQ(alone.obstacle, "too few points");
    EXPECT_EQ(alone.errors[0], 0.0);
    const std::vector<double> exact{1.0, 1.0, 3.0, 3.0, 3.0, 4.0};
    for (std::size_t i = 1; i < 7; ++i) {
      EXPECT_TRUE(std::isnan(alone.values[i]));
      EXPECT_LT(std::abs(rung.values[i] - exact[i - 1]), alone.errors[i]) << rung.k << " " << rung.part;
    }
  }
}

/// Long waves on small graphs: all orders count there, and a fit to second order is several per cent off.
TEST(Limit, waves_as_short_as_neighbourhoods_are_fitted) {
  Model coarse;
  coarse.eigenvalues = {14.0, 14.0, 14.0, 40.0};
  EXPECT_GT(14.0 * make_ladder(coarse).back().mean_distance_sq, 5.0);
  const auto multiplet = extrapolate(make_ladder(coarse), 1).multiplets[0];
  EXPECT_NEAR(multiplet.limit, 14.0, 14e-4);
}

/// As a stray point makes them: nearly zero, or so far from the fit that it says nothing.
TEST(Limit, none_that_is_far_from_every_rung) {
  for (const double limit : {0.0, 1.0}) {
    auto ladder = make_ladder({});
    double least = ladder.front().mean_distance_sq;
    for (const Rung& rung : ladder) least = std::min(least, rung.mean_distance_sq);
    for (Rung& rung : ladder)  // 0 from 1e-6 to 2e-6, 1 from 0.48 to 0.06
      for (const std::size_t i : {1, 2})
        rung.values[i] = limit + (limit > 0.0 ? -0.52 : 1e-6) * rung.mean_distance_sq / least;
    const auto result = extrapolate(ladder, 1);
    EXPECT_TRUE(std::isnan(result.multiplets[0].limit)) << result.multiplets[0].limit;
    EXPECT_NE(result.multiplets[0].obstacle, "");
    EXPECT_TRUE(std::isnan(result.values[1]));
    EXPECT_GT(result.errors[1], 0.0);
    EXPECT_FALSE(std::isnan(result.multiplets[1].limit)) << "the others keep theirs";
  }
}

TEST(Limit, obstacles_are_named) {
  auto torn = make_ladder({});
  torn[3].n_components = 2;
  auto result = extrapolate(torn, 1);
  EXPECT_NE(result.obstacle.find("64 neighbours has 2 components"), std::string::npos) << result.obstacle;
  EXPECT_TRUE(std::isnan(result.values[1]) && std::isnan(result.multiplets[0].limit));
  EXPECT_EQ(result.multiplets.size(), 3U);  // the raw ones remain

  auto sparse = make_ladder({});
  sparse[1].mean_degree = 3.0;
  result = extrapolate(sparse, 1);
  EXPECT_NE(result.obstacle.find("fewer than 4 edges"), std::string::npos) << result.obstacle;

  auto unfinished = make_ladder({});
  unfinished.back().values.resize(3);
  result = extrapolate(unfinished, 1);
  EXPECT_NE(result.obstacle.find("only 3 converged"), std::string::npos) << result.obstacle;
}

}  // namespace
}  // namespace k7::spectral
