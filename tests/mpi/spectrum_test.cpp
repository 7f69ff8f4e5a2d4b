// SPDX-License-Identifier: Apache-2.0
// Eigenvalues of the graph Laplacian against a dense solve, null spaces, small cases, results in files.
#include "k7/spectral/spectrum.hpp"

#include <Eigen/Eigenvalues>

#include "k7/base/error.hpp"
#include "petsc_session.hpp"
#include "point_clouds.hpp"
#include "spectral/graph/components.hpp"
#include "spectral/output.hpp"

namespace k7::spectral {
namespace {

using test::AllPoints;
using test::world;

/// K and M of the generalised problem, in input order, by brute force.
struct Dense {
  Eigen::MatrixXd k;
  Eigen::MatrixXd m;

  Dense(const AllPoints& all, int n_neighbors) {
    const auto n = static_cast<Eigen::Index>(all.size());
    Eigen::MatrixXd w = Eigen::MatrixXd::Zero(n, n);
    Eigen::MatrixXd square = Eigen::MatrixXd::Zero(n, n);
    const auto edges = test::balanced_edges(all, n_neighbors);
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (const auto& [j, distance_sq] : edges[i]) {
        // Factors are stored in single precision and stop at 1/20.
        const double factor = static_cast<float>(all.volume_factor(i, j));
        const auto row = static_cast<Eigen::Index>(i);
        const auto column = static_cast<Eigen::Index>(j);
        w(row, column) = 1.0 / std::max(0.05, factor);
        square(row, column) = distance_sq;
      }
    }
    const Eigen::VectorXd energies = w.cwiseProduct(square).rowwise().sum() / 14.0;
    const Eigen::VectorXd volumes = point_volumes(all, n_neighbors);
    const Eigen::VectorXd s = volumes.cwiseQuotient(energies).cwiseSqrt();
    w = s.asDiagonal() * w * s.asDiagonal();
    k = -w;
    k.diagonal() += w.rowwise().sum();
    m = volumes.asDiagonal();
  }

  /// 1/p, where p is the density, or q^{-7/2} where q is the mean d^2 of the nearest ones with weights 1/J.
  static Eigen::VectorXd point_volumes(const AllPoints& all, int n_neighbors) {
    Eigen::VectorXd volumes(static_cast<Eigen::Index>(all.size()));
    for (std::size_t i = 0; i < all.size(); ++i) {
      double weight = 0.0;
      double sum = 0.0;
      for (const auto& [distance_sq, j] : test::nearest(all, i, n_neighbors)) {
        const double factor = std::max(0.05, double{static_cast<float>(all.volume_factor(i, j))});
        weight += 1.0 / factor;
        sum += distance_sq / factor;
      }
      volumes(static_cast<Eigen::Index>(i)) =
          all.densities.empty() ? std::pow(sum / weight, 3.5) : 1.0 / all.densities[i];
    }
    return volumes / std::exp(volumes.array().log().mean());
  }

  Eigen::VectorXd eigenvalues() const {
    return Eigen::GeneralizedSelfAdjointEigenSolver<Eigen::MatrixXd>(k, m, Eigen::EigenvaluesOnly)
        .eigenvalues();
  }
};

struct Result {
  KnnGraph graph;
  Components components;
  EigenPairs pairs;
};

/// @param graph_k neighbours in the graph, of which k are used
Result solve(const AllPoints& all, int k, int count, int graph_k = 0) {
  Result r;
  r.graph = test::knn_graph(all, graph_k > 0 ? graph_k : k);
  const auto symmetric = symmetrize(r.graph, graph_k > k ? std::vector<int>{k, graph_k} : std::vector<int>{k},
                                    Join::balanced, world());
  r.components = connected_components(symmetric, k, world());
  NullSpace null_space;
  null_space.count = static_cast<int>(std::min(r.components.count, GlobalIndex{count}));
  null_space.components = number_components(r.components, symmetric.row_begin, null_space.count, world());
  const auto laplacian = graph_laplacian(symmetric, k, "points.h5", Device::cpu, world());
  EigenOptions options;
  options.count = count;
  r.pairs = smallest_eigenpairs(laplacian, r.graph.ids, null_space, options, world());
  return r;
}

void expect_dense_values(const AllPoints& all, int k, int count, GlobalIndex n_components, int graph_k = 0) {
  const Result r = solve(all, k, count, graph_k);
  const Eigen::VectorXd expected = Dense(all, k).eigenvalues();
  const double largest = expected(expected.size() - 1);
  EXPECT_TRUE(r.pairs.converged);
  EXPECT_EQ(r.components.count, n_components);
  EXPECT_EQ(r.pairs.zero_modes, std::min<GlobalIndex>(n_components, count));
  ASSERT_EQ(r.pairs.values.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const double value = r.pairs.values[static_cast<std::size_t>(i)];
    if (i < n_components) {
      EXPECT_NEAR(value, 0.0, 1e-14 * largest);
    } else {
      EXPECT_NEAR(value, expected(i), 1e-10 * expected(i)) << "eigenvalue " << i;
    }
    EXPECT_LT(r.pairs.residuals[static_cast<std::size_t>(i)], 1e-8 * largest);
  }
}

/// `n_clusters` groups, too far apart to be neighbours.
AllPoints clusters(std::size_t n, std::size_t n_clusters) {
  AllPoints all = test::random_points("euclidean", n, 3.0);
  for (std::size_t i = 0; i < n; ++i) all.points[i * 7] += 100.0 * static_cast<double>(i % n_clusters);
  return all;
}

TEST(Spectrum, equals_a_dense_solve) {
  expect_dense_values(test::random_points("s1xs3xs3", 300), 12, 15, 1);
  expect_dense_values(test::random_points("torus7", 350, 2.0), 30, 10, 1);
}

TEST(Spectrum, equals_a_dense_solve_where_lapack_does_it) {
  expect_dense_values(test::random_points("s1xs3xs3", 120), 10, 15, 1);
}

TEST(Spectrum, known_densities_correct_the_weights) {
  AllPoints all = test::random_points("s1xs3xs3", 300, 4.0);
  for (std::size_t i = 0; i < all.size(); ++i) all.densities.push_back(1.0 + 3.0 * test::uniform(17, i, 0));
  expect_dense_values(all, 12, 8, 1);
}

TEST(Spectrum, a_graph_holds_those_of_fewer_neighbours) {
  const AllPoints all = test::random_points("s1xs3xs3", 300);
  expect_dense_values(all, 12, 8, 1, 30);
  expect_dense_values(clusters(300, 3), 8, 10, 3, 150);  // more neighbours than a cluster has
}

TEST(Spectrum, few_points) {
  expect_dense_values(test::random_points("s1xs3xs3", 6), 3, 5, 1);
  expect_dense_values(test::random_points("euclidean", 3), 2, 2, 1);
  expect_dense_values(test::random_points("euclidean", 2), 1, 1, 1);
}

TEST(Spectrum, every_component_has_a_zero_mode) {
  expect_dense_values(clusters(300, 3), 8, 10, 3);
  expect_dense_values(clusters(60, 4), 8, 10, 4);
}

TEST(Spectrum, more_components_than_eigenvalues) {
  expect_dense_values(clusters(240, 12), 8, 5, 12);
  expect_dense_values(clusters(240, 12), 8, 12, 12);
}

TEST(Spectrum, components_in_a_chain_across_ranks) {
  // Points on a line: every rank is joined to the next by a few edges only, labels have to travel.
  AllPoints all = test::random_points("euclidean", 200, 1.0);
  for (std::size_t i = 0; i < 200; ++i)
    for (std::size_t d = 0; d < 7; ++d)
      all.points[i * 7 + d] = d == 0 ? static_cast<double>(i * 37 % 200) : 0.0;
  const auto graph = test::knn_graph(all, 2);
  const auto components = connected_components(symmetrize(graph, {2}, Join::balanced, world()), 2, world());
  EXPECT_EQ(components.count, 1);
  for (const GlobalIndex label : components.labels) EXPECT_EQ(label, 0);
}

TEST(Spectrum, scales_as_a_laplacian) {
  AllPoints all = test::random_points("s1xs3xs3", 250);
  const auto before = solve(all, 10, 6).pairs.values;
  for (double& g : all.metrics) g *= 100.0;
  const auto after = solve(all, 10, 6).pairs.values;
  for (std::size_t i = 1; i < 6; ++i) EXPECT_NEAR(100.0 * after[i], before[i], 1e-9 * before[i]);
}

class Coincident : public testing::TestWithParam<const char*> {};

TEST_P(Coincident, neighbours_are_an_error_that_names_the_row) {
  AllPoints all = test::random_points(GetParam(), 600, 1.0);
  // 20 copies of one point: nobody else has all of them among its neighbours.
  for (std::size_t i = 40; i < 60; ++i)
    std::copy_n(all.point(40), all.point_size(), all.points.data() + i * all.point_size());
  try {
    solve(all, 3, 4);
    FAIL() << "no error";
  } catch (const CollectiveError& e) {
    EXPECT_EQ(e.fault(), Fault::bad_input);
    EXPECT_TRUE(std::string(e.what()).find("points.h5, row 4") == 0 ||
                std::string(e.what()).find("points.h5, row 5") == 0)
        << e.what();
  }
}

/// All nearest ones of a copy coincide with it, but the only other point near has it as a neighbour: it has an edge of some
/// length, and no volume.
TEST(Spectrum, copies_with_one_edge_are_an_error_too) {
  AllPoints all = test::random_points("euclidean", 200, 1.0);
  for (std::size_t i = 40; i < 48; ++i)
    std::copy_n(all.point(40), all.point_size(), all.points.data() + i * all.point_size());
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i < 40 || i > 48) all.points[i * 7] += 100.0;
  std::copy_n(all.point(40), all.point_size(), all.points.data() + 48 * all.point_size());
  all.points[48 * 7] += 0.5;
  try {
    solve(all, 7, 4);
    FAIL() << "no error";
  } catch (const CollectiveError& e) {
    EXPECT_EQ(e.fault(), Fault::bad_input);
    EXPECT_EQ(std::string(e.what()).find("points.h5, row 4"), 0U) << e.what();
  }
}

INSTANTIATE_TEST_SUITE_P(All, Coincident, testing::Values("euclidean", "s1xs3xs3"));

TEST(Spectrum, files_hold_results_in_input_order) {
  const test::TemporaryFolder folder;
  const AllPoints all = test::random_points("s1xs3xs3", 230);
  const int k = 9;
  const Result r = solve(all, k, 5);
  write_graph(folder / "graph.h5", r.graph, k, world());
  const auto share = parallel::even_rows(230, world().rank(), world().size());
  Places places{{}, {}, "rows"};
  for (GlobalIndex row = share.begin; row < share.begin + share.count(); ++row) {
    for (int c = 0; c < geometry::dim; ++c) places.coords.push_back(static_cast<double>(7 * row + c));
    for (int c = 0; c < 3; ++c) places.projected.push_back(static_cast<double>(-3 * row - c));
  }
  write_eigenvectors(folder / "modes.h5", r.pairs, r.graph.ids, r.graph.n_global, places, world());
  world().barrier();

  const auto graph = io::Hdf5File::open(folder / "graph.h5");
  ASSERT_EQ(graph.shape("/neighbors"), (io::Hdf5File::Shape{230, 9}));
  std::vector<std::int64_t> ids(230 * 9);
  graph.read_rows("/neighbors", 0, 230, ids.data());
  const auto squares = graph.read("/distance_sq");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto expected = test::nearest(all, i, k);
    for (std::size_t m = 0; m < 9; ++m) {
      EXPECT_EQ(ids[i * 9 + m], static_cast<std::int64_t>(expected[m].second));
      EXPECT_NEAR(squares[i * 9 + m], expected[m].first, 1e-13 * expected[m].first);
    }
  }

  const auto modes = io::Hdf5File::open(folder / "modes.h5");
  const auto values = modes.read("/eigenvalues");
  const auto functions = modes.read("/eigenvectors");
  ASSERT_EQ(functions.size(), 230U * 5U);
  const auto coords = modes.read("/coords");
  const auto projected = modes.read("/projection");
  ASSERT_EQ(modes.shape("/coords"), (io::Hdf5File::Shape{230, 7}));
  ASSERT_EQ(modes.shape("/projection"), (io::Hdf5File::Shape{230, 3}));
  for (std::size_t i = 0; i < coords.size(); ++i) ASSERT_EQ(coords[i], static_cast<double>(i));
  for (std::size_t i = 0; i < projected.size(); ++i) ASSERT_EQ(projected[i], -static_cast<double>(i));
  EXPECT_EQ(modes.string_attribute("/projection", "projection"), "rows");
  EXPECT_EQ(values, r.pairs.values);
  const Dense dense(all, k);
  const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> f(
      functions.data(), 230, 5);
  const Eigen::MatrixXd gram = f.transpose() * dense.m * f;
  EXPECT_LT((gram - Eigen::MatrixXd::Identity(5, 5)).norm(), 1e-8);
  for (Eigen::Index c = 0; c < 5; ++c)
    EXPECT_LT((dense.k * f.col(c) - values[static_cast<std::size_t>(c)] * dense.m * f.col(c)).norm(),
              1e-7 * (dense.k * f.col(4)).norm());
}

TEST(Spectrum, verdict) {
  EigenPairs pairs;
  const Prediction prediction{100.0, 10.0};
  const auto status = [&](double lambda_1) {
    pairs.values = {0.0, lambda_1};
    return judge(pairs, prediction).status;
  };
  EXPECT_EQ(status(0.1049), "PASSED");
  EXPECT_EQ(status(0.0951), "PASSED");
  EXPECT_EQ(status(0.1051), "PARTIAL");
  EXPECT_EQ(status(0.0851), "PARTIAL");
  EXPECT_EQ(status(0.1151), "NEEDS_REFINEMENT");
  pairs.values = {0.0};
  EXPECT_FALSE(judge(pairs, prediction).passed);
  EXPECT_EQ(judge(pairs, prediction).status, "NEEDS_REFINEMENT");
  pairs.values = {0.0, 0.1};
  pairs.converged = false;
  EXPECT_FALSE(judge(pairs, prediction).passed);
}

}  // namespace
}  // namespace k7::spectral
