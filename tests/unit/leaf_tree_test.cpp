// SPDX-License-Identifier: Apache-2.0
// The tree's boxes hold their points, its leaves hold every point once.
#include "k7/spectral/leaf_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace k7::spectral {
namespace {

constexpr int size = 10;

struct Points {
  std::vector<double> embedded;
  std::vector<double> mu;
};

Points random_points(std::size_t n) {
  std::mt19937_64 generator(5);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  Points points;
  for (std::size_t i = 0; i < n * size; ++i) points.embedded.push_back(uniform(generator));
  for (std::size_t i = 0; i < n; ++i) points.mu.push_back(1.0 + uniform(generator));
  return points;
}

void check(const Points& points) {
  const LeafTree tree(points.embedded, points.mu, size);
  const std::size_t n = points.mu.size();
  auto order = tree.order();
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(order[i], i);
  std::uint32_t next = 0;
  for (const std::int32_t index : tree.leaves()) {
    const auto& leaf = tree.nodes()[static_cast<std::size_t>(index)];
    EXPECT_EQ(leaf.begin, next);
    EXPECT_GE(leaf.count(), 1U);
    EXPECT_LE(leaf.count(), static_cast<std::uint32_t>(LeafTree::leaf_size));
    next = leaf.end;
    for (std::uint32_t p = 0; p < leaf.count(); ++p)
      for (std::uint32_t d = 0; d < size; ++d)
        ASSERT_EQ(tree.leaf_coordinates(leaf)[d * leaf.count() + p],
                  points.embedded[tree.order()[leaf.begin + p] * std::size_t{size} + d]);
  }
  EXPECT_EQ(next, n);
  for (const auto& node : tree.nodes()) {
    double least = node.box.mu + 1.0;
    for (std::uint32_t p = node.begin; p < node.end; ++p) {
      const std::size_t i = tree.order()[p];
      EXPECT_EQ(distance_sq(points.embedded.data() + i * size, node.box, size), 0.0);
      EXPECT_EQ(tree.mu()[p], points.mu[i]);
      least = std::min(least, points.mu[i]);
    }
    EXPECT_EQ(node.box.mu, least);
    if (node.is_leaf()) continue;
    EXPECT_EQ(tree.nodes()[static_cast<std::size_t>(node.left)].begin, node.begin);
    EXPECT_EQ(tree.nodes()[static_cast<std::size_t>(node.left)].end,
              tree.nodes()[static_cast<std::size_t>(node.right)].begin);
    EXPECT_EQ(tree.nodes()[static_cast<std::size_t>(node.right)].end, node.end);
  }
}

TEST(LeafTree, holds_every_point_once) {
  for (const std::size_t n : {1, 127, 128, 129, 256, 257, 2000}) check(random_points(n));
}

TEST(LeafTree, equal_points) {
  Points points = random_points(300);
  std::fill(points.embedded.begin(), points.embedded.end(), 0.25);
  check(points);
}

TEST(LeafTree, nothing) {
  const LeafTree tree({}, {}, size);
  EXPECT_TRUE(tree.empty());
  EXPECT_TRUE(tree.leaves().empty());
}

TEST(Box, distances) {
  Box a = empty_box();
  Box b = empty_box();
  a.lo = {0.0, 0.0};
  a.hi = {1.0, 1.0};
  b.lo = {4.0, 0.5};
  b.hi = {5.0, 5.0};
  EXPECT_EQ(distance_sq(a, b, 2), 9.0);
  EXPECT_EQ(distance_sq(b, a, 2), 9.0);
  EXPECT_EQ(distance_sq(a, a, 2), 0.0);
  const double e[] = {-3.0, 5.0};
  EXPECT_EQ(distance_sq(e, a, 2), 25.0);
}

}  // namespace
}  // namespace k7::spectral
