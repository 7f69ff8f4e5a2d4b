// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/compute_spectrum.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "k7/parallel/agree.hpp"
#include "k7/spectral/session.hpp"
#include "parallel/gpus.hpp"
#include "spectral/cloud/units.hpp"
#include "spectral/knn/point_checks.hpp"
#include "spectral/run.hpp"
#include "spectral/unreachable.hpp"
#include "spectral/witness/witness.hpp"

namespace k7::spectral {
namespace {

using Compute = void (*)(Run&, PointCloud);

/// A new method has a name in names_of(Method) and a line here.
Compute compute_of(Method method) {
  switch (method) {
    case Method::automatic:
      return compute_with_both;
    case Method::graph:
      return compute_with_graph;
    case Method::ritz:
      return compute_with_ritz;
    case Method::notebook:
      return compute_with_notebook;
  }
  return nullptr;
}

/// The same on all ranks. Collective.
Device device_of(DeviceChoice choice, const parallel::Communicator& comm) {
  const int here = built_with_cuda() ? parallel::visible_gpus() : 0;
  return parallel::gpus_per_rank(comm, here, choice) > 0 ? Device::cuda : Device::cpu;
}

/// Where the graph falls apart, its eigenvalues have other numbers.
void warn_of_contradictions(const SpectrumReport& report, Observer& observer) {
  if (!report.witness || report.pairs.zero_modes != 1) return;
  for (const auto& line : contradictions(report.limit, *report.witness)) observer.warn(line);
}

}  // namespace

void Run::note_components(GlobalIndex count) {
  report.n_components = count;
  if (count > 1)
    observer.warn(fmt::format(
        "the graph falls into {} components, each with a zero mode of its own; raise -k to join them",
        count));
}

void Run::note_left_out(const Strays& strays) {
  report.n_points -= strays.count;
  report.n_left_out += strays.count;
  auto& rows = report.left_out;
  rows.insert(rows.end(), strays.rows.begin(), strays.rows.end());
  std::sort(rows.begin(), rows.end());
  rows.resize(std::min(rows.size(), Strays::most_rows));
}

SpectrumReport compute_spectrum(PointCloud cloud, const geometry::Manifold& manifold,
                                const SpectrumOptions& options, const parallel::Communicator& comm,
                                Observer& observer, const NeighborsFound& neighbors_found) {
  parallel::agree(comm, [&] {
    validate(options);
    validate(options, cloud.n_global, comm.size());
  });
  const Device device = device_of(options.device, comm);
  // The notebook's weights have a length of their own, so that its matrix depends on the units.
  const bool keeps_units = options.method == Method::notebook;
  require_measurable(cloud, manifold, keeps_units ? given_units : any_units, options.source, comm);
  const MetricStatistics statistics = metric_statistics(cloud, comm);  // of all points
  const Strays unreachable =
      keeps_units || cloud.nodes ? Strays{} : leave_out_unreachable(cloud, manifold, options, comm, observer);
  const Units units = keeps_units ? Units{} : choose_units(cloud, manifold, comm);
  const auto unit_manifold = units.manifold(manifold);
  units.take_out(cloud);
  if (options.density == Density::uniform && !cloud.nodes && !has_densities(cloud, comm))
    cloud.densities.assign(cloud.size(), 1.0);
  Run run{unit_manifold ? *unit_manifold : manifold,
          options,
          comm,
          observer,
          neighbors_found,
          device,
          units.length_sq()};
  SpectrumReport& report = run.report;
  report.method = options.method;
  report.k = options.method == Method::ritz ? 0 : options.neighbors;
  report.on_gpu = run.device == Device::cuda;
  report.n_points = cloud.n_rows();
  run.note_left_out(unreachable);
  report.metric = statistics;
  std::optional<NearConstant> near;  // of all points, before any method leaves some out
  if (!keeps_units && knows_constant_metrics(run.manifold)) near = near_constant(cloud, comm);
  compute_of(options.method)(run, std::move(cloud));
  if (near) report.witness = bear_witness(*near, run.manifold, comparable_eigenvalues(report), comm);
  units.put_back(report);
  warn_of_contradictions(report, observer);
  report.timing.total = run.watch.seconds();
  return std::move(run.report);
}

}  // namespace k7::spectral
