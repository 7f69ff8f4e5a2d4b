// SPDX-License-Identifier: Apache-2.0
// Partition: every point on one rank, even shares, compact regions.
#include "spectral/cloud/partition.hpp"

#include <limits>

#include "point_clouds.hpp"

namespace k7::spectral {
namespace {

using test::AllPoints;
using test::world;

PointCloud partitioned(const AllPoints& all) {
  PointCloud cloud = test::slab(all);
  const auto embedding = all.manifold->embedding(mean_metric(cloud, world()));
  return partition_points(std::move(cloud), *embedding, world());
}

void expect_whole_and_even(const AllPoints& all) {
  const PointCloud cloud = partitioned(all);
  std::vector<GlobalIndex> count(all.size(), 0);
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    const auto id = static_cast<std::size_t>(cloud.ids[i]);
    ++count[id];
    EXPECT_TRUE(std::equal(all.point(id), all.point(id) + all.point_size(), cloud.point(i)));
    EXPECT_TRUE(std::equal(all.metric(id), all.metric(id) + geometry::n_sym, cloud.metric(i)));
  }
  world().sum(count);
  for (const GlobalIndex c : count) ASSERT_EQ(c, 1);
  const auto n = static_cast<GlobalIndex>(cloud.size());
  EXPECT_LE(world().max(n) - world().min(n), 2);
}

TEST(Partition, every_point_once_in_even_shares) {
  expect_whole_and_even(test::random_points("s1xs3xs3", 2003));
  expect_whole_and_even(test::random_points("torus7", 1000));
}

TEST(Partition, equal_points_do_not_unbalance_it) {
  AllPoints all = test::random_points("euclidean", 501);
  for (std::size_t i = 0; i < all.size(); ++i) std::copy_n(all.point(0), 7, all.points.data() + i * 7);
  expect_whole_and_even(all);
}

TEST(Partition, fewer_points_than_ranks) {
  expect_whole_and_even(test::random_points("s1xs3xs3", 3));
  expect_whole_and_even(test::random_points("s1xs3xs3", 1));
}

TEST(Partition, points_on_a_line_go_to_ranks_in_order) {
  AllPoints all = test::random_points("euclidean", 900, 1.0);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t d = 1; d < 7; ++d) all.points[i * 7 + d] = 0.0;
  const PointCloud cloud = partitioned(all);
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    low = std::min(low, cloud.point(i)[0]);
    high = std::max(high, cloud.point(i)[0]);
  }
  const auto lows = world().all_gather(low);
  const auto highs = world().all_gather(high);
  for (std::size_t r = 1; r < lows.size(); ++r) EXPECT_LT(highs[r - 1], lows[r]);
}

TEST(Partition, does_not_depend_on_where_the_points_were) {
  const AllPoints all = test::random_points("s1xs3xs3", 400);
  const auto embedding = all.manifold->embedding(geometry::Matrix7::Identity());
  const PointCloud even = partition_points(test::slab(all), *embedding, world());
  PointCloud on_last = test::slab(all);
  std::vector<std::size_t> received;
  std::vector<std::size_t> counts(static_cast<std::size_t>(world().size()), 0);
  const auto send = [&](auto& data, std::size_t width) {
    counts.back() = on_last.size() * width;
    return world().exchange(data, counts, received);
  };
  const auto points = send(on_last.points, 9);
  const auto metrics = send(on_last.metrics, geometry::n_sym);
  on_last.ids = send(on_last.ids, 1);
  on_last.points = points;
  on_last.metrics = metrics;
  PointCloud again = partition_points(std::move(on_last), *embedding, world());
  auto expected = even.ids;
  std::sort(expected.begin(), expected.end());
  std::sort(again.ids.begin(), again.ids.end());
  EXPECT_EQ(again.ids, expected);
}

TEST(Partition, metric_statistics) {
  AllPoints all = test::random_points("euclidean", 10);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const geometry::Matrix7 g =
        std::pow(1.0 + static_cast<double>(i), 1.0 / 7.0) * geometry::Matrix7::Identity();
    std::copy_n(geometry::pack(g.data()).data(), geometry::n_sym, all.metrics.data() + i * geometry::n_sym);
  }
  const MetricStatistics s = metric_statistics(test::slab(all), world());
  EXPECT_EQ(s.n_samples, 10);
  EXPECT_NEAR(s.det_min, 1.0, 1e-13);
  EXPECT_NEAR(s.det_max, 10.0, 1e-12);
  EXPECT_NEAR(s.det_mean, 5.5, 1e-13);
  EXPECT_NEAR(s.det_std, std::sqrt(8.25), 1e-12);  // the population's, as numpy.std
}

}  // namespace
}  // namespace k7::spectral
