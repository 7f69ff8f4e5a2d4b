// SPDX-License-Identifier: Apache-2.0
// What neighbourhoods tell of the space: its boundary, its density near it, directions that are too short for them.
#include <cmath>
#include <limits>

#include "point_clouds.hpp"
#include "spectral/graph/boundary.hpp"
#include "spectral/graph/cut_ball.hpp"
#include "spectral/graph/density.hpp"
#include "spectral/graph/resolution.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;
using test::AllPoints;
using test::world;

/// On every rank one point far from the boundary, and one on it whose neighbours are farther: it stands for 2^7 / 2 times the
/// volume, and half of its neighbourhood is cut off.
TEST(Density, what_is_cut_off_is_a_mean_over_the_volume) {
  KnnGraph graph;
  graph.k = 2;
  graph.n_global = 2 * world().size();
  graph.ids = {2 * world().rank(), 2 * world().rank() + 1};
  graph.distance_sq = {1.0, 1.0, 4.0, 4.0};
  graph.boundary = {100.0, 0.0};
  const DensityEstimate estimate = estimate_density(graph, 2, world());
  EXPECT_NEAR(estimate.values[0] / estimate.values[1], 64.0, 1e-9);
  EXPECT_NEAR(estimate.mean_cut, 64.0 / 65.0 * std::log(2.0), 1e-9);
  EXPECT_NEAR(estimate.mean_distance_sq, 2.5, 1e-12);
}

/// Against sums over a grid of the ball's density along the normal, and of the six directions along the plane.
TEST(CutBall, moments_are_those_of_the_ball) {
  for (const double b : {-0.6, -0.2, 0.0, 0.3, 0.7, 1.0}) {
    double all = 0.0;
    double kept = 0.0;
    double height = 0.0;
    double normal = 0.0;
    double along = 0.0;
    constexpr int n = 20000;
    for (int i = 0; i < n; ++i) {
      const double x = -1.0 + (2.0 * i + 1.0) / n;
      const double density = std::pow(1.0 - x * x, 3);
      all += density;
      if (x <= -b) continue;
      kept += density;
      height += density * x;
      normal += density * x * x;
      along +=
          density * (1.0 - x * x) / 8.0;  // mean square along one of six directions of a ball of that radius
    }
    EXPECT_NEAR(kept_share(b), kept / all, 1e-4);
    EXPECT_NEAR(mean_height(b), height / kept, 1e-3);
    EXPECT_NEAR(tangential_stretch(b), 7.0 * along / (6.0 * along + normal), 1e-3);
    EXPECT_NEAR(plane_distance(mean_height(b)), b, b < 1.0 ? 1e-9 : 1e-2);
  }
  EXPECT_DOUBLE_EQ(kept_share(1.0), 1.0);
  EXPECT_DOUBLE_EQ(kept_share(0.0), 0.5);
  EXPECT_DOUBLE_EQ(tangential_stretch(0.0), 1.0);
}

/// Against sums over the slab, and the two limits: a thin one is evenly filled, and the widest one is the ball.
TEST(CutBall, slabs_are_known_by_their_moments) {
  for (const double b : {0.01, 0.2, 0.5, 0.8, 0.99}) {
    double all = 0.0;
    double between = 0.0;
    double along = 0.0;
    constexpr int n = 20000;
    for (int i = 0; i < n; ++i) {
      const double x = b * (-1.0 + (2.0 * i + 1.0) / n);
      const double density = std::pow(1.0 - x * x, 3);
      all += density;
      between += density * x * x;
      along += density * (1.0 - x * x) / 8.0;
    }
    const Slab slab = slab_of(between / along);
    EXPECT_NEAR(slab.half_width, b, 1e-4 * b);
    EXPECT_NEAR(slab.moment_between, between / all, 1e-4 * between / all);
    EXPECT_NEAR(slab.moment_along, along / all, 1e-4 * along / all);
  }
  EXPECT_NEAR(slab_of(3.0 * 8.0 / 9.0 * 1e-6).moment_along, 1.0 / 8.0, 1e-5);
  EXPECT_NEAR(slab_of(1.0).moment_between, 1.0 / 9.0, 1e-6);
}

/// n points of [0, 1] x T^6, periods 0.45, in a sheared metric: the plane's distance is not that of the coordinate.
AllPoints tube(std::size_t n) {
  AllPoints all;
  geometry::ManifoldParameters parameters;
  parameters.periods = geometry::Periods{0.0, 0.45, 0.45, 0.45, 0.45, 0.45, 0.45};
  all.manifold = geometry::make_manifold("euclidean", parameters);
  geometry::Matrix7 g = 4.0 * geometry::Matrix7::Identity();
  g(0, 1) = g(1, 0) = 1.0;
  const auto packed = geometry::pack(g.data());
  for (std::size_t i = 0; i < n; ++i) {
    for (std::uint32_t d = 0; d < dim; ++d)
      all.points.push_back(test::uniform(21, i, d) * (d == 0 ? 1.0 : 0.45));
    all.metrics.insert(all.metrics.end(), packed.begin(), packed.end());
  }
  all.one_metric = true;
  return all;
}

/// Mean of values of rows whose x is between two places. Collective.
double mean_between(const std::vector<double>& values, const PointCloud& points, double low, double high) {
  std::array<double, 2> sums{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = std::min(points.point(i)[0], 1.0 - points.point(i)[0]);
    if (x < low || x >= high) continue;
    sums[0] += values[i];
    sums[1] += 1.0;
  }
  world().sum(sums.data(), sums.size());
  return sums[0] / sums[1];
}

TEST(Boundary, distances_and_densities_near_it) {
  const AllPoints all = tube(10000);
  const auto regions = make_regions(slab(all), *all.manifold, world(), 1);
  ASSERT_TRUE(may_have_boundary(*regions.embedding));
  auto graph = build_knn_graph(regions.points, *all.manifold, *regions.embedding, 96, world(), 1);
  const double raw_ends =
      mean_between(estimate_density(graph, 32, world()).values, regions.points.cloud, 0.0, 0.02);
  const double raw_inside =
      mean_between(estimate_density(graph, 32, world()).values, regions.points.cloud, 0.4, 0.5);
  EXPECT_LT(raw_ends, 0.75 * raw_inside) << "half of each ball is missing, and no one has said so";

  graph.boundary = boundary_distances(graph, regions.points.cloud, *all.manifold, 1, world());
  ASSERT_EQ(graph.boundary.size(), graph.n_local());
  const double unit = std::sqrt(4.0 - 1.0 / 4.0);  // 1 / sqrt(g^00)
  for (const double x : {0.01, 0.03, 0.06})
    EXPECT_NEAR(mean_between(graph.boundary, regions.points.cloud, x - 0.01, x + 0.01), unit * x, 0.03) << x;
  const double ends =
      mean_between(estimate_density(graph, 32, world()).values, regions.points.cloud, 0.0, 0.02);
  const double inside =
      mean_between(estimate_density(graph, 32, world()).values, regions.points.cloud, 0.4, 0.5);
  EXPECT_NEAR(ends / inside, 1.0, 0.07);
}

TEST(Boundary, closed_spaces_have_none) {
  for (const char* name : {"s1xs3xs3", "torus7"}) {
    const AllPoints all = test::random_points(name, 100, 2.0);
    EXPECT_FALSE(may_have_boundary(*make_regions(slab(all), *all.manifold, world(), 1).embedding)) << name;
  }
}

/// n points of the neck with a constant product metric.
AllPoints neck(std::size_t n, double r0) {
  AllPoints all = test::random_points("s1xs3xs3", n, 1.0);
  const auto packed = geometry::pack(geometry::round_product_metric(r0, 1.0, 1.0).data());
  for (std::size_t i = 0; i < n; ++i)
    std::copy(packed.begin(), packed.end(),
              all.metrics.begin() + static_cast<std::ptrdiff_t>(i * packed.size()));
  all.one_metric = true;
  return all;
}

/// Of few points, the moments of round neighbourhoods differ by their noise.
TEST(Resolution, noise_of_few_points_is_no_direction) {
  const AllPoints all = neck(500, 1.0);
  const auto regions = make_regions(slab(all), *all.manifold, world(), 1);
  const auto graph = build_knn_graph(regions.points, *all.manifold, *regions.embedding, 32, world(), 1);
  const auto resolutions = measure_resolution(graph, regions.points.cloud, *all.manifold, {32}, world());
  EXPECT_EQ(resolutions.at(0).stretch, 1.0);
  EXPECT_TRUE(std::isinf(resolutions.at(0).shortest));
}

TEST(Resolution, thin_circles_are_measured) {
  const std::vector<int> neighbors{24, 96};
  for (const double r0 : {1.0, 0.05, 0.001}) {
    const AllPoints all = neck(2000, r0);
    const auto regions = make_regions(slab(all), *all.manifold, world(), 1);
    const auto graph = build_knn_graph(regions.points, *all.manifold, *regions.embedding, 96, world(), 1);
    const auto resolutions =
        measure_resolution(graph, regions.points.cloud, *all.manifold, neighbors, world());
    ASSERT_EQ(resolutions.size(), 2U);
    for (const Resolution& resolution : resolutions) {
      if (r0 == 1.0) {
        EXPECT_EQ(resolution.stretch, 1.0);
        EXPECT_TRUE(std::isinf(resolution.shortest));
      } else {
        EXPECT_NEAR(resolution.stretch, 7.0 / 6.0, 0.02);
        EXPECT_NEAR(resolution.shortest, 2.0 * geometry::pi * r0, 0.03 * 2.0 * geometry::pi * r0);
      }
    }
    EXPECT_GT(resolutions[1].radius, resolutions[0].radius);
  }
}

/// A circle that is wide, one that neighbourhoods just reach around, and one that they fill.
TEST(Resolution, neighbourhoods_that_reach_around_a_circle_are_noticed) {
  const auto wrapped = [](double r0) {
    const AllPoints all = neck(2000, r0);
    const auto regions = make_regions(slab(all), *all.manifold, world(), 1);
    const auto graph = build_knn_graph(regions.points, *all.manifold, *regions.embedding, 96, world(), 1);
    return measure_resolution(graph, regions.points.cloud, *all.manifold, {96}, world()).at(0).wrapped;
  };
  EXPECT_EQ(wrapped(1.0), 0.0);
  EXPECT_GT(wrapped(0.3), 0.01);
  EXPECT_LT(wrapped(0.3), 0.025);
  EXPECT_LT(wrapped(0.001), 0.002);
}

}  // namespace
}  // namespace k7::spectral
