// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/leaf_tree.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace k7::spectral {

Box empty_box() {
  Box box{};
  box.lo.fill(std::numeric_limits<double>::infinity());
  box.hi.fill(-std::numeric_limits<double>::infinity());
  box.mu = std::numeric_limits<double>::infinity();
  return box;
}

void extend(Box& box, const Box& other, int size) {
  for (std::size_t d = 0; d < static_cast<std::size_t>(size); ++d) {
    box.lo[d] = std::min(box.lo[d], other.lo[d]);
    box.hi[d] = std::max(box.hi[d], other.hi[d]);
  }
  box.mu = std::min(box.mu, other.mu);
}

double distance_sq(const Box& a, const Box& b, int size) {
  double sum = 0.0;
  for (std::size_t d = 0; d < static_cast<std::size_t>(size); ++d) {
    const double gap = std::max(0.0, std::max(b.lo[d] - a.hi[d], a.lo[d] - b.hi[d]));
    sum += gap * gap;
  }
  return sum;
}

double distance_sq(const double* e, const Box& box, int size) {
  double sum = 0.0;
  for (std::size_t d = 0; d < static_cast<std::size_t>(size); ++d) {
    const double gap = std::max(0.0, std::max(box.lo[d] - e[d], e[d] - box.hi[d]));
    sum += gap * gap;
  }
  return sum;
}

LeafTree::LeafTree(const std::vector<double>& embedded, const std::vector<double>& mu, int size)
    : size_(size), order_(mu.size()) {
  std::iota(order_.begin(), order_.end(), 0U);
  if (!order_.empty()) build(embedded, mu, 0, static_cast<std::uint32_t>(order_.size()));
  fill_leaves(embedded, mu);
}

std::int32_t LeafTree::build(const std::vector<double>& embedded, const std::vector<double>& mu,
                             std::uint32_t begin, std::uint32_t end) {
  const auto size = static_cast<std::size_t>(size_);
  Box box = empty_box();
  for (std::uint32_t position = begin; position < end; ++position) {
    const double* e = embedded.data() + order_[position] * size;
    for (std::size_t d = 0; d < size; ++d) {
      box.lo[d] = std::min(box.lo[d], e[d]);
      box.hi[d] = std::max(box.hi[d], e[d]);
    }
    box.mu = std::min(box.mu, mu[order_[position]]);
  }
  const auto self = static_cast<std::int32_t>(nodes_.size());
  nodes_.push_back({box, begin, end, -1, -1});
  const std::uint32_t n_leaves = (end - begin + leaf_size - 1) / leaf_size;
  if (n_leaves == 1) {
    leaves_.push_back(self);
    return self;
  }
  std::size_t widest = 0;
  for (std::size_t d = 1; d < size; ++d)
    if (box.hi[d] - box.lo[d] > box.hi[widest] - box.lo[widest]) widest = d;
  // Cutting at a multiple of the leaf size leaves at most one leaf that is not full.
  const std::uint32_t cut = begin + n_leaves / 2 * leaf_size;
  std::nth_element(order_.begin() + begin, order_.begin() + cut, order_.begin() + end,
                   [&](std::uint32_t a, std::uint32_t b) {
                     return embedded[a * size + widest] < embedded[b * size + widest];
                   });
  const std::int32_t left = build(embedded, mu, begin, cut);
  const std::int32_t right = build(embedded, mu, cut, end);
  nodes_[static_cast<std::size_t>(self)].left = left;
  nodes_[static_cast<std::size_t>(self)].right = right;
  return self;
}

void LeafTree::fill_leaves(const std::vector<double>& embedded, const std::vector<double>& mu) {
  const auto size = static_cast<std::size_t>(size_);
  coordinates_.resize(embedded.size());
  mu_.resize(mu.size());
  for (const std::int32_t index : leaves_) {
    const Node& leaf = nodes_[static_cast<std::size_t>(index)];
    double* out = coordinates_.data() + leaf.begin * size;
    for (std::uint32_t p = 0; p < leaf.count(); ++p) {
      const std::size_t i = order_[leaf.begin + p];
      mu_[leaf.begin + p] = mu[i];
      for (std::size_t d = 0; d < size; ++d) out[d * leaf.count() + p] = embedded[i * size + d];
    }
  }
}

}  // namespace k7::spectral
