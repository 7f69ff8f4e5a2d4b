// SPDX-License-Identifier: Apache-2.0
// The notebook's coordinates and quaternion helpers against its numbers; the random points against what
// uniform points on S1 x S3 x S3 must look like.
#include "k7/geometry/sampler.hpp"

#include "geometry/quaternion.hpp"
#include "k7/geometry/metric.hpp"
#include "test_data.hpp"

namespace k7::geometry {
namespace {

using test::notebook_reference;

Quaternion quaternion_at(const std::vector<double>& q, std::size_t row) {
  return {q[4 * row], q[4 * row + 1], q[4 * row + 2], q[4 * row + 3]};
}

TEST(Sampler, coordinates_are_the_notebooks) {
  const auto file = notebook_reference();
  const auto full = file.read("sampler/full_coords");
  const auto reference = file.read("sampler/coords_7d");
  std::vector<double> coords(reference.size());
  for (std::size_t row = 0; row < reference.size() / dim; ++row)
    neck_coordinates(full.data() + row * point_size_neck, coords.data() + row * dim);
  EXPECT_LE(test::absolute(coords, reference), 1e-14);
}

TEST(Sampler, flat_metric_is_the_notebooks) {
  const auto file = notebook_reference();
  const double r1 = file.number_attribute("sampler", "r1");
  const Matrix7 g = round_product_metric(r1, r1, file.number_attribute("sampler", "r2"));
  const auto reference = file.read("sampler/metric_tensor_flat");
  for (std::size_t row = 0; row < 3; ++row)
    EXPECT_TRUE(
        std::equal(g.data(), g.data() + g.size(), reference.begin() + static_cast<std::ptrdiff_t>(49 * row)));
}

TEST(Sampler, quaternion_product_is_the_notebooks) {
  const auto file = notebook_reference();
  const auto a = file.read("sampler/mul_a");
  const auto b = file.read("sampler/mul_b");
  std::vector<double> ab;
  for (std::size_t row = 0; row < a.size() / 4; ++row) {
    const Quaternion q = multiply(quaternion_at(a, row), quaternion_at(b, row));
    ab.insert(ab.end(), q.begin(), q.end());
  }
  EXPECT_LE(test::absolute(ab, file.read("sampler/mul_ab")), 1e-14);
}

TEST(Sampler, rp3_distance_is_the_notebooks) {
  const auto file = notebook_reference();
  const auto a = file.read("sampler/dist_a");
  const auto b = file.read("sampler/dist_b");
  std::vector<double> distance;
  for (std::size_t row = 0; row < a.size() / 4; ++row)
    distance.push_back(geodesic_distance_rp3(quaternion_at(a, row), quaternion_at(b, row)));
  EXPECT_LE(test::absolute(distance, file.read("sampler/dist")), 1e-13);
}

TEST(Sampler, displacement_is_the_quaternion_logarithm) {
  // exp(v) = (cos|v|, sin|v| v/|v|); b = a exp(v) must give v back, for short and for nearly antipodal ones.
  const DrawKey key{3, Stream::samples, 0};
  for (std::uint64_t i = 0; i < 200; ++i) {
    double p[point_size_neck];
    sample_neck(key, i, p);
    const Quaternion a{p[1], p[2], p[3], p[4]};
    const double length =
        i % 2 == 0 ? 1e-7 * static_cast<double>(i + 1) : 0.999 * pi * static_cast<double>(i) / 200.0;
    const double direction_norm = std::sqrt(p[6] * p[6] + p[7] * p[7] + p[8] * p[8]);
    Vector3 v{};
    Quaternion e{std::cos(length), 0, 0, 0};
    for (int c = 0; c < 3; ++c) {
      v[c] = length * p[6 + c] / direction_norm;
      e[1 + c] = std::sin(length) * p[6 + c] / direction_norm;
    }
    const Quaternion b = multiply(a, e);
    double found[3];
    displacement_s3(a.data(), b.data(), found);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(found[c], v[c], 1e-14 + 1e-12 * length);
  }
}

TEST(Sampler, points_are_uniform) {
  // Means over n uniform points: E theta = pi, E q_i q_j = delta_ij / 4, E q_i^4 = 1/8; bounds at 5 standard
  // errors.
  constexpr int n = 40000;
  const DrawKey key{1, Stream::samples, 0};
  double theta = 0.0;
  std::array<double, 8> second{};
  std::array<double, 8> fourth{};
  double mixed = 0.0;
  for (int i = 0; i < n; ++i) {
    double p[point_size_neck];
    sample_neck(key, static_cast<std::uint64_t>(i), p);
    theta += p[0];
    for (int c = 0; c < 8; ++c) {
      second[c] += p[1 + c] * p[1 + c];
      fourth[c] += std::pow(p[1 + c], 4);
    }
    mixed += p[1] * p[5];
    EXPECT_NEAR(p[1] * p[1] + p[2] * p[2] + p[3] * p[3] + p[4] * p[4], 1.0, 1e-14);
  }
  const double root_n = std::sqrt(n);
  EXPECT_NEAR(theta / n, pi, 5.0 * pi / std::sqrt(3.0) / root_n);
  EXPECT_NEAR(mixed / n, 0.0, 5.0 * 0.25 / root_n);
  for (int c = 0; c < 8; ++c) {
    EXPECT_NEAR(second[c] / n, 0.25, 5.0 * 0.25 / root_n);
    EXPECT_NEAR(fourth[c] / n, 0.125, 5.0 * 0.2 / root_n);
  }
}

TEST(Sampler, draws_differ_in_every_part_of_the_key) {
  double base[2];
  uniform_pair({1, Stream::samples, 0}, 7, 0, base);
  const auto differs = [&](const DrawKey& key, std::uint64_t index, std::uint32_t block) {
    double u[2];
    uniform_pair(key, index, block, u);
    EXPECT_GT(u[0], 0.0);
    EXPECT_LT(u[0], 1.0);
    EXPECT_NE(u[0], base[0]);
    EXPECT_NE(u[1], base[1]);
  };
  differs({2, Stream::samples, 0}, 7, 0);
  differs({1ULL << 40, Stream::samples, 0}, 7, 0);
  differs({1, Stream::training, 0}, 7, 0);
  differs({1, Stream::samples, 1}, 7, 0);
  differs({1, Stream::samples, 0}, 8, 0);
  differs({1, Stream::samples, 0}, 7 + (1ULL << 33), 0);
  differs({1, Stream::samples, 0}, 7, 1);
}

}  // namespace
}  // namespace k7::geometry
