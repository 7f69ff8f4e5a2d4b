// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "spectral/graph/symmetric_graph.hpp"
#include "spectral/neighbors.hpp"
#include "spectral/solve/eigensolver.hpp"

namespace k7::spectral {

/// The spectrum of the graph that was asked for, and of the ladder of graphs around it.
class GraphMethod {
 public:
  explicit GraphMethod(Run& run);

  /// Neighbours that the lists need.
  int most_neighbors() const { return graph_neighbors().back(); }

  /// Fills the report's pairs, ladder and limit. Collective.
  /// @param graph is freed as soon as it is not needed any more
  void compute(const Regions& regions, KnnGraph graph);

 private:
  int k() const { return run_.options.neighbors; }
  void choose_ladder();
  std::vector<int> graph_neighbors() const;
  void solve_all_points(const IndexedCloud& points, KnnGraph directed);
  SymmetricGraph make_graph(const IndexedCloud& points, KnnGraph directed,
                            const std::vector<int>& neighbors) const;
  Rung solve_first_rung(const SymmetricGraph& graph);
  std::vector<double> solve_whole_multiplets(const Laplacian& laplacian, const SymmetricGraph& graph,
                                             const NullSpace& null_space);
  double ladder_work() const;
  void climb_graph(const SymmetricGraph& graph, int part);
  void extrapolate_with_halves(const Regions& regions);

  Run& run_;
  SpectrumReport& report_;
  std::vector<int> ladder_;
  bool has_ladder_ = false;
  std::string obstacle_;       // why there are no limits though they are wanted
  double ladder_start_ = 0.0;  // seconds
  double climbed_ = 0.0;       // part of ladder_work()
};

}  // namespace k7::spectral
