// SPDX-License-Identifier: Apache-2.0
// The tree's leaves hold every point once, in boxes and balls of their own frame, which keeps distances.
#include "spectral/knn/leaf_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace k7::spectral {
namespace {

using Kind = geometry::Factor::Kind;

/// A line, a circle of radius 2 and a sphere of radius 3, in two classes.
EmbeddingLayout layout() {
  EmbeddingLayout result;
  result.factors = {{Kind::line, 0, 0, 0, 0.0, std::numeric_limits<double>::infinity(), 0},
                    {Kind::circle, 1, 1, 1, 2.0 * geometry::pi, 2.0, 0},
                    {Kind::sphere, 2, 2, 3, 0.0, 3.0, 1}};
  result.size = 7;
  result.n_stretches = 2;
  return result;
}

struct Points {
  std::vector<double> embedded;
  std::vector<float> stretches;

  std::size_t size() const { return stretches.size() / 2; }
  const double* point(std::size_t i) const { return embedded.data() + i * 7; }
  double distance_sq(std::size_t i, std::size_t j) const {
    double sum = 0.0;
    for (std::size_t d = 0; d < 7; ++d) sum += std::pow(point(i)[d] - point(j)[d], 2);
    return sum;
  }
};

Points random_points(std::size_t n, double spread = 1.0) {
  std::mt19937_64 generator(5);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  Points points;
  for (std::size_t i = 0; i < n; ++i) {
    points.embedded.push_back(1e3 + spread * uniform(generator));
    const double angle = spread * 3.0 * uniform(generator);
    points.embedded.push_back(2.0 * std::cos(angle));
    points.embedded.push_back(2.0 * std::sin(angle));
    double q[4] = {spread * uniform(generator), 1.0 - spread, spread * uniform(generator),
                   spread * uniform(generator)};
    const double norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    for (const double x : q) points.embedded.push_back(3.0 * x / norm);
    points.stretches.push_back(static_cast<float>(2.0 + uniform(generator)));
    points.stretches.push_back(static_cast<float>(2.0 + uniform(generator)));
  }
  return points;
}

/// Local coordinates have the distances of the embedded points, up to float rounding of the leaf's size.
void check_distances(const LeafTree& tree, const Points& points, std::size_t leaf) {
  const auto n = static_cast<std::size_t>(tree.count(leaf));
  const float* y = tree.columns(leaf);
  double size = 0.0;
  for (const float r : tree.frame(leaf).radius) size += r;
  for (std::size_t p = 1; p < n; ++p) {
    double sum = 0.0;
    for (std::size_t d = 0; d < 7; ++d)
      sum += std::pow(double{y[d * LeafTree::leaf_size + p]} - double{y[d * LeafTree::leaf_size]}, 2);
    const std::size_t first = leaf * LeafTree::leaf_size;
    const double expected = points.distance_sq(tree.order()[first + p], tree.order()[first]);
    ASSERT_NEAR(std::sqrt(sum), std::sqrt(expected), 1e-6 * size + 1e-12);
  }
}

void check_frame(const LeafTree& tree, const Points& points, std::size_t leaf) {
  const LeafFrame& frame = tree.frame(leaf);
  const float* y = tree.columns(leaf);
  std::array<float, 2> least{10.0F, 10.0F};
  for (std::size_t p = 0; p < static_cast<std::size_t>(tree.count(leaf)); ++p) {
    const auto column = [&](std::size_t d) { return y[d * LeafTree::leaf_size + p]; };
    for (std::size_t d = 0; d < 7; ++d) {
      ASSERT_GE(column(d), frame.lo[d]);
      ASSERT_LE(column(d), frame.hi[d]);
    }
    const double line = std::pow(double{column(0)}, 2);
    const double circle = std::pow(double{column(1)}, 2) + std::pow(double{column(2)}, 2);
    double sphere = 0.0;
    for (std::size_t d = 3; d < 7; ++d) sphere += std::pow(double{column(d)}, 2);
    EXPECT_NEAR(column(7), line + circle, 1e-6 * (line + circle));
    EXPECT_NEAR(column(8), sphere, 1e-6 * sphere);
    EXPECT_LE(std::sqrt(line), frame.radius[0] * (1.0 + 1e-7));
    EXPECT_LE(std::sqrt(circle), frame.radius[1] * (1.0 + 1e-7));
    EXPECT_LE(std::sqrt(sphere), frame.radius[2] * (1.0 + 1e-7));
    for (std::size_t s = 0; s < 2; ++s) {
      const float m = tree.stretches(leaf)[s * LeafTree::leaf_size + p];
      EXPECT_EQ(m, points.stretches[2 * tree.order()[leaf * LeafTree::leaf_size + p] + s]);
      least[s] = std::min(least[s], m);
    }
  }
  EXPECT_EQ(frame.stretch[0], least[0]);
  EXPECT_EQ(frame.stretch[1], least[1]);
}

void check(const Points& points, int threads = 1) {
  const LeafTree tree(points.embedded, points.stretches, layout(), threads);
  const std::size_t n = points.size();
  ASSERT_EQ(tree.size(), n);
  auto order = tree.order();
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(order[i], i);
  std::size_t total = 0;
  for (std::size_t l = 0; l < tree.n_leaves(); ++l) {
    EXPECT_GE(tree.count(l), 1);
    EXPECT_LE(tree.count(l), LeafTree::leaf_size);
    if (l + 1 < tree.n_leaves()) {
      EXPECT_EQ(tree.count(l), LeafTree::leaf_size);
    }
    total += static_cast<std::size_t>(tree.count(l));
    check_frame(tree, points, l);
    check_distances(tree, points, l);
  }
  EXPECT_EQ(total, n);
}

TEST(LeafTree, holds_every_point_once) {
  for (const std::size_t n : {1, 15, 16, 17, 127, 128, 129, 255, 256, 257, 512, 513, 2000})
    check(random_points(n));
}

TEST(LeafTree, several_threads) {
  check(random_points(20000), 3);
}

TEST(LeafTree, small_sets_keep_their_distances) {
  check(random_points(600, 1e-4));
  check(random_points(600, 1e-8));
}

TEST(LeafTree, equal_points) {
  Points points = random_points(600);
  for (std::size_t i = 0; i < points.embedded.size(); ++i) points.embedded[i] = points.embedded[i % 7];
  check(points);
}

TEST(LeafTree, leaves_are_compact) {
  // A leaf of 256 of 65536 points takes a 256th of the volume, in four dimensions a quarter of the width.
  const Points points = random_points(65536);
  const LeafTree tree(points.embedded, points.stretches, layout(), 2);
  double mean = 0.0;
  for (std::size_t l = 0; l < tree.n_leaves(); ++l)
    mean += tree.frame(l).radius[2] / static_cast<double>(tree.n_leaves());
  EXPECT_LT(mean, 0.6 * 3.0);
}

TEST(LeafTree, nothing) {
  const LeafTree tree({}, {}, layout(), 1);
  EXPECT_TRUE(tree.empty());
  EXPECT_EQ(tree.n_leaves(), 0U);
}

}  // namespace
}  // namespace k7::spectral
