// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/point_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::spectral {
namespace {

/// A number of the file that is large, and where.
struct Extreme {
  double power;  ///< of ten
  GlobalIndex row;
};

/// The largest of all ranks. Collective.
Extreme largest(Extreme here, const parallel::Communicator& comm) {
  const double power = comm.max(here.power);
  const GlobalIndex none = std::numeric_limits<GlobalIndex>::max();
  return {power, comm.min(here.power == power ? here.row : none)};
}

constexpr double nothing = -std::numeric_limits<double>::infinity();

/// The widest side of the box around all points, and the point that reaches farthest along it. Collective.
Extreme widest_side(const PointCloud& cloud, const geometry::Manifold& manifold,
                    const parallel::Communicator& comm) {
  const auto width = half_widths(cloud, manifold, comm);
  const auto d = static_cast<std::size_t>(std::max_element(width.begin(), width.end()) - width.begin());
  Extreme here{nothing, std::numeric_limits<GlobalIndex>::max()};
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    const double power = std::log10(std::abs(cloud.point(i)[d]));
    if (power > here.power) here = {power, cloud.ids[i]};
  }
  here = largest(here, comm);
  return {std::log10(2.0) + std::log10(width[d]), here.row};
}

/// The largest diagonal entry of a metric. Collective.
Extreme largest_metric(const PointCloud& cloud, const parallel::Communicator& comm) {
  Extreme here{nothing, std::numeric_limits<GlobalIndex>::max()};
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    const auto g = geometry::unpack(cloud.metric(i));
    double entry = 0.0;
    for (int a = 0; a < geometry::dim; ++a) entry = std::max(entry, g(a, a));
    const double power = std::log10(entry);
    if (power > here.power) here = {power, cloud.ids[i]};
    if (cloud.one_metric) break;
  }
  return largest(here, comm);
}

std::string power_text(double power) {
  return "1e" + std::to_string(std::lround(power));
}

using Point = std::array<double, max_embedding_size>;

double distance(const Point& a, const Point& b) {
  double square = 0.0;
  for (std::size_t d = 0; d < a.size(); ++d) square += (a[d] - b[d]) * (a[d] - b[d]);
  return std::sqrt(square);
}

/// Distance that rounding alone can make between two embedded points, see knn_search.hpp. Collective.
double rounding(const LeafTree& tree, const parallel::Communicator& comm) {
  double radius = 0.0;
  for (std::size_t l = 0; l < tree.n_leaves(); ++l)
    radius = std::max(radius, distance(tree.frame(l).centre, {}));
  return 2e-14 * comm.max(radius);
}

/// Leaves that are no larger than rounding.
std::vector<std::size_t> leaves_without_extent(const LeafTree& tree, double tolerance) {
  std::vector<std::size_t> leaves;
  for (std::size_t l = 0; l < tree.n_leaves(); ++l) {
    const LeafFrame& frame = tree.frame(l);
    double extent = 0.0;
    for (int d = 0; d < tree.layout().size; ++d) {
      const auto i = static_cast<std::size_t>(d);
      extent = std::max(extent, double{frame.hi[i]} - double{frame.lo[i]});
    }
    if (extent <= tolerance) leaves.push_back(l);
  }
  return leaves;
}

/// Points in one place.
struct Crowd {
  GlobalIndex count = 0;
  GlobalIndex first_row = std::numeric_limits<GlobalIndex>::max();
};

Crowd crowd_around(const Point& place, const std::vector<std::size_t>& leaves, const IndexedCloud& points,
                   double tolerance) {
  Crowd crowd;
  for (const std::size_t leaf : leaves) {
    if (distance(points.tree.frame(leaf).centre, place) > 2.0 * tolerance) continue;
    const auto first =
        points.cloud.ids.begin() + static_cast<std::ptrdiff_t>(leaf * std::size_t{LeafTree::leaf_size});
    crowd.count += points.tree.count(leaf);
    crowd.first_row = std::min(crowd.first_row, *std::min_element(first, first + points.tree.count(leaf)));
  }
  return crowd;
}

/// The first crowd of this rank with more than `most` points; one of none if there is no such crowd.
Crowd find_crowd(const IndexedCloud& points, int most, double tolerance) {
  const auto leaves = leaves_without_extent(points.tree, tolerance);
  // Fewer points than this are searched in no time, and it need not be known how they are grouped.
  if (static_cast<GlobalIndex>(leaves.size()) * LeafTree::leaf_size <= most) return {};
  for (const std::size_t leaf : leaves) {
    const Crowd crowd = crowd_around(points.tree.frame(leaf).centre, leaves, points, tolerance);
    if (crowd.count > most) return crowd;
  }
  return {};
}

}  // namespace

void require_measurable(const PointCloud& cloud, const geometry::Manifold& manifold,
                        const DistanceRange& range, const std::string& source,
                        const parallel::Communicator& comm) {
  const Extreme side = widest_side(cloud, manifold, comm);
  const Extreme metric = largest_metric(cloud, comm);
  const double power = 2.0 * side.power + metric.power;
  if (side.power == nothing) return;  // all points in one place, which is another matter
  const bool large = power > range.largest;
  if (!large && power >= range.smallest) return;
  const bool blame_metric = large ? metric.power > 2.0 * side.power : metric.power < 2.0 * side.power;
  const std::string dataset =
      blame_metric ? "/metric" : (cloud.point_size == geometry::dim ? "/coords" : "/points");
  const double factor = blame_metric ? power : 0.5 * power;
  parallel::agree_on_root(comm, [&] {
    throw InputError(source + ": " + dataset + " row " +
                     std::to_string(blame_metric ? metric.row : side.row) + ": the numbers are too " +
                     (large ? "large" : "small") + ": squared distances reach " + power_text(power) +
                     ", and " + (large ? "above " : "below ") +
                     power_text(large ? range.largest : range.smallest) +
                     " they cannot be computed; use other units of length, for example " + dataset +
                     (large ? " divided by " : " multiplied by ") + power_text(std::abs(factor)));
  });
}

void require_distinct(const IndexedCloud& points, int most, const std::string& source,
                      const parallel::Communicator& comm) {
  const Crowd crowd = find_crowd(points, most, rounding(points.tree, comm));
  const GlobalIndex first_row = comm.min(crowd.first_row);
  parallel::agree(comm, [&] {
    if (crowd.count > 0 && crowd.first_row == first_row)
      throw InputError(source + ", row " + std::to_string(first_row) + ": at least " +
                       std::to_string(crowd.count) +
                       " points coincide with this one up to rounding; remove duplicate points (more than " +
                       std::to_string(most) + " in one place are too many)");
  });
}

}  // namespace k7::spectral
