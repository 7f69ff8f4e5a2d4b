// SPDX-License-Identifier: Apache-2.0
// The kNN graph equals brute force, whatever the metric, the manifold and the number of ranks.
#include "k7/spectral/knn_graph.hpp"

#include <numeric>
#include <set>

#include "k7/spectral/symmetric_graph.hpp"
#include "point_clouds.hpp"

namespace k7::spectral {
namespace {

using test::AllPoints;
using test::world;

/// Distances agree to rounding, every neighbour has the distance that it claims, none is the point itself or
/// there twice, and every point is a row of exactly one rank.
void expect_brute_force(const AllPoints& all, int k, int threads = 1) {
  const KnnGraph graph = test::knn_graph(all, k, threads);
  ASSERT_EQ(world().sum(static_cast<GlobalIndex>(graph.n_local())), static_cast<GlobalIndex>(all.size()));
  ASSERT_EQ(graph.neighbors.size(), graph.n_local() * static_cast<std::size_t>(k));
  GlobalIndex id_sum = 0;
  for (std::size_t row = 0; row < graph.n_local(); ++row) {
    const auto i = static_cast<std::size_t>(graph.ids[row]);
    id_sum += graph.ids[row];
    const auto expected = test::nearest(all, i, k);
    std::set<GlobalIndex> seen{graph.ids[row]};
    for (int m = 0; m < k; ++m) {
      const Neighbor& n = graph.row(row)[m];
      ASSERT_NEAR(n.distance_sq, expected[static_cast<std::size_t>(m)].first, 1e-13 * n.distance_sq)
          << "point " << i << " neighbour " << m;
      ASSERT_NEAR(n.distance_sq, all.distance_sq(i, static_cast<std::size_t>(n.id)), 1e-13 * n.distance_sq);
      ASSERT_TRUE(seen.insert(n.id).second) << "point " << i << " has neighbour " << n.id << " twice";
    }
  }
  const auto n = static_cast<GlobalIndex>(all.size());
  EXPECT_EQ(world().sum(id_sum), n * (n - 1) / 2);
}

class Manifolds : public testing::TestWithParam<const char*> {};

TEST_P(Manifolds, equals_brute_force_with_a_strongly_varying_metric) {
  expect_brute_force(test::random_points(GetParam(), 5000), 12);
}

INSTANTIATE_TEST_SUITE_P(All, Manifolds, testing::Values("s1xs3xs3", "euclidean", "torus7"));

TEST(KnnGraph, several_threads_change_nothing) {
  expect_brute_force(test::random_points("s1xs3xs3", 1000), 9, 3);
}

TEST(KnnGraph, copies_are_each_others_neighbours) {
  AllPoints all = test::random_points("s1xs3xs3", 600);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::copy_n(all.point(i - i % 3), all.point_size(), all.points.data() + i * all.point_size());
    std::copy_n(all.metric(i - i % 3), geometry::n_sym, all.metrics.data() + i * geometry::n_sym);
  }
  expect_brute_force(all, 10);
  const KnnGraph graph = test::knn_graph(all, 2);
  for (const Neighbor& n : graph.neighbors) EXPECT_LT(n.distance_sq, 1e-30);
}

TEST(KnnGraph, all_points_equal) {
  AllPoints all = test::random_points("torus7", 150);
  for (std::size_t i = 0; i < all.size(); ++i) std::copy_n(all.point(0), 7, all.points.data() + i * 7);
  const KnnGraph graph = test::knn_graph(all, 3);
  // Ties go to the lower rows of the input.
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    std::vector<GlobalIndex> expected;
    for (GlobalIndex id = 0; expected.size() < 3; ++id)
      if (id != graph.ids[i]) expected.push_back(id);
    for (std::size_t m = 0; m < 3; ++m) EXPECT_EQ(graph.row(i)[m].id, expected[m]);
  }
}

TEST(KnnGraph, neighbours_across_the_cut_of_the_circle) {
  AllPoints all = test::random_points("s1xs3xs3", 800, 4.0);
  const double angles[] = {0.0, 1e-9, 2.0 * geometry::pi - 1e-9, 2.0 * geometry::pi - 0.05, 0.05};
  for (std::size_t i = 0; i < all.size(); ++i) all.points[i * 9] = angles[i % 5];
  expect_brute_force(all, 15);
}

TEST(KnnGraph, fewer_points_than_a_leaf_and_empty_ranks) {
  expect_brute_force(test::random_points("s1xs3xs3", 5), 4);
  expect_brute_force(test::random_points("euclidean", 3), 2);
  expect_brute_force(test::random_points("torus7", 2), 1);
}

TEST(KnnGraph, more_neighbours_than_a_leaf_holds) {
  expect_brute_force(test::random_points("s1xs3xs3", 500), 150);
  expect_brute_force(test::random_points("euclidean", 200), 199);
}

TEST(KnnGraph, points_on_a_line_where_bounds_of_boxes_are_tight) {
  // Neighbours reach just beyond the next leaf.
  AllPoints all = test::random_points("euclidean", 1500, 1.0);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t d = 0; d < 7; ++d)
      all.points[i * 7 + d] = d == 0 ? static_cast<double>(i * 7 % 1500) : 0.0;
  expect_brute_force(all, 2 * LeafTree::leaf_size + 12);
}

TEST(KnnGraph, far_from_the_origin_rounding_of_the_embedding_is_covered) {
  // One metric for all, so that bounds equal distances up to this rounding.
  AllPoints all = test::random_points("euclidean", 1500);
  for (double& x : all.points) x = 1e6 + 1e-7 * x;
  for (std::size_t i = 0; i < all.size(); ++i)
    std::copy_n(all.metric(0), geometry::n_sym, all.metrics.data() + i * geometry::n_sym);
  expect_brute_force(all, 10);
}

TEST(KnnGraph, quaternions_that_are_not_quite_unit) {
  // Files may hold float32, and norms that are off by 1e-5 are accepted; here that is as much as the
  // distances.
  AllPoints all = test::random_points("s1xs3xs3", 1500, 1.0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    double* p = all.points.data() + i * 9;
    for (std::uint32_t d = 0; d < 9; ++d)
      p[d] = 1e-5 * test::uniform(15, i, d) + (d == 1 || d == 5 ? 1.0 : 0.0);
    for (std::size_t first : {1, 5}) {
      double norm = 0.0;
      for (std::size_t d = first; d < first + 4; ++d) norm += p[d] * p[d];
      const double scale = (1.0 + 1.8e-5 * (test::uniform(16, i, static_cast<std::uint32_t>(first)) - 0.5));
      for (std::size_t d = first; d < first + 4; ++d) p[d] *= scale / std::sqrt(norm);
    }
  }
  expect_brute_force(all, 10);
}

TEST(KnnGraph, both_ends_of_every_edge_know_it) {
  const AllPoints all = test::random_points("s1xs3xs3", 700);
  const int k = 6;
  std::vector<std::set<std::size_t>> expected(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const auto& [square, j] : test::nearest(all, i, k)) {
      expected[i].insert(j);
      expected[j].insert(i);
    }
  }
  const KnnGraph graph = test::knn_graph(all, k);
  const SymmetricGraph symmetric = symmetrize(graph, world());
  // Input rows of all matrix rows, on every rank.
  std::vector<GlobalIndex> send;
  for (int r = 0; r < world().size(); ++r) send.insert(send.end(), graph.ids.begin(), graph.ids.end());
  std::vector<std::size_t> received;
  const auto id_of_row = world().exchange(
      send, std::vector<std::size_t>(static_cast<std::size_t>(world().size()), graph.n_local()), received);
  for (std::size_t i = 0; i < symmetric.n_local(); ++i) {
    const auto id = static_cast<std::size_t>(symmetric.ids[i]);
    std::set<std::size_t> found;
    for (std::size_t x = symmetric.offsets[i]; x < symmetric.offsets[i + 1]; ++x) {
      const auto other = static_cast<std::size_t>(id_of_row[static_cast<std::size_t>(symmetric.columns[x])]);
      found.insert(other);
      EXPECT_NEAR(symmetric.distance_sq[x], all.distance_sq(id, other), 1e-13 * symmetric.distance_sq[x]);
    }
    EXPECT_EQ(found, expected[id]);
    EXPECT_EQ(found.size(), symmetric.offsets[i + 1] - symmetric.offsets[i]);
  }
}

}  // namespace
}  // namespace k7::spectral
