// SPDX-License-Identifier: Apache-2.0
// The notebook's matrix, against numbers that the notebook itself computed (tests/data/notebook_small.h5).
#include "k7/spectral/laplacian.hpp"

#include <map>

#include "k7/spectral/eigensolver.hpp"
#include "k7/spectral/session.hpp"
#include "point_clouds.hpp"

namespace k7::spectral {
namespace {

using test::world;

class Notebook : public testing::Test {
 protected:
  static constexpr int k = 20;
  static constexpr std::size_t n = 400;

  void SetUp() override {
    all_.manifold = geometry::make_manifold("euclidean");
    all_.points = file_.read("/laplacian/coords");
    const auto metric = file_.read("/laplacian/metric");
    for (std::size_t i = 0; i < n; ++i) {
      const auto packed = geometry::pack(metric.data() + i * 49);
      all_.metrics.insert(all_.metrics.end(), packed.begin(), packed.end());
    }
    graph_ = test::knn_graph(all_, k);
    weights_ = notebook_weights(graph_);
  }

  io::Hdf5File file_ = test::notebook_reference();
  test::AllPoints all_;
  KnnGraph graph_;
  NotebookWeights weights_;
};

TEST_F(Notebook, bandwidth) {
  const auto expected = file_.read("/laplacian/sigma_sq");
  for (std::size_t i = 0; i < graph_.n_local(); ++i) {
    const double sigma_sq = expected[static_cast<std::size_t>(graph_.ids[i])];
    EXPECT_NEAR(weights_.sigma_sq[i], sigma_sq, 1e-12 * sigma_sq);
  }
}

TEST_F(Notebook, directed_matrix) {
  const auto data = file_.read("/laplacian/L_csr/data");
  const auto indices = file_.read("/laplacian/L_csr/indices");
  const auto indptr = file_.read("/laplacian/L_csr/indptr");
  for (std::size_t i = 0; i < graph_.n_local(); ++i) {
    const auto id = static_cast<std::size_t>(graph_.ids[i]);
    std::map<std::size_t, double> row;
    for (std::size_t m = 0; m < k; ++m) {
      row[static_cast<std::size_t>(graph_.row(i)[m].id)] = -weights_.weights[i * k + m];
      row[id] += weights_.weights[i * k + m];
    }
    auto x = static_cast<std::size_t>(indptr[id]);
    ASSERT_EQ(row.size(), static_cast<std::size_t>(indptr[id + 1]) - x);
    for (const auto& [column, value] : row) {
      ASSERT_EQ(column, static_cast<std::size_t>(indices[x]));
      EXPECT_NEAR(value, data[x], 1e-12 * std::abs(data[x]));
      ++x;
    }
  }
}

TEST_F(Notebook, eigenvalues_of_the_symmetric_part) {
  const auto laplacian = notebook_laplacian(graph_, weights_, Device::cpu, world());
  const auto pairs = smallest_eigenpairs(laplacian, graph_.ids, {}, {}, world());
  EXPECT_TRUE(pairs.converged);
  EXPECT_EQ(pairs.zero_modes, 0);
  EXPECT_LT(test::absolute(pairs.values, file_.read("/laplacian/eig_symmetric_part")), 1e-11);
}

/// PETSc lives as long as the tests.
class SessionEnvironment final : public testing::Environment {
 public:
  void SetUp() override { session_ = std::make_unique<Session>(world(), "test", std::vector<std::string>{}); }
  void TearDown() override { session_.reset(); }

 private:
  std::unique_ptr<Session> session_;
};
[[maybe_unused]] const auto* environment = testing::AddGlobalTestEnvironment(new SessionEnvironment);

}  // namespace
}  // namespace k7::spectral
