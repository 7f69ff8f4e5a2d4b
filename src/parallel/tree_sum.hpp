// SPDX-License-Identifier: Apache-2.0
//
// Sums whose bits do not depend on the number of ranks.
#pragma once

#include <cstddef>
#include <vector>

#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

/// Sums one vector for each of the items 0, 1, 2, …, which the ranks share in contiguous ranges, in order.
/// The additions are those of one binary tree over the items' numbers, whoever makes them: a rank adds up the
/// complete subtrees in its range, and then ranks exchange slices of these, so that each finishes the tree
/// for its slice of the vector, and gather the slices. That moves what an all-reduce moves where a range is
/// one subtree (the ranks divide a power of two), else a few times as much: a range of n items holds at most
/// 2 log2(n) + 1 subtrees.
class TreeSum {
 public:
  /// @param size numbers in each vector
  explicit TreeSum(std::size_t size) : size_(size) {}

  /// Not collective. Items come in increasing order, without gaps within a rank.
  void add(GlobalIndex item, std::vector<double> values);

  /// Not collective. (size) the sum of this rank's items. Leaves this empty.
  std::vector<double> finish_here();

  /// Collective. (size) the sum of all items of all ranks; zeros if there is none. Leaves this empty.
  std::vector<double> finish(const Communicator& comm);

 private:
  /// The sum of the items [index 2^level, (index + 1) 2^level).
  struct Node {
    GlobalIndex level;
    GlobalIndex index;
    std::vector<double> values;
  };

  static void push(std::vector<Node>& nodes, Node node);
  static std::vector<double> total(std::vector<Node> nodes, std::size_t size);

  std::size_t size_;
  std::vector<Node> nodes_;
};

}  // namespace k7::parallel
