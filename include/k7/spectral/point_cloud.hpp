// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "k7/base/observer.hpp"
#include "k7/geometry/quadrature_rule.hpp"
#include "k7/geometry/three_form.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::spectral {

/// What is known of points that are no samples but the nodes of quadrature rules: `n_rules` rules, turned against each
/// other, see geometry::RuleRequest. Point `id` belongs to rule id % n_rules.
struct NodeSet {
  int n_rules;
  int most_functions;             ///< products in a basis for them
  geometry::Exactness exactness;  ///< of each rule
  std::vector<double> weights;    ///< (n_local) of the volume of the frame's unit metric
};

/// This rank's share of the sampled points.
struct PointCloud {
  GlobalIndex n_global = 0;      ///< points of all ranks
  GlobalIndex n_left_out = 0;    ///< further rows of the input, which are not among the points
  int point_size = 0;            ///< numbers per point
  std::vector<GlobalIndex> ids;  ///< (n_local) row of the input file
  std::vector<double> points;    ///< (n_local, point_size)
  bool one_metric = false;       ///< whether all points of all ranks have the same metric
  std::vector<double> metrics;   ///< (n_local, 28) packed, or (28) when one_metric
  std::vector<double>
      densities;  ///< (n_local) sampling density against the Riemannian volume; empty if unknown
  /// (n_local) distance to the boundary of the region that the points fill, see boundary_distances; empty where the
  /// space has none
  std::vector<double> boundary;
  std::optional<NodeSet> nodes;  ///< where the points are nodes of quadrature rules

  std::size_t size() const { return ids.size(); }
  /// Rows of the input: ids are below it.
  GlobalIndex n_rows() const { return n_global + n_left_out; }
  const double* point(std::size_t i) const {
    return points.data() + i * static_cast<std::size_t>(point_size);
  }
  const double* metric(std::size_t i) const {
    return metrics.data() + (one_metric ? 0 : i * geometry::n_sym);
  }

  /// A cloud of none of its points, to which some are to be appended; n_global is left open.
  PointCloud empty_copy() const;
  /// Appends point i of another cloud like this one.
  void append(const PointCloud& other, std::size_t i);
};

/// Determinants of the metric over all points.
struct MetricStatistics {
  GlobalIndex n_samples;
  double det_mean;
  double det_std;
  double det_min;
  double det_max;
};

/// Reads the rank's even share of the rows, in blocks. Warns of coordinates that may be meant to be periodic where
/// the file does not say so. Collective.
/// @throws CollectiveError naming file, dataset and row of the first point that is not valid
PointCloud read_points(const io::SampleReader& reader, const parallel::Communicator& comm,
                       Observer& observer);

/// Points that a program has in memory, this rank's rows; row-major.
struct PointRows {
  GlobalIndex count = 0;
  const double* points = nullptr;   ///< (count, manifold.point_size())
  const double* metrics = nullptr;  ///< (count, 7, 7), or (7, 7) when one_metric
  bool one_metric = false;          ///< whether all points have the same metric
  /// (count) sampling density against the Riemannian volume; null if unknown, on all ranks or on none
  const double* weights = nullptr;

  const double* metric(std::size_t i) const {
    return metrics + (one_metric ? 0 : i * geometry::dim * geometry::dim);
  }
};

/// The same of rows in memory, which are numbered in the order of the ranks. Collective.
/// @param says_periods whether the caller knows which coordinates are periodic; otherwise they may get a warning
/// @throws CollectiveError naming array and row of the first number that is not valid
PointCloud cloud_of(const PointRows& rows, const geometry::Manifold& manifold, bool says_periods,
                    const parallel::Communicator& comm, Observer& observer);

/// Extremes of each of a point's numbers over all points.
struct PointBox {
  std::vector<double> low;
  std::vector<double> high;
};

/// Collective.
PointBox bounding_box(const PointCloud& cloud, const parallel::Communicator& comm);

/// Half of the longest distance that two points have along each coordinate, on periodic ones at most half a period;
/// of a point's numbers that are no coordinates half of their range. Collective.
std::vector<double> half_widths(const PointCloud& cloud, const geometry::Manifold& manifold,
                                const parallel::Communicator& comm);

/// Whether the points have densities; a rank without points cannot tell. Collective.
bool has_densities(const PointCloud& cloud, const parallel::Communicator& comm);

/// Collective.
MetricStatistics metric_statistics(const PointCloud& cloud, const parallel::Communicator& comm);

/// Mean of the metric over all points. Collective.
geometry::Matrix7 mean_metric(const PointCloud& cloud, const parallel::Communicator& comm);

}  // namespace k7::spectral
