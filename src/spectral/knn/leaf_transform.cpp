// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/leaf_transform.hpp"

#include <cmath>
#include <limits>

namespace k7::spectral {
namespace {

constexpr double float_unit = 1.0 / (1 << 24);

/// conj(r) x of one factor.
void rotate_back(const geometry::Factor& factor, const float* r, const float* x, float* y) {
  std::array<double, 4> rotation{};
  std::array<double, 4> from{};
  std::array<double, 4> to{};
  for (std::size_t c = 0; c < static_cast<std::size_t>(factor.n_columns()); ++c) {
    rotation[c] = r[c];
    from[c] = x[c];
  }
  spectral::rotate_back(factor.kind, rotation.data(), from.data(), to.data());
  for (std::size_t c = 0; c < static_cast<std::size_t>(factor.n_columns()); ++c)
    y[c] = static_cast<float>(to[c]);
}

}  // namespace

LeafTransform leaf_transform(const LeafFrame& from, const LeafFrame& to, const EmbeddingLayout& layout,
                             double slack) {
  LeafTransform transform{};
  std::array<float, max_embedding_size> difference{};
  for (std::size_t d = 0; d < static_cast<std::size_t>(layout.size); ++d)
    difference[d] = static_cast<float>(from.centre[d] - to.centre[d]);
  for (std::size_t f = 0; f < layout.factors.size(); ++f) {
    const auto& factor = layout.factors[f];
    const auto first = static_cast<std::size_t>(factor.column);
    rotate_back(factor, &to.rotation[first], &from.rotation[first], &transform.rotation[first]);
    rotate_back(factor, &to.rotation[first], &difference[first], &transform.shift[first]);
    float square = 0.0F;
    for (std::size_t c = first; c < first + static_cast<std::size_t>(factor.n_columns()); ++c)
      square += transform.shift[c] * transform.shift[c];
    const float reach = from.radius[f] + std::sqrt(square) + to.radius[f];
    transform.error[static_cast<std::size_t>(factor.stretch)] += filter_margin * reach * reach;
  }
  for (float& error : transform.error) error += static_cast<float>(slack);
  return transform;
}

void ball_reach(const LeafTree& tree, const LeafFrame& query, double slack, float* reach) {
  const auto& factors = tree.layout().factors;
  for (std::size_t f = 0; f < factors.size(); ++f) {
    double square = 0.0;
    for (int c = 0; c < factors[f].n_columns(); ++c) {
      const auto column = static_cast<std::size_t>(factors[f].column + c);
      const double difference = query.centre[column] - tree.origin()[column];
      square += difference * difference;
    }
    const double rounding = 32.0 * float_unit * (std::sqrt(square) + tree.extent()[f]);
    reach[f] = static_cast<float>((query.radius[f] + rounding + std::sqrt(slack * relative_margin)) *
                                  (1.0 + 4.0 * float_unit));
  }
}

}  // namespace k7::spectral
