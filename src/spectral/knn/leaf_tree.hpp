// SPDX-License-Identifier: Apache-2.0
//
// Embedded points cut into compact leaves of equal size, each with a box in a frame of its own, laid out for
// SIMD.
//
// The frame of a leaf. Points near each other on a sphere lie in a thin cap, and a box holds a cap tightly
// only when it is turned with it. So each leaf has a centre c in the embedding space and, for every circle
// and sphere, a rotation r, the direction of c as a unit complex number or quaternion; an embedded point e
// has the local coordinates conj(r) (e - c) there, and e - c on a line. This is an isometry. Differences
// from c are taken in float64, so that local coordinates keep their relative accuracy in float32 however
// small the leaf is and however far from the origin.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <vector>

#include "k7/geometry/manifold.hpp"

namespace k7::spectral {

inline constexpr int max_embedding_size = 2 * geometry::dim;  ///< all seven coordinates periodic
inline constexpr int max_factors = geometry::dim;
inline constexpr int max_stretches = 3;

/// Memory that starts at a cache line: vectors of 64 bytes that cross lines load at half speed.
template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};

  CacheLineAllocator() = default;
  template <class U>
  explicit CacheLineAllocator(const CacheLineAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), line)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, line); }
  friend bool operator==(const CacheLineAllocator&, const CacheLineAllocator&) { return true; }
  friend bool operator!=(const CacheLineAllocator&, const CacheLineAllocator&) { return false; }
};
using AlignedFloats = std::vector<float, CacheLineAllocator<float>>;

/// How embedded points fall into factors and classes of factors with one stretch, see geometry::Embedding.
struct EmbeddingLayout {
  std::vector<geometry::Factor> factors;
  int size = 0;         ///< numbers per embedded point
  int n_stretches = 1;  ///< classes

  /// Columns of a leaf: the local coordinates, then one squared norm per class.
  int n_columns() const { return size + n_stretches; }
};

/// Frame and box of a leaf. Sent between ranks.
struct LeafFrame {
  std::array<double, max_embedding_size> centre;
  std::array<float, max_embedding_size> rotation;  ///< 1 on a line
  std::array<float, max_embedding_size> lo;        ///< of the local coordinates
  std::array<float, max_embedding_size> hi;
  std::array<float, max_factors> radius;     ///< per factor, the largest norm of local coordinates
  std::array<float, max_stretches> stretch;  ///< the least of the points, 1 when they have none
};

/// Positions [l * leaf_size, (l + 1) * leaf_size) are leaf l; only the last leaf may hold fewer.
class LeafTree {
 public:
  static constexpr int leaf_size = 256;

  LeafTree() = default;
  /// @param embedded (n, layout.size)
  /// @param stretches (n, layout.n_stretches), or empty: all 1
  LeafTree(const std::vector<double>& embedded, const std::vector<float>& stretches, EmbeddingLayout layout,
           int threads);

  bool empty() const { return n_ == 0; }
  std::size_t size() const { return n_; }
  std::size_t n_leaves() const { return frames_.size(); }
  int count(std::size_t leaf) const {
    return static_cast<int>(std::min(n_ - leaf * leaf_size, std::size_t{leaf_size}));
  }
  const EmbeddingLayout& layout() const { return layout_; }
  /// (n) order()[position] is the point's index in the constructor's arrays, until drop_order().
  const std::vector<std::uint32_t>& order() const { return order_; }
  void drop_order() { std::vector<std::uint32_t>().swap(order_); }

  const LeafFrame& frame(std::size_t leaf) const { return frames_[leaf]; }
  /// (n_columns, leaf_size): local coordinates of a leaf's points, then their squared norms by class.
  const float* columns(std::size_t leaf) const {
    return columns_.data() + leaf * static_cast<std::size_t>(layout_.n_columns() * leaf_size);
  }
  bool has_stretches() const { return !stretches_.empty(); }
  /// (n_stretches, leaf_size)
  const float* stretches(std::size_t leaf) const {
    if (!has_stretches()) return unit_stretches();
    return stretches_.data() + leaf * static_cast<std::size_t>(layout_.n_stretches * leaf_size);
  }

  /// Frames of all leaves, one number after another for SIMD: (4 size + n_stretches, stride) floats, first
  /// the centres less origin(), then rotations, lo, hi, and stretches.
  const AlignedFloats& frame_columns() const { return frame_columns_; }
  std::size_t frame_stride() const { return stride_; }
  const std::array<double, max_embedding_size>& origin() const { return origin_; }
  /// Per factor, the largest distance of a centre from origin().
  const std::array<float, max_factors>& extent() const { return extent_; }

 private:
  static const float* unit_stretches();
  void sort_points(const std::vector<double>& embedded, int threads);
  void fill_leaf(std::size_t leaf, const std::vector<double>& embedded, const std::vector<float>& stretches);
  void fill_frame_columns();

  std::size_t n_ = 0;
  EmbeddingLayout layout_;
  std::vector<std::uint32_t> order_;
  std::vector<LeafFrame> frames_;
  AlignedFloats columns_;
  AlignedFloats stretches_;
  AlignedFloats frame_columns_;
  std::size_t stride_ = 0;
  std::array<double, max_embedding_size> origin_{};
  std::array<float, max_factors> extent_{};
};

/// conj(r) x: coordinates x of a factor, given as differences, in the frame with rotation r. Lines have no
/// rotation.
inline void rotate_back(geometry::Factor::Kind kind, const double* r, const double* x, double* y) {
  switch (kind) {
    case geometry::Factor::Kind::line:
      y[0] = x[0];
      break;
    case geometry::Factor::Kind::circle:
      y[0] = r[0] * x[0] + r[1] * x[1];
      y[1] = r[0] * x[1] - r[1] * x[0];
      break;
    case geometry::Factor::Kind::sphere:
      y[0] = r[0] * x[0] + r[1] * x[1] + r[2] * x[2] + r[3] * x[3];
      y[1] = r[0] * x[1] - r[1] * x[0] - r[2] * x[3] + r[3] * x[2];
      y[2] = r[0] * x[2] - r[2] * x[0] - r[3] * x[1] + r[1] * x[3];
      y[3] = r[0] * x[3] - r[3] * x[0] - r[1] * x[2] + r[2] * x[1];
      break;
  }
}

}  // namespace k7::spectral
