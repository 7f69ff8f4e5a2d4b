// SPDX-License-Identifier: Apache-2.0
//
// A binary tree of boxes over embedded points, with leaves laid out for SIMD.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "k7/geometry/conventions.hpp"

namespace k7::spectral {

inline constexpr int max_embedding_size = 2 * geometry::dim;  ///< all seven coordinates periodic

/// An axis-aligned box in embedding space around some points, and the least stretch mu among them.
struct Box {
  std::array<double, max_embedding_size> lo;
  std::array<double, max_embedding_size> hi;
  double mu;
};

/// The box around nothing: extending it by a point gives the box of that point.
Box empty_box();
void extend(Box& box, const Box& other, int size);
/// Squared distance between the nearest points of two boxes.
double distance_sq(const Box& a, const Box& b, int size);
/// Squared distance between a point and the nearest point of a box.
double distance_sq(const double* e, const Box& box, int size);

/// The tree. It orders the points so that every node is a range of positions; leaves have at most leaf_size
/// points.
class LeafTree {
 public:
  static constexpr int leaf_size = 128;

  struct Node {
    Box box;
    std::uint32_t begin;  ///< positions [begin, end)
    std::uint32_t end;
    std::int32_t left;  ///< children are nodes left and right; left = -1 in a leaf
    std::int32_t right;
    bool is_leaf() const { return left < 0; }
    std::uint32_t count() const { return end - begin; }
  };

  LeafTree() = default;
  /// @param embedded (n, size)
  /// @param mu (n) stretch of each point's metric
  LeafTree(const std::vector<double>& embedded, const std::vector<double>& mu, int size);

  bool empty() const { return nodes_.empty(); }
  int embedding_size() const { return size_; }
  /// (n) order()[position] is the point's index in the constructor's arrays.
  const std::vector<std::uint32_t>& order() const { return order_; }
  /// Node 0 is the root; parents come before their children.
  const std::vector<Node>& nodes() const { return nodes_; }
  /// Nodes that are leaves, in the order of their positions.
  const std::vector<std::int32_t>& leaves() const { return leaves_; }
  /// Embedded points of a leaf: (size, count), one coordinate after another.
  const double* leaf_coordinates(const Node& leaf) const {
    return coordinates_.data() + std::size_t{leaf.begin} * static_cast<std::size_t>(size_);
  }
  /// (n) stretches in tree order.
  const std::vector<double>& mu() const { return mu_; }

 private:
  std::int32_t build(const std::vector<double>& embedded, const std::vector<double>& mu, std::uint32_t begin,
                     std::uint32_t end);
  void fill_leaves(const std::vector<double>& embedded, const std::vector<double>& mu);

  int size_ = 0;
  std::vector<std::uint32_t> order_;
  std::vector<Node> nodes_;
  std::vector<std::int32_t> leaves_;
  std::vector<double> coordinates_;
  std::vector<double> mu_;
};

}  // namespace k7::spectral
