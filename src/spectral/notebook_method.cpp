// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "spectral/graph/components.hpp"
#include "spectral/neighbors.hpp"
#include "spectral/solve/stage.hpp"

namespace k7::spectral {

void compute_with_notebook(Run& run, PointCloud cloud) {
  // The notebook's weights take copies of points, as long as they are few.
  constexpr int bearable_copies = 20000;
  const auto& comm = run.comm;
  SpectrumReport& report = run.report;
  const auto [regions, graph] =
      find_neighborhoods(run, std::move(cloud), {bearable_copies, true, false}, run.options.neighbors);
  const auto symmetric = symmetrize(graph, {graph.k}, Join::either, comm);
  run.note_components(connected_components(symmetric, graph.k, comm).count);
  run.observer.info("the notebook's L is not symmetric: its matrix was symmetrised as (L + L^T)/2");
  const auto laplacian = [&] {
    const Stage stage("assemble");
    return notebook_laplacian(graph, notebook_weights(graph), run.device, comm);
  }();
  report.timing.assemble = run.lap();
  const Stage stage("eigensolve");
  report.pairs = smallest_eigenpairs(laplacian, graph.ids, {}, run.eigen_options(), comm);
  report.timing.eigensolve = run.lap();
  run.observer.info(
      fmt::format("computed {} eigenvalues: {:.2f} s", report.pairs.values.size(), report.timing.eigensolve));
}

}  // namespace k7::spectral
