// SPDX-License-Identifier: Apache-2.0
// The kNN graph equals brute force, whatever the metric, the manifold and the number of ranks.
#include "spectral/knn/knn_graph.hpp"

#include <hwy/targets.h>

#include <map>
#include <numeric>
#include <set>

#include "point_clouds.hpp"
#include "spectral/graph/symmetric_graph.hpp"

namespace k7::spectral {
namespace {

using test::AllPoints;
using test::world;

/// Distances agree to rounding, every neighbour has the distance that it claims, none is the point itself or
/// there twice, and every point is a row of exactly one rank.
void expect_brute_force(const AllPoints& all, int k, int threads = 1) {
  const KnnGraph graph = test::knn_graph(all, k, threads);
  ASSERT_EQ(world().sum(static_cast<GlobalIndex>(graph.n_local())), static_cast<GlobalIndex>(all.size()));
  ASSERT_EQ(graph.places.size(), graph.n_local() * static_cast<std::size_t>(k));
  GlobalIndex id_sum = 0;
  for (std::size_t row = 0; row < graph.n_local(); ++row) {
    const auto i = static_cast<std::size_t>(graph.ids[row]);
    id_sum += graph.ids[row];
    const auto expected = test::nearest(all, i, k);
    std::set<GlobalIndex> seen{graph.ids[row]};
    for (int m = 0; m < k; ++m) {
      const Neighbor n = graph.neighbor(row, static_cast<std::size_t>(m));
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
  for (const double d : graph.distance_sq) EXPECT_LT(d, 1e-30);
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
    for (std::size_t m = 0; m < 3; ++m) EXPECT_EQ(graph.neighbor(i, m).id, expected[m]);
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

/// What a test of many points is about.
struct Sampled {
  std::string manifold;
  double condition;  ///< of metrics with random axes at every point
  bool one_metric;   ///< or of one for all points
  bool clustered;
};

std::string name_of(const testing::TestParamInfo<Sampled>& info) {
  const Sampled& s = info.param;
  std::string name = s.manifold + (s.one_metric ? "_one_metric_" : "_varying_") +
                     std::to_string(static_cast<int>(s.condition)) +
                     (s.clustered ? "_clustered" : "_uniform");
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// Metrics of n points; making them takes longer than the searches, so they are shared.
const std::vector<double>& shared_metrics(double condition, std::size_t n) {
  static std::map<double, std::vector<double>> made;
  std::vector<double>& metrics = made[condition];
  for (std::size_t i = metrics.size() / geometry::n_sym; i < n; ++i) {
    const auto g = test::random_metric(i, condition);
    metrics.insert(metrics.end(), g.begin(), g.end());
  }
  return metrics;
}

/// Clusters whose sizes differ by up to six orders of magnitude, exact copies, points on both sides of the
/// cut of a circle and antipodes, in place of some of the points.
void cluster(AllPoints& all) {
  const std::size_t size = all.point_size();
  const bool has_spheres = size == geometry::point_size_neck;
  for (std::size_t i = 0; i < all.size(); ++i) {
    double* p = all.points.data() + i * size;
    const std::size_t kind = i % 16;
    if (kind < 10) {
      const std::size_t centre = i % 7 * 16 + 15;
      const double scale = std::pow(10.0, -static_cast<double>(i % 7));
      for (std::uint32_t d = 0; d < size; ++d)
        p[d] = all.point(centre)[d] + scale * (test::uniform(21, i, d) - 0.5);
    } else if (kind == 10 && i > 16) {
      std::copy_n(all.point(i - 10), size, p);
      continue;
    } else if (kind == 11) {
      p[0] = i % 32 == 11 ? 0.0 : 2.0 * geometry::pi - 1e-12;
    } else if (kind == 12 && has_spheres && i > 16) {
      std::copy_n(all.point(i - 11), size, p);
      for (std::size_t d = 1; d < 5; ++d) p[d] = -p[d];
      continue;
    }
    for (std::size_t first = 1; has_spheres && first < size; first += 4) {
      double norm = 0.0;
      for (std::size_t d = first; d < first + 4; ++d) norm += p[d] * p[d];
      for (std::size_t d = first; d < first + 4; ++d) p[d] /= std::sqrt(norm);
    }
  }
}

AllPoints sampled_points(const Sampled& s, std::size_t n) {
  const bool mixed = s.manifold == "mixed";
  AllPoints all;
  geometry::ManifoldParameters parameters;
  if (mixed) parameters.periods = geometry::Periods{0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.5};
  all.manifold = geometry::make_manifold(mixed ? "euclidean" : s.manifold, parameters);
  all.points.resize(n * all.point_size());
  for (std::size_t i = 0; i < n; ++i) {
    double* p = all.points.data() + i * all.point_size();
    double coords[geometry::dim];
    if (mixed || s.manifold == "euclidean")
      for (std::uint32_t d = 0; d < geometry::dim; ++d) p[d] = test::uniform(13, i, d);
    else
      all.manifold->sample({14, geometry::Stream::samples, 0}, i, p, coords);
  }
  all.one_metric = s.one_metric;
  if (s.one_metric)
    for (std::size_t i = 0; i < n; ++i) {
      const auto& first = shared_metrics(s.condition, 1);
      all.metrics.insert(all.metrics.end(), first.begin(), first.begin() + geometry::n_sym);
    }
  else
    all.metrics = shared_metrics(s.condition, n);
  all.metrics.resize(n * geometry::n_sym);
  if (s.clustered) cluster(all);
  return all;
}

/// Lists, order, ties and volume factors of every `step`-th point.
void expect_sample(const AllPoints& all, const KnnGraph& graph, GlobalIndex step) {
  const int k = graph.k;
  ASSERT_EQ(graph.volume_factors.empty(), all.manifold->has_uniform_displacements() || graph.n_local() == 0);
  for (std::size_t row = 0; row < graph.n_local(); ++row) {
    if (graph.ids[row] % step != 0) continue;
    const auto i = static_cast<std::size_t>(graph.ids[row]);
    const auto expected = test::nearest(all, i, k + 1);
    for (int m = 0; m < k; ++m) {
      const auto entry = static_cast<std::size_t>(m);
      const Neighbor n = graph.neighbor(row, entry);
      const double d = expected[entry].first;
      ASSERT_NEAR(n.distance_sq, d, 1e-13 * d) << "point " << i << " neighbour " << m;
      ASSERT_NEAR(n.distance_sq, all.distance_sq(i, static_cast<std::size_t>(n.id)), 1e-13 * d);
      ASSERT_NE(n.id, graph.ids[row]);
      ASSERT_TRUE(m == 0 || graph.neighbor(row, entry - 1) < n);
      // Exactly equal distances have an order; nearly equal ones may change places by rounding.
      const auto apart = [&](double other) { return other == d || std::abs(other - d) > 1e-12 * d; };
      const bool is_ordered =
          (m == 0 || apart(expected[entry - 1].first)) && apart(expected[entry + 1].first);
      ASSERT_TRUE(!is_ordered || n.id == static_cast<GlobalIndex>(expected[entry].second))
          << "point " << i << " neighbour " << m << ": " << n.id << ", not " << expected[entry].second;
      if (graph.volume_factors.empty()) continue;
      double v[geometry::dim];
      all.manifold->displacement(all.point(i), all.point(static_cast<std::size_t>(n.id)), v);
      // The sine of an angle near pi is known to the rounding of the angle.
      const double factor = all.manifold->volume_factor(v);
      ASSERT_NEAR(graph.volume_factors[row * static_cast<std::size_t>(k) + entry], factor,
                  2e-7 * factor + 1e-14);
    }
  }
}

class Samples : public testing::TestWithParam<Sampled> {};

TEST_P(Samples, equal_brute_force) {
  const AllPoints all = sampled_points(GetParam(), 20000);
  expect_sample(all, test::knn_graph(all, 30, world().size() == 1 ? 2 : 1), 199);
}

std::vector<Sampled> samples() {
  std::vector<Sampled> result;
  for (const char* manifold :
       {"s1xs3xs3", "interval-s3xs3", "torus7", "euclidean", "mixed", "notebook-chart"})
    for (const bool clustered : {false, true}) {
      for (const double condition : {1.0, 30.0}) result.push_back({manifold, condition, true, clustered});
      for (const double condition : {5.0, 30.0}) result.push_back({manifold, condition, false, clustered});
    }
  return result;
}

INSTANTIATE_TEST_SUITE_P(Long, Samples, testing::ValuesIn(samples()), name_of);

/// Runs with the given instruction sets only.
class OnTargets {
 public:
  explicit OnTargets(std::int64_t targets) { hwy::SetSupportedTargetsForTest(targets); }
  ~OnTargets() { hwy::SetSupportedTargetsForTest(0); }
  OnTargets(const OnTargets&) = delete;
  OnTargets& operator=(const OnTargets&) = delete;
};

class Targets : public testing::TestWithParam<Sampled> {};

TEST_P(Targets, all_give_the_same_bits) {
  const AllPoints all = sampled_points(GetParam(), 2000);
  const KnnGraph best = test::knn_graph(all, 30);
  expect_sample(all, best, 53);
  std::int64_t rest = hwy::SupportedTargets();
  while (rest != 0) {
    const std::int64_t target = rest & -rest;
    rest &= rest - 1;
    const OnTargets only(target);
    const KnnGraph graph = test::knn_graph(all, 30);
    EXPECT_EQ(graph.places, best.places) << hwy::TargetName(target);
    EXPECT_EQ(graph.distance_sq, best.distance_sq) << hwy::TargetName(target);
    EXPECT_EQ(graph.volume_factors, best.volume_factors) << hwy::TargetName(target);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Targets,
    testing::Values(Sampled{"s1xs3xs3", 5.0, true, true}, Sampled{"s1xs3xs3", 30.0, false, false},
                    Sampled{"interval-s3xs3", 5.0, false, true}, Sampled{"torus7", 5.0, false, false},
                    Sampled{"torus7", 5.0, true, true}, Sampled{"euclidean", 5.0, true, false},
                    Sampled{"mixed", 5.0, false, true}),
    name_of);

TEST(KnnGraph, thousands_of_copies) {
  AllPoints all = sampled_points({"s1xs3xs3", 5.0, true, false}, 6000);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i % 3 != 0) std::copy_n(all.point(1), 9, all.points.data() + i * 9);
  expect_sample(all, test::knn_graph(all, 12), 59);
}

TEST(KnnGraph, neighbours_at_antipodes) {
  // Directions of displacements near an antipode are not determined in float32.
  const AllPoints all = sampled_points({"s1xs3xs3", 5.0, false, true}, 2000);
  expect_sample(all, test::knn_graph(all, 1500), 41);
}

TEST(KnnGraph, distances_are_symmetric_to_the_bit) {
  const AllPoints all = sampled_points({"s1xs3xs3", 5.0, false, true}, 400);
  const KnnGraph graph = test::knn_graph(all, 399);
  std::map<std::pair<GlobalIndex, GlobalIndex>, double> squares;
  for (std::size_t row = 0; row < graph.n_local(); ++row)
    for (std::size_t m = 0; m < 399; ++m) {
      const Neighbor n = graph.neighbor(row, m);
      squares[{graph.ids[row], n.id}] = n.distance_sq;
    }
  for (const auto& [pair, square] : squares) {
    const auto other = squares.find({pair.second, pair.first});
    EXPECT_TRUE(other == squares.end() || other->second == square);
  }
}

/// Input rows of all matrix rows, on every rank.
std::vector<GlobalIndex> ids_of_rows(const KnnGraph& graph) {
  std::vector<GlobalIndex> send;
  for (int r = 0; r < world().size(); ++r) send.insert(send.end(), graph.ids.begin(), graph.ids.end());
  std::vector<std::size_t> received;
  return world().exchange(
      send, std::vector<std::size_t>(static_cast<std::size_t>(world().size()), graph.n_local()), received);
}

/// The edges of local rows in the graph of k neighbours against those expected.
void expect_edges(const AllPoints& all, const SymmetricGraph& symmetric,
                  const std::vector<GlobalIndex>& id_of_row, int k,
                  const std::vector<std::map<std::size_t, double>>& expected) {
  for (std::size_t i = 0; i < symmetric.n_local(); ++i) {
    const auto id = static_cast<std::size_t>(symmetric.ids[i]);
    std::set<std::size_t> found;
    std::size_t count = 0;
    for (std::size_t x = symmetric.offsets[i]; x < symmetric.offsets[i + 1]; ++x) {
      if (symmetric.levels[x] > symmetric.level_of(k)) continue;
      const auto other = static_cast<std::size_t>(
          id_of_row[static_cast<std::size_t>(symmetric.row_of(symmetric.places[x]))]);
      found.insert(other);
      ++count;
      EXPECT_NEAR(symmetric.distance_sq[x], all.distance_sq(id, other), 1e-13 * symmetric.distance_sq[x]);
    }
    std::set<std::size_t> wanted;
    for (const auto& edge : expected[id]) wanted.insert(edge.first);
    EXPECT_EQ(found, wanted) << "row " << id << ", k = " << k;
    EXPECT_EQ(count, wanted.size());
  }
}

TEST(KnnGraph, both_ends_of_every_edge_know_it) {
  const AllPoints all = test::random_points("s1xs3xs3", 700);
  const int k = 6;
  std::vector<std::map<std::size_t, double>> expected(all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const auto& [square, j] : test::nearest(all, i, k)) expected[i][j] = expected[j][i] = square;
  const KnnGraph graph = test::knn_graph(all, k);
  expect_edges(all, symmetrize(graph, {k}, Join::either, world()), ids_of_rows(graph), k, expected);
}

TEST(KnnGraph, edges_are_balanced_for_every_number_of_neighbours) {
  const AllPoints all = test::random_points("s1xs3xs3", 700);
  const std::vector<int> neighbors{1, 4, 9, 18};
  const KnnGraph graph = test::knn_graph(all, neighbors.back());
  const SymmetricGraph symmetric = symmetrize(graph, neighbors, Join::balanced, world());
  const auto id_of_row = ids_of_rows(graph);
  for (const int k : neighbors) expect_edges(all, symmetric, id_of_row, k, test::balanced_edges(all, k));
}

/// A point far from all others has few edges, not none.
TEST(KnnGraph, outlier_keeps_its_nearest_neighbours) {
  AllPoints all = test::random_points("euclidean", 200, 1.0);
  for (std::size_t d = 0; d < 7; ++d) all.points[d] = 50.0;
  const int k = 12;
  const KnnGraph graph = test::knn_graph(all, k);
  const SymmetricGraph symmetric = symmetrize(graph, {k}, Join::balanced, world());
  for (std::size_t i = 0; i < symmetric.n_local(); ++i) {
    if (symmetric.ids[i] == 0) {
      EXPECT_EQ(symmetric.offsets[i + 1] - symmetric.offsets[i], 3U);
    }
  }
}

}  // namespace
}  // namespace k7::spectral
