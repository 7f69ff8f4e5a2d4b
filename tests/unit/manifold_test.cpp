// SPDX-License-Identifier: Apache-2.0
// Displacements and the lower bound that the neighbour search prunes with.
#include "k7/geometry/manifold.hpp"

#include <Eigen/Dense>

#include "k7/error.hpp"
#include "test_data.hpp"

namespace k7::geometry {
namespace {

/// A random metric with condition number about `condition`.
Matrix7 random_metric(std::uint64_t index, double condition) {
  Matrix7 a;
  for (int n = 0; n < dim * dim; ++n) {
    double u[2];
    uniform_pair({11, Stream::weights, 0}, index, static_cast<std::uint32_t>(n), u);
    a.data()[n] = 2.0 * u[0] - 1.0;
  }
  const Matrix7 q = Eigen::HouseholderQR<Matrix7>(a).householderQ();
  Eigen::Matrix<double, dim, 1> lambda;
  for (int i = 0; i < dim; ++i) lambda(i) = std::pow(condition, i / 6.0);
  return q * lambda.asDiagonal() * q.transpose();
}

class BoundOn : public testing::TestWithParam<std::string> {};

TEST_P(BoundOn, embedding_never_exceeds_the_metric_distance) {
  const Periods mixed{1.5, 0.0, 6.3, 0.0, 0.0, 2.0, 0.0};
  const bool is_mixed = GetParam() == "mixed";
  const auto manifold = make_manifold(is_mixed ? "torus7" : GetParam(), is_mixed ? &mixed : nullptr);
  const Matrix7 mean = random_metric(1000, 4.0);
  const auto embedding = manifold->embedding(mean);
  int tight = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    std::array<double, 9> a{};
    std::array<double, 9> b{};
    std::array<double, dim> coords{};
    manifold->sample({5, Stream::samples, 0}, 2 * i, a.data(), coords.data());
    manifold->sample({5, Stream::samples, 0}, 2 * i + 1, b.data(), coords.data());
    const Matrix7 g = random_metric(i, i % 3 == 0 ? 1.0 : 30.0);
    const SymMetric packed = pack(g.data());
    std::array<double, 20> ea{};
    std::array<double, 20> eb{};
    ASSERT_LE(embedding->size(), 20);
    embedding->map(a.data(), ea.data());
    embedding->map(b.data(), eb.data());
    double chord_sq = 0.0;
    for (int n = 0; n < embedding->size(); ++n) chord_sq += (ea[n] - eb[n]) * (ea[n] - eb[n]);
    std::array<double, dim> v{};
    manifold->displacement(a.data(), b.data(), v.data());
    const double distance_sq = quadratic_form(packed.data(), v.data());
    const double bound = embedding->stretch(packed.data()) * chord_sq;
    EXPECT_LE(bound, distance_sq * (1.0 + 1e-12));
    tight += bound > 0.01 * distance_sq ? 1 : 0;
  }
  EXPECT_GT(tight, 500) << "a bound near zero prunes nothing";
}

INSTANTIATE_TEST_SUITE_P(Manifolds, BoundOn, testing::Values("s1xs3xs3", "torus7", "notebook-chart", "mixed"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Manifold, neck_displacement_crosses_the_cut_and_is_antisymmetric) {
  const auto neck = make_manifold("s1xs3xs3");
  std::array<double, 9> a{0.01, 1, 0, 0, 0, 0, 1, 0, 0};
  std::array<double, 9> b{2.0 * pi - 0.02, 0.6, 0.8, 0, 0, 0, 0.8, 0.6, 0};
  std::array<double, dim> ab{};
  std::array<double, dim> ba{};
  neck->displacement(a.data(), b.data(), ab.data());
  neck->displacement(b.data(), a.data(), ba.data());
  EXPECT_NEAR(ab[0], -0.03, 1e-14);
  EXPECT_NEAR(ab[1], std::acos(0.6), 1e-14);
  for (int i = 0; i < dim; ++i) EXPECT_NEAR(ab[i], -ba[i], 1e-15);
}

TEST(Manifold, both_hemispheres_are_apart) {
  const auto neck = make_manifold("s1xs3xs3");
  std::array<double, 9> a{0, 0.8, 0.6, 0, 0, 1, 0, 0, 0};
  std::array<double, 9> b{0, -0.8, 0.6, 0, 0, 1, 0, 0, 0};
  std::array<double, dim> v{};
  neck->displacement(a.data(), b.data(), v.data());
  EXPECT_NEAR(std::abs(v[1]), 2.0 * std::atan2(0.8, 0.6), 1e-14);
}

TEST(Manifold, unknown_names_and_missing_samplers_are_told) {
  EXPECT_THROW(make_manifold("klein-bottle"), InputError);
  std::array<double, dim> x{};
  EXPECT_THROW(make_manifold("euclidean")->sample({0, Stream::samples, 0}, 0, x.data(), x.data()),
               InputError);
}

}  // namespace
}  // namespace k7::geometry
