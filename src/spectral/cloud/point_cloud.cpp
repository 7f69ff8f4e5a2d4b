// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/point_cloud.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "k7/base/error.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/parallel/agree.hpp"
#include "spectral/cloud/free_ends.hpp"

namespace k7::spectral {
namespace {

constexpr GlobalIndex block_rows = 65536;  // 25 MB of metrics while they are unpacked and checked

/// Keeps one metric where all are the same to the bit. Collective.
void merge_equal_metrics(PointCloud& cloud, const parallel::Communicator& comm) {
  // Rank 0 has points where any rank has.
  geometry::SymMetric first{};
  if (comm.is_root() && cloud.size() > 0) std::copy_n(cloud.metric(0), geometry::n_sym, first.begin());
  comm.broadcast(first.data(), first.size());
  bool equal = true;
  for (std::size_t i = 0; equal && i < cloud.size(); ++i)
    equal = std::equal(first.begin(), first.end(), cloud.metric(i));
  if (comm.min(equal ? 1.0 : 0.0) == 0.0) return;
  cloud.one_metric = true;
  cloud.metrics = std::vector<double>(first.begin(), first.end());
}

/// @throws InputError naming array and row of the first number that is not valid
void check(const PointRows& rows, const geometry::Manifold& manifold, const parallel::Communicator& comm) {
  const auto fail_where = [&](const char* array, std::size_t row, const std::string& defect) {
    if (defect.empty()) return;
    const std::string where = comm.size() > 1 ? " of rank " + std::to_string(comm.rank()) : "";
    throw InputError(std::string(array) + " row " + std::to_string(row) + where + ": " + defect);
  };
  const auto n = static_cast<std::size_t>(rows.count);
  const auto point_size = static_cast<std::size_t>(manifold.point_size());
  for (std::size_t i = 0; i < n; ++i)
    fail_where("points", i, io::point_defect(manifold, rows.points + i * point_size));
  for (std::size_t i = 0; i < (rows.one_metric ? std::min<std::size_t>(n, 1) : n); ++i)
    fail_where("metric", i, geometry::metric_defect(rows.metric(i)));
  if (rows.weights == nullptr) return;
  for (std::size_t i = 0; i < n; ++i) fail_where("weight", i, io::weight_defect(rows.weights[i]));
}

}  // namespace

PointCloud PointCloud::empty_copy() const {
  PointCloud copy;
  copy.n_left_out = n_left_out;
  copy.point_size = point_size;
  copy.one_metric = one_metric;
  if (one_metric) copy.metrics = metrics;
  return copy;
}

void PointCloud::append(const PointCloud& other, std::size_t i) {
  ids.push_back(other.ids[i]);
  points.insert(points.end(), other.point(i), other.point(i) + point_size);
  if (!one_metric) metrics.insert(metrics.end(), other.metric(i), other.metric(i) + geometry::n_sym);
  if (!other.densities.empty()) densities.push_back(other.densities[i]);
  if (!other.boundary.empty()) boundary.push_back(other.boundary[i]);
}

PointCloud read_points(const io::SampleReader& reader, const parallel::Communicator& comm,
                       Observer& observer) {
  PointCloud cloud;
  cloud.n_global = reader.n_points();
  cloud.point_size = reader.manifold().point_size();
  const auto range = parallel::even_rows(cloud.n_global, comm.rank(), comm.size());
  parallel::agree(comm, [&] {
    const auto n = static_cast<std::size_t>(range.count());
    cloud.ids.resize(n);
    cloud.points.resize(n * static_cast<std::size_t>(cloud.point_size));
    cloud.metrics.resize(n * geometry::n_sym);
    if (reader.has_weights()) cloud.densities.resize(n);
    for (GlobalIndex done = 0; done < range.count(); done += block_rows) {
      const GlobalIndex count = std::min(block_rows, range.count() - done);
      reader.read(range.begin + done, count, cloud.points.data() + done * cloud.point_size,
                  cloud.metrics.data() + done * geometry::n_sym);
      if (reader.has_weights()) reader.read_weights(range.begin + done, count, cloud.densities.data() + done);
    }
    for (std::size_t i = 0; i < n; ++i) cloud.ids[i] = range.begin + static_cast<GlobalIndex>(i);
  });
  merge_equal_metrics(cloud, comm);
  if (!reader.says_periods())
    warn_of_free_ends(
        cloud, reader.path(),
        "if they are periodic, say so with the root attribute periods (7 numbers, 0 = not periodic), as "
        "npy_to_hdf5.py --periods does",
        comm, observer);
  return cloud;
}

PointCloud cloud_of(const PointRows& rows, const geometry::Manifold& manifold, bool says_periods,
                    const parallel::Communicator& comm, Observer& observer) {
  PointCloud cloud;
  cloud.n_global = comm.sum(rows.count);
  cloud.point_size = manifold.point_size();
  const GlobalIndex begin = comm.exclusive_scan(rows.count);
  const bool has_weights = rows.weights != nullptr;
  if (comm.max(GlobalIndex{rows.count > 0 && has_weights}) > 0 &&
      comm.max(GlobalIndex{rows.count > 0 && !has_weights}) > 0)
    throw CollectiveError(Fault::bad_input,
                          "weight: some ranks have weights and others have none; give them on all ranks");
  parallel::agree(comm, [&] {
    if (cloud.n_global == 0) throw InputError("points: has no rows; at least 2 points are needed");
    check(rows, manifold, comm);
    const auto n = static_cast<std::size_t>(rows.count);
    cloud.points.assign(rows.points, rows.points + rows.count * cloud.point_size);
    if (has_weights) cloud.densities.assign(rows.weights, rows.weights + rows.count);
    cloud.metrics.reserve(n * geometry::n_sym);
    for (std::size_t i = 0; i < n; ++i) {
      const auto packed = geometry::pack(rows.metric(i));
      cloud.metrics.insert(cloud.metrics.end(), packed.begin(), packed.end());
      cloud.ids.push_back(begin + static_cast<GlobalIndex>(i));
    }
  });
  merge_equal_metrics(cloud, comm);
  if (!says_periods)
    warn_of_free_ends(cloud, "points",
                      "if they are periodic, say so with periods (7 numbers, 0 = not periodic)", comm,
                      observer);
  return cloud;
}

PointBox bounding_box(const PointCloud& cloud, const parallel::Communicator& comm) {
  const auto size = static_cast<std::size_t>(cloud.point_size);
  PointBox box{std::vector<double>(size, std::numeric_limits<double>::infinity()),
               std::vector<double>(size, -std::numeric_limits<double>::infinity())};
  for (std::size_t i = 0; i < cloud.size(); ++i)
    for (std::size_t d = 0; d < size; ++d) {
      box.low[d] = std::min(box.low[d], cloud.point(i)[d]);
      box.high[d] = std::max(box.high[d], cloud.point(i)[d]);
    }
  comm.min(box.low.data(), size);
  comm.max(box.high.data(), size);
  return box;
}

std::vector<double> half_widths(const PointCloud& cloud, const geometry::Manifold& manifold,
                                const parallel::Communicator& comm) {
  const PointBox box = bounding_box(cloud, comm);
  const auto periods = manifold.periods();
  std::vector<double> widths;
  for (std::size_t d = 0; d < box.low.size(); ++d) {
    widths.push_back(0.5 * box.high[d] - 0.5 * box.low[d]);  // does not overflow
    if (d < periods.size() && periods[d] > 0.0) widths[d] = std::min(widths[d], 0.5 * periods[d]);
  }
  return widths;
}

bool has_densities(const PointCloud& cloud, const parallel::Communicator& comm) {
  return comm.max(static_cast<GlobalIndex>(cloud.densities.size())) > 0;
}

MetricStatistics metric_statistics(const PointCloud& cloud, const parallel::Communicator& comm) {
  std::vector<double> det(cloud.size());
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  double sum = 0.0;
  for (std::size_t i = 0; i < det.size(); ++i) {
    det[i] = geometry::determinant(cloud.metric(i));
    low = std::min(low, det[i]);
    high = std::max(high, det[i]);
    sum += det[i];
  }
  const double mean = comm.sum(sum) / static_cast<double>(cloud.n_global);
  double squares = 0.0;
  for (const double d : det) squares += (d - mean) * (d - mean);
  const double variance = comm.sum(squares) / static_cast<double>(cloud.n_global);
  return {cloud.n_global, mean, std::sqrt(variance), comm.min(low), comm.max(high)};
}

geometry::Matrix7 mean_metric(const PointCloud& cloud, const parallel::Communicator& comm) {
  geometry::SymMetric sum{};
  for (std::size_t i = 0; i < cloud.size(); ++i)
    for (int c = 0; c < geometry::n_sym; ++c) sum[static_cast<std::size_t>(c)] += cloud.metric(i)[c];
  comm.sum(sum.data(), sum.size());
  for (double& c : sum) c /= static_cast<double>(cloud.n_global);
  return geometry::unpack(sum.data());
}

}  // namespace k7::spectral
