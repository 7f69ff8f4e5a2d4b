// SPDX-License-Identifier: Apache-2.0
// The notebook's matrix, against numbers that the notebook itself computed (tests/data/notebook_small.h5).
#include "spectral/solve/laplacian.hpp"

#include <Eigen/Eigenvalues>
#include <map>

#include "petsc_session.hpp"
#include "point_clouds.hpp"
#include "spectral/solve/eigensolver.hpp"

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
      row[static_cast<std::size_t>(graph_.neighbor(i, m).id)] = -weights_.weights[i * k + m];
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

/// The notebook's directed L from this program's weights, dense; complete on one rank only.
Eigen::MatrixXd dense_directed(const KnnGraph& graph, const NotebookWeights& weights) {
  const auto size = static_cast<Eigen::Index>(graph.n_global);
  Eigen::MatrixXd l = Eigen::MatrixXd::Zero(size, size);
  const auto k = static_cast<std::size_t>(graph.k);
  for (std::size_t i = 0; i < graph.n_local(); ++i)
    for (std::size_t m = 0; m < k; ++m) {
      l(graph.ids[i], graph.neighbor(i, m).id) -= weights.weights[i * k + m];
      l(graph.ids[i], graph.ids[i]) += weights.weights[i * k + m];
    }
  return l;
}

TEST_F(Notebook, eigenvalues_of_the_directed_matrix) {
  if (world().size() > 1) return;  // the dense reference needs all rows in one place
  Eigen::VectorXcd values = dense_directed(graph_, weights_).eigenvalues();
  // By real part, as the file has them; the two of a conjugate pair with the negative imaginary part first.
  std::sort(values.data(), values.data() + values.size(), [](const auto& a, const auto& b) {
    return std::abs(a.real() - b.real()) > 1e-9 ? a.real() < b.real() : a.imag() < b.imag();
  });
  const auto real = file_.read("/laplacian/eig_nonsymmetric_real");
  const auto imag = file_.read("/laplacian/eig_nonsymmetric_imag");
  for (std::size_t i = 0; i < real.size(); ++i) {
    const auto value = values[static_cast<Eigen::Index>(i)];
    EXPECT_NEAR(value.real(), real[i], 1e-10);
    EXPECT_NEAR(std::abs(value.imag()), std::abs(imag[i]), 1e-10);
  }
}

TEST_F(Notebook, eigenvalues_of_symmetrised_weights) {
  if (world().size() > 1) return;
  const Eigen::MatrixXd l = dense_directed(graph_, weights_);
  Eigen::MatrixXd w = -0.5 * (l + l.transpose());
  w.diagonal().setZero();
  const Eigen::MatrixXd symmetrised = Eigen::MatrixXd(w.rowwise().sum().asDiagonal()) - w;
  const Eigen::VectorXd values = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(symmetrised).eigenvalues();
  const auto reference = file_.read("/laplacian/eig_symmetrised_weights");
  EXPECT_LE(test::absolute({values.data(), values.data() + reference.size()}, reference), 1e-11);
}

TEST_F(Notebook, eigenvalues_of_the_symmetric_part) {
  const auto laplacian = notebook_laplacian(graph_, weights_, Device::cpu, world());
  const auto pairs = smallest_eigenpairs(laplacian, graph_.ids, {}, {}, world());
  EXPECT_TRUE(pairs.converged);
  EXPECT_EQ(pairs.zero_modes, 0);
  EXPECT_LT(test::absolute(pairs.values, file_.read("/laplacian/eig_symmetric_part")), 1e-11);
}

}  // namespace
}  // namespace k7::spectral
