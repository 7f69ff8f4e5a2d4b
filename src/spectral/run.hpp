// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/stopwatch.hpp"
#include "k7/base/error.hpp"
#include "k7/spectral/compute_spectrum.hpp"
#include "spectral/graph/strays.hpp"
#include "spectral/solve/eigensolver.hpp"

namespace k7::spectral {

/// What the stages of one computation share, and the report that they fill.
struct Run {
  const geometry::Manifold& manifold;
  const SpectrumOptions& options;
  const parallel::Communicator& comm;
  Observer& observer;
  const NeighborsFound& neighbors_found;
  Device device = Device::cpu;
  double length_sq = 1.0;  ///< the caller's square of the unit of length in which the points are
  SpectrumReport report{};

  /// Seconds since the last call.
  double lap() {
    const double now = watch.seconds();
    return now - std::exchange(last_lap, now);
  }
  EigenOptions eigen_options() const {
    EigenOptions eigen;
    eigen.count = options.eigenvalues;
    eigen.seed = options.seed;
    eigen.keep_functions = options.keep_functions;
    eigen.stop_requested = [this] { return is_stop_requested(); };
    return eigen;
  }
  /// Whether the observer of any rank wants a stop. Collective.
  bool is_stop_requested() const { return comm.max(GlobalIndex{observer.stop_requested() ? 1 : 0}) > 0; }
  /// Between two stages. Collective. @throws Stopped
  void stop_where_requested() const {
    if (is_stop_requested()) throw Stopped();
  }
  /// Enters the number of components, of which there should be one.
  void note_components(GlobalIndex count);
  /// Enters points that are no longer among those that are computed with.
  void note_left_out(const Strays& strays);

  Stopwatch watch{};
  double last_lap = 0.0;
};

// The methods: each takes the points and fills the report. Collective.
void compute_with_both(Run& run, PointCloud cloud);
void compute_with_graph(Run& run, PointCloud cloud);
void compute_with_notebook(Run& run, PointCloud cloud);
void compute_with_ritz(Run& run, PointCloud cloud);

}  // namespace k7::spectral
