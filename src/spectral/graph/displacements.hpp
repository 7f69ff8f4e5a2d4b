// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "spectral/graph/symmetric_graph.hpp"
#include "spectral/knn/knn_graph.hpp"

namespace k7::spectral {

using Vector7 = std::array<double, geometry::dim>;

/// Frame displacements from points to their neighbours, whatever rank has these.
class Displacements {
 public:
  /// Collective. @param points those of the graph's rows, in their order
  Displacements(const KnnGraph& graph, const PointCloud& points, const geometry::Manifold& manifold,
                const GhostExchange& exchange)
      : graph_(graph), points_(points), manifold_(manifold) {
    const auto size = static_cast<std::size_t>(points.point_size);
    ghosts_.resize(graph.ghost_rows.size() * size);
    for (std::size_t c = 0; c < size; ++c) {
      const auto values = exchange.values([&](std::size_t i) { return points.point(i)[c]; });
      for (std::size_t g = 0; g < values.size(); ++g) ghosts_[g * size + c] = values[g];
    }
  }

  /// From row i to its m-th neighbour.
  Vector7 operator()(std::size_t i, std::size_t m) const {
    const std::size_t place = graph_.places[i * static_cast<std::size_t>(graph_.k) + m];
    const double* other =
        place < graph_.n_local()
            ? points_.point(place)
            : ghosts_.data() + (place - graph_.n_local()) * static_cast<std::size_t>(points_.point_size);
    Vector7 v{};
    manifold_.displacement(points_.point(i), other, v.data());
    return v;
  }

 private:
  const KnnGraph& graph_;
  const PointCloud& points_;
  const geometry::Manifold& manifold_;
  std::vector<double> ghosts_;
};

}  // namespace k7::spectral
