// SPDX-License-Identifier: Apache-2.0
// Halves of a sample, and ladders against graphs that are built one by one.
#include "spectral/limit/ladder.hpp"

#include <set>

#include "petsc_session.hpp"
#include "point_clouds.hpp"

namespace k7::spectral {
namespace {

using test::AllPoints;
using test::world;

TEST(Halves, have_no_point_in_common_and_all_together) {
  AllPoints all = test::random_points("s1xs3xs3", 1000);
  for (std::size_t i = 0; i < all.size(); ++i) all.densities.push_back(1.0 + static_cast<double>(i));
  const auto cloud = test::slab(all);
  std::set<GlobalIndex> seen;
  GlobalIndex total = 0;
  for (const int part : {1, 2}) {
    const auto half = half_sample(cloud, part, world());
    total += half.n_global;
    EXPECT_GT(half.n_global, 440);  // 500 +- 3.8 standard deviations
    EXPECT_LT(half.n_global, 560);
    ASSERT_EQ(half.densities.size(), half.size());
    for (std::size_t i = 0; i < half.size(); ++i) {
      const auto id = static_cast<std::size_t>(half.ids[i]);
      EXPECT_TRUE(seen.insert(half.ids[i]).second);
      EXPECT_TRUE(std::equal(half.point(i), half.point(i) + half.point_size, all.point(id)));
      EXPECT_TRUE(std::equal(half.metric(i), half.metric(i) + geometry::n_sym, all.metric(id)));
      EXPECT_EQ(half.densities[i], all.densities[id]);
    }
  }
  EXPECT_EQ(total, 1000);
  EXPECT_EQ(seen.size(), cloud.size());
}

/// Which half a point is in follows from its row alone, whoever holds it.
TEST(Halves, are_the_same_on_every_number_of_ranks) {
  const AllPoints all = test::random_points("s1xs3xs3", 64);
  PointCloud everything;
  everything.point_size = all.manifold->point_size();
  everything.points = all.points;
  everything.metrics = all.metrics;
  for (GlobalIndex row = 0; row < 64; ++row) everything.ids.push_back(row);
  const auto expected = half_sample(everything, 1, world()).ids;
  const auto mine = half_sample(test::slab(all), 1, world()).ids;
  const auto rows = parallel::even_rows(64, world().rank(), world().size());
  std::vector<GlobalIndex> expected_mine;
  for (const GlobalIndex id : expected)
    if (id >= rows.begin && id < rows.end) expected_mine.push_back(id);
  EXPECT_EQ(mine, expected_mine);
}

TEST(Halves, one_metric_stays_one) {
  AllPoints all = test::random_points("s1xs3xs3", 100);
  for (std::size_t i = 0; i < all.size(); ++i)
    std::copy_n(all.metric(0), geometry::n_sym,
                all.metrics.begin() + static_cast<std::ptrdiff_t>(i * geometry::n_sym));
  all.one_metric = true;
  const auto half = half_sample(test::slab(all), 1, world());
  EXPECT_TRUE(half.one_metric);
  EXPECT_TRUE(std::equal(half.metrics.begin(), half.metrics.end(), all.metric(0)));
  EXPECT_EQ(half.metrics.size(), static_cast<std::size_t>(geometry::n_sym));
}

TEST(Ladder, starts_at_k_and_goes_up) {
  for (const int k : {1, 2, 32}) {
    const auto neighbors = ladder_neighbors(k);
    EXPECT_EQ(neighbors.front(), k);
    for (std::size_t i = 1; i < neighbors.size(); ++i) EXPECT_GT(neighbors[i], neighbors[i - 1]);
  }
}

/// Every rung of one graph is the graph of so many neighbours built alone.
TEST(Ladder, rungs_are_the_graphs_of_fewer_neighbours) {
  const AllPoints all = test::random_points("s1xs3xs3", 400, 3.0);
  LadderOptions options;
  options.eigen.count = 6;
  options.eigen.tolerance = 1e-10;
  options.source = "points.h5";
  const std::vector<int> neighbors{9, 12, 18};
  const auto graph = symmetrize(test::knn_graph(all, 18), neighbors, Join::balanced, world());
  int calls = 0;
  const auto rungs = climb(graph, neighbors, 0, options, world(), [&](const Rung& rung) {
    EXPECT_EQ(rung.k, neighbors[static_cast<std::size_t>(calls)]);
    ++calls;
  });
  EXPECT_EQ(calls, 3);
  ASSERT_EQ(rungs.size(), 3U);
  for (const Rung& rung : rungs) {
    const auto edges = test::balanced_edges(all, rung.k);
    double degree = 0.0;
    for (const auto& row : edges) degree += static_cast<double>(row.size()) / static_cast<double>(all.size());
    EXPECT_NEAR(rung.mean_degree, degree, 1e-12 * degree);
    EXPECT_EQ(rung.n_points, 400);
    const auto alone = symmetrize(test::knn_graph(all, rung.k), {rung.k}, Join::balanced, world());
    const auto single = climb(alone, {rung.k}, 0, options, world(), [](const Rung&) {});
    ASSERT_EQ(single.front().values.size(), rung.values.size());
    for (std::size_t i = 1; i < rung.values.size(); ++i)
      EXPECT_NEAR(rung.values[i], single.front().values[i], 1e-9 * rung.values[i]);
    EXPECT_NEAR(rung.mean_distance_sq, single.front().mean_distance_sq, 1e-12 * rung.mean_distance_sq);
  }
}

}  // namespace
}  // namespace k7::spectral
