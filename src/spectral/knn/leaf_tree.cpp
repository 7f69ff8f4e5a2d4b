// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/leaf_tree.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace k7::spectral {
namespace {

constexpr std::uint32_t group_size = 16;  // leaves are sorted down to here, so that SIMD blocks are compact
constexpr std::uint32_t sample_size = 2048;
constexpr std::uint32_t parallel_size = 8192;  // smaller parts are not worth a task

using Vector = std::array<double, max_embedding_size>;

/// The direction of a centre in each circle and sphere; any direction where the points surround the origin.
Vector directions(const EmbeddingLayout& layout, const Vector& centre) {
  Vector r{};
  for (const auto& f : layout.factors) {
    const auto first = static_cast<std::size_t>(f.column);
    r[first] = 1.0;
    double square = 0.0;
    for (int d = 0; d < f.n_columns(); ++d) square += centre[first + d] * centre[first + d];
    if (f.kind == geometry::Factor::Kind::line || !(square > 1e-4 * f.radius * f.radius)) continue;
    for (int d = 0; d < f.n_columns(); ++d) r[first + d] = centre[first + d] / std::sqrt(square);
  }
  return r;
}

/// Recursive bisection of the points along the widest direction of their own frame.
class Sorter {
 public:
  Sorter(const EmbeddingLayout& layout, const std::vector<double>& embedded,
         std::vector<std::uint32_t>& order)
      : layout_(layout),
        size_(static_cast<std::size_t>(layout.size)),
        embedded_(embedded),
        order_(order),
        keys_(order.size()) {}

  void sort(std::uint32_t begin, std::uint32_t end) {
    const std::uint32_t count = end - begin;
    if (count <= group_size) return;
    const std::uint32_t unit = count > LeafTree::leaf_size ? LeafTree::leaf_size : group_size;
    // Cutting at multiples leaves at most one part that is not full.
    const std::uint32_t cut = begin + (count + unit - 1) / unit / 2 * unit;
    const Vector direction = widest_direction(begin, end);
    for (std::uint32_t position = begin; position < end; ++position) {
      const double* e = embedded_.data() + order_[position] * size_;
      double sum = 0.0;
      for (std::size_t d = 0; d < size_; ++d) sum += direction[d] * e[d];
      keys_[position] = {sum, order_[position]};
    }
    std::nth_element(keys_.begin() + begin, keys_.begin() + cut, keys_.begin() + end);
    for (std::uint32_t position = begin; position < end; ++position)
      order_[position] = keys_[position].second;
    if (count > parallel_size) {
#pragma omp task
      sort(begin, cut);
      sort(cut, end);
#pragma omp taskwait
    } else {
      sort(begin, cut);
      sort(cut, end);
    }
  }

 private:
  /// The axis of largest variance in the frame of the points' mean, as a vector of the embedding space.
  Vector widest_direction(std::uint32_t begin, std::uint32_t end) const {
    const std::uint32_t step = std::max((end - begin) / sample_size, 1U);
    const Vector centre = mean(begin, end, step);
    const Vector r = directions(layout_, centre);
    Vector squares{};
    for (std::uint32_t position = begin; position < end; position += step) {
      const Vector y = local(embedded_.data() + order_[position] * size_, centre, r);
      for (std::size_t d = 0; d < size_; ++d) squares[d] += y[d] * y[d];
    }
    const auto widest = std::max_element(squares.begin(), squares.begin() + layout_.size) - squares.begin();
    Vector direction{};
    for (std::size_t d = 0; d < size_; ++d) {
      Vector unit{};
      unit[d] = 1.0;
      direction[d] = local(unit.data(), {}, r)[static_cast<std::size_t>(widest)];
    }
    return direction;
  }

  Vector mean(std::uint32_t begin, std::uint32_t end, std::uint32_t step) const {
    Vector sum{};
    double count = 0.0;
    for (std::uint32_t position = begin; position < end; position += step, count += 1.0)
      for (std::size_t d = 0; d < size_; ++d) sum[d] += embedded_[order_[position] * size_ + d];
    for (double& x : sum) x /= count;
    return sum;
  }

  Vector local(const double* e, const Vector& centre, const Vector& r) const {
    Vector difference{};
    Vector y{};
    for (std::size_t d = 0; d < size_; ++d) difference[d] = e[d] - centre[d];
    for (const auto& f : layout_.factors)
      rotate_back(f.kind, &r[f.column], &difference[f.column], &y[f.column]);
    return y;
  }

  const EmbeddingLayout& layout_;
  std::size_t size_;
  const std::vector<double>& embedded_;
  std::vector<std::uint32_t>& order_;
  std::vector<std::pair<double, std::uint32_t>> keys_;  // equal coordinates in order of the points
};

float round_up(double x) {
  return std::nextafter(static_cast<float>(x), std::numeric_limits<float>::infinity());
}

}  // namespace

LeafTree::LeafTree(const std::vector<double>& embedded, const std::vector<float>& stretches,
                   EmbeddingLayout layout, int threads)
    : n_(embedded.size() / static_cast<std::size_t>(layout.size)), layout_(std::move(layout)), order_(n_) {
  std::iota(order_.begin(), order_.end(), 0U);
  if (n_ == 0) return;
  sort_points(embedded, threads);
  const std::size_t n_leaves = (n_ + leaf_size - 1) / leaf_size;
  frames_.resize(n_leaves);
  columns_.resize(n_leaves * static_cast<std::size_t>(layout_.n_columns() * leaf_size));
  if (!stretches.empty())
    stretches_.resize(n_leaves * static_cast<std::size_t>(layout_.n_stretches * leaf_size));
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t leaf = 0; leaf < static_cast<std::int64_t>(n_leaves); ++leaf)
    fill_leaf(static_cast<std::size_t>(leaf), embedded, stretches);
  fill_frame_columns();
}

void LeafTree::sort_points(const std::vector<double>& embedded, int threads) {
  Sorter sorter(layout_, embedded, order_);
#pragma omp parallel num_threads(threads)
#pragma omp single
  sorter.sort(0, static_cast<std::uint32_t>(n_));
}

const float* LeafTree::unit_stretches() {
  static const AlignedFloats ones(max_stretches * leaf_size, 1.0F);
  return ones.data();
}

void LeafTree::fill_leaf(std::size_t leaf, const std::vector<double>& embedded,
                         const std::vector<float>& stretches) {
  const auto size = static_cast<std::size_t>(layout_.size);
  const auto n_stretches = static_cast<std::size_t>(layout_.n_stretches);
  const auto n = static_cast<std::size_t>(count(leaf));
  const std::uint32_t* members = order_.data() + leaf * leaf_size;
  LeafFrame frame{};
  for (std::size_t p = 0; p < n; ++p)
    for (std::size_t d = 0; d < size; ++d) frame.centre[d] += embedded[members[p] * size + d];
  for (double& x : frame.centre) x /= static_cast<double>(n);
  Vector r = directions(layout_, frame.centre);
  for (std::size_t d = 0; d < size; ++d) r[d] = frame.rotation[d] = static_cast<float>(r[d]);
  frame.lo.fill(std::numeric_limits<float>::infinity());
  frame.hi.fill(-std::numeric_limits<float>::infinity());
  frame.stretch.fill(stretches.empty() ? 1.0F : std::numeric_limits<float>::infinity());

  float* columns = columns_.data() + leaf * static_cast<std::size_t>(layout_.n_columns() * leaf_size);
  for (std::size_t p = 0; p < n; ++p) {
    Vector difference{};
    Vector y{};
    std::array<double, max_stretches> squares{};
    for (std::size_t d = 0; d < size; ++d) difference[d] = embedded[members[p] * size + d] - frame.centre[d];
    for (std::size_t f = 0; f < layout_.factors.size(); ++f) {
      const auto& factor = layout_.factors[f];
      rotate_back(factor.kind, &r[factor.column], &difference[factor.column], &y[factor.column]);
      double square = 0.0;
      for (int d = 0; d < factor.n_columns(); ++d) square += y[factor.column + d] * y[factor.column + d];
      squares[factor.stretch] += square;
      frame.radius[f] = std::max(frame.radius[f], round_up(std::sqrt(square)));
    }
    for (std::size_t d = 0; d < size; ++d) {
      const auto x = static_cast<float>(y[d]);
      columns[d * leaf_size + p] = x;
      frame.lo[d] = std::min(frame.lo[d], x);
      frame.hi[d] = std::max(frame.hi[d], x);
    }
    for (std::size_t s = 0; s < n_stretches; ++s)
      columns[(size + s) * leaf_size + p] = static_cast<float>(squares[s]);
    if (stretches.empty()) continue;
    float* own = stretches_.data() + leaf * n_stretches * leaf_size;
    for (std::size_t s = 0; s < n_stretches; ++s) {
      const float m = stretches[members[p] * n_stretches + s];
      own[s * leaf_size + p] = m;
      frame.stretch[s] = std::min(frame.stretch[s], m);
    }
  }
  frames_[leaf] = frame;
}

void LeafTree::fill_frame_columns() {
  constexpr std::size_t padding = 16;  // the longest SIMD vector of floats
  const auto size = static_cast<std::size_t>(layout_.size);
  stride_ = (frames_.size() + padding - 1) / padding * padding;
  frame_columns_.assign((4 * size + static_cast<std::size_t>(layout_.n_stretches)) * stride_, 0.0F);
  for (const LeafFrame& frame : frames_)
    for (std::size_t d = 0; d < size; ++d)
      origin_[d] += frame.centre[d] / static_cast<double>(frames_.size());
  for (std::size_t l = 0; l < frames_.size(); ++l) {
    const LeafFrame& frame = frames_[l];
    float* out = frame_columns_.data() + l;
    for (std::size_t d = 0; d < size; ++d) {
      out[d * stride_] = static_cast<float>(frame.centre[d] - origin_[d]);
      out[(size + d) * stride_] = frame.rotation[d];
      out[(2 * size + d) * stride_] = frame.lo[d];
      out[(3 * size + d) * stride_] = frame.hi[d];
    }
    for (int s = 0; s < layout_.n_stretches; ++s)
      out[(4 * size + static_cast<std::size_t>(s)) * stride_] = frame.stretch[s];
    for (std::size_t f = 0; f < layout_.factors.size(); ++f) {
      double square = 0.0;
      for (int d = 0; d < layout_.factors[f].n_columns(); ++d) {
        const auto column = static_cast<std::size_t>(layout_.factors[f].column + d);
        square += (frame.centre[column] - origin_[column]) * (frame.centre[column] - origin_[column]);
      }
      extent_[f] = std::max(extent_[f], round_up(std::sqrt(square)));
    }
  }
}

}  // namespace k7::spectral
