// SPDX-License-Identifier: Apache-2.0
#include "geometry/left_invariant_spectrum.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <queue>

#include "k7/base/error.hpp"

namespace k7::geometry {
namespace {

using Complex = std::complex<double>;
using Operator = Eigen::MatrixXcd;
using Vector7 = Eigen::Matrix<double, dim, 1>;

void require_metric(const Matrix7& g) {
  const std::string defect = metric_defect(g.data());
  if (!defect.empty()) throw InputError("metric of the reference spectrum: " + defect);
}

/// The least `count` of the numbers seen.
class Smallest {
 public:
  explicit Smallest(int count) : count_(static_cast<std::size_t>(count)) {}

  void add(double value, int multiplicity) {
    for (int i = 0; i < multiplicity && (kept_.size() < count_ || value < kept_.top()); ++i) {
      kept_.push(value);
      if (kept_.size() > count_) kept_.pop();
    }
  }

  /// Whether nothing from `bound` on can be among them.
  bool excludes(double bound) const { return kept_.size() == count_ && bound > kept_.top(); }

  std::vector<double> sorted() {
    std::vector<double> values(kept_.size());
    for (auto v = values.rbegin(); v != values.rend(); ++v, kept_.pop()) *v = kept_.top();
    return values;
  }

 private:
  std::size_t count_;
  std::priority_queue<double> kept_;
};

/// A block of Peter and Weyl: the functions e^{+-i n theta} times matrix elements of spins k1/2 and k2/2.
struct Block {
  double bound;  ///< no eigenvalue of the block is below
  int n, k1, k2;
  bool operator>(const Block& other) const { return bound > other.bound; }
};

/// Bounds of blocks. With D = diag(d0, d1 x3, d2 x3) >= g, g^{-1} >= D^{-1} and the Laplacian of D is a
/// number on every block. The best of many D counts: each is tight in other directions, and where the bound
/// is low large matrices are looked at in vain.
class BlockBound {
 public:
  explicit BlockBound(const Matrix7& g) {
    Vector7 base;
    base(0) = g(0, 0);
    for (int first : {1, 4}) base.segment<3>(first).setConstant(largest(g.block<3, 3>(first, first)));
    constexpr int steps = 8;  // of a factor 2 each way
    for (int i = -steps; i <= steps; ++i)
      for (int j = -steps; j <= steps; ++j) {
        Vector7 d = base;
        d.segment<3>(1) *= std::pow(2.0, i);
        d.segment<3>(4) *= std::pow(2.0, j);
        const Vector7 whiten = d.cwiseSqrt().cwiseInverse();
        d *= largest(whiten.asDiagonal() * g * whiten.asDiagonal());
        inverses_.emplace_back(1.0 / d(0), 1.0 / d(1), 1.0 / d(4));
      }
  }

  Block operator()(int n, int k1, int k2) const {
    const Eigen::Vector3d round(n * n, k1 * (k1 + 2), k2 * (k2 + 2));
    double bound = 0.0;
    for (const auto& inverse : inverses_) bound = std::max(bound, inverse.dot(round));
    return {bound, n, k1, k2};
  }

 private:
  static double largest(const Eigen::MatrixXd& m) {
    return Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(m, Eigen::EigenvaluesOnly).eigenvalues().maxCoeff();
  }

  std::vector<Eigen::Vector3d> inverses_;
};

/// Operations for the eigenvalues of a block, roughly: eight matrix products of complex numbers, the eigensolver,
/// and the bounds of the blocks after it.
double block_work(const Block& block) {
  const double size = (block.k1 + 1.0) * (block.k2 + 1.0);
  return 5000.0 + 80.0 * size * size * size;
}

/// 2 J_1, 2 J_2, 2 J_3 of spin k/2, so that the frame acts as E_a = -2i J_a and [E_1, E_2] = 2 E_3.
std::array<Operator, 3> twice_spin(int k) {
  Operator raise = Operator::Zero(k + 1, k + 1);  // J_+ on the states of J_3 = k/2 - i
  std::array<Operator, 3> j{raise, raise, raise};
  for (int i = 1; i <= k; ++i) raise(i - 1, i) = std::sqrt(static_cast<double>(i) * (k + 1 - i));
  j[0] = raise + raise.adjoint();
  j[1] = Complex(0.0, -1.0) * (raise - raise.adjoint());
  for (int i = 0; i <= k; ++i) j[2](i, i) = k - 2 * i;
  return j;
}

Operator kronecker(const Operator& a, const Operator& b) {
  Operator product(a.rows() * b.rows(), a.cols() * b.cols());
  for (Eigen::Index i = 0; i < a.rows(); ++i)
    for (Eigen::Index j = 0; j < a.cols(); ++j)
      product.block(i * b.rows(), j * b.cols(), b.rows(), b.cols()) = a(i, j) * b;
  return product;
}

/// Delta = -g^{ab} E_a E_b = g^{ab} P_a P_b on a block, with the Hermitian P = i E = (-n, 2 J, 2 J').
Eigen::VectorXd block_eigenvalues(const Block& block, const Matrix7& inverse) {
  const Operator one1 = Operator::Identity(block.k1 + 1, block.k1 + 1);
  const Operator one2 = Operator::Identity(block.k2 + 1, block.k2 + 1);
  std::vector<Operator> p{-static_cast<double>(block.n) * kronecker(one1, one2)};
  for (const auto& j : twice_spin(block.k1)) p.push_back(kronecker(j, one2));
  for (const auto& j : twice_spin(block.k2)) p.push_back(kronecker(one1, j));
  Operator delta = Operator::Zero(p[0].rows(), p[0].cols());
  for (int a = 0; a < dim; ++a) {
    Operator raised = Operator::Zero(delta.rows(), delta.cols());
    for (int b = 0; b < dim; ++b) raised += inverse(a, b) * p[b];
    delta += p[a] * raised;
  }
  return Eigen::SelfAdjointEigenSolver<Operator>(delta, Eigen::EigenvaluesOnly).eigenvalues();
}

/// All integer vectors k with k^T M k <= radius, M = L L^T, by one coordinate after the other from the last
/// on: the terms of |L^T k|^2 are known one by one.
class LatticeShell {
 public:
  /// @param work what may be done, less what is done; negative where that was too little and vectors are missing
  LatticeShell(const Matrix7& m, double radius, double& work)
      : lower_(m.llt().matrixL()), radius_(radius), work_(work) {
    descend(dim - 1, 0.0);
  }

  std::vector<double>& values() { return values_; }

 private:
  void descend(int i, double sum) {
    work_ -= operations_per_coordinate;
    if (work_ < 0.0) return;
    if (i < 0) {
      values_.push_back(sum);
      return;
    }
    double rest = 0.0;
    for (int j = i + 1; j < dim; ++j) rest += lower_(j, i) * k_[j];
    const double center = -rest / lower_(i, i);
    const double reach = std::sqrt(std::max(0.0, radius_ - sum)) / lower_(i, i);
    const auto last = static_cast<long>(std::floor(center + reach));
    for (auto k = static_cast<long>(std::ceil(center - reach)); k <= last && work_ >= 0.0; ++k) {
      k_[i] = static_cast<double>(k);
      const double term = lower_(i, i) * k_[i] + rest;
      descend(i - 1, sum + term * term);
    }
  }

  static constexpr double operations_per_coordinate = 50.0;

  Matrix7 lower_;
  double radius_;
  double& work_;
  std::array<double, dim> k_{};
  std::vector<double> values_;
};

}  // namespace

std::vector<double> neck_spectrum(const Matrix7& g, int count, double most_work) {
  require_metric(g);
  if (count < 1) return {};
  const Matrix7 inverse = g.llt().solve(Matrix7::Identity());
  const BlockBound bound(g);
  Smallest smallest(count);
  // Best first; every block is pushed once, by the one before it in its last non-zero number.
  std::priority_queue<Block, std::vector<Block>, std::greater<>> blocks;
  blocks.push(bound(0, 0, 0));
  while (!smallest.excludes(blocks.top().bound)) {
    const Block b = blocks.top();
    blocks.pop();
    most_work -= block_work(b);
    if (most_work < 0.0) return {};
    const int multiplicity = (b.n == 0 ? 1 : 2) * (b.k1 + 1) * (b.k2 + 1);
    for (const double value : block_eigenvalues(b, inverse)) smallest.add(value, multiplicity);
    if (b.k1 == 0 && b.k2 == 0) blocks.push(bound(b.n + 1, 0, 0));
    if (b.k2 == 0) blocks.push(bound(b.n, b.k1 + 1, 0));
    blocks.push(bound(b.n, b.k1, b.k2 + 1));
  }
  return smallest.sorted();
}

std::vector<double> torus_spectrum(const Matrix7& g, const Periods& periods, int count, double most_work) {
  require_metric(g);
  if (count < 1) return {};
  const Vector7 frequency = 2.0 * pi * Eigen::Map<const Vector7>(periods.data()).cwiseInverse();
  const Matrix7 m =
      frequency.asDiagonal() * Matrix7(g.llt().solve(Matrix7::Identity())) * frequency.asDiagonal();
  const auto wanted = static_cast<std::size_t>(count);
  constexpr double growth = 1.5;  // of the shell: about four times as many vectors
  for (double radius = m.diagonal().minCoeff();; radius *= growth) {
    auto values = LatticeShell(m, radius, most_work).values();
    if (most_work < 0.0) return {};
    if (values.size() < wanted) continue;
    std::sort(values.begin(), values.end());
    values.resize(wanted);
    return values;
  }
}

}  // namespace k7::geometry
