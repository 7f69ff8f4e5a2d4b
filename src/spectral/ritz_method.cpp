// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "spectral/ritz/ritz.hpp"
#include "spectral/run.hpp"

namespace k7::spectral {

void compute_with_ritz(Run& run, PointCloud cloud) {
  SpectrumReport& report = run.report;
  RitzOptions options;
  options.count = run.options.eigenvalues;
  options.threads = run.options.threads;
  run.lap();
  const auto ritz = ritz_spectrum(cloud, run.manifold, run.options.source, options, run.comm);
  report.pairs.values = ritz.values;
  report.pairs.zero_modes = 1;  // the constants are in the basis
  report.n_components = 1;
  report.limit.values = ritz.values;
  for (const double deviation : ritz.errors) report.limit.errors.push_back(2.0 * deviation);
  report.timing.eigensolve = run.lap();
  run.observer.info(fmt::format("{} basis functions of degree {}: {:.2f} s", ritz.basis_size, ritz.degree,
                                report.timing.eigensolve));
  if (ritz.weights_from_metric)
    run.observer.info(run.options.source +
                      " has no /weight: points are taken as drawn uniformly in the frame");
}

}  // namespace k7::spectral
