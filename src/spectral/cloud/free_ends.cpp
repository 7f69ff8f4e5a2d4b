// SPDX-License-Identifier: Apache-2.0
#include "spectral/cloud/free_ends.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace k7::spectral {
namespace {

using geometry::dim;

struct Interval {
  double begin;
  double length;
};

/// Whether n random points with these extremes fill the interval to their spacing.
bool fills(double low, double high, const Interval& interval, GlobalIndex n) {
  // The outermost point is one mean gap from the end on average, and more than 20 once in 5e8 times.
  constexpr double gaps = 20.0;
  constexpr double most = 0.05;      // of few points
  constexpr double rounding = 1e-6;  // to float32
  const double margin = interval.length * std::min(most, gaps / static_cast<double>(n));
  const double outside = interval.length * rounding;
  const double end = interval.begin + interval.length;
  return low >= interval.begin - outside && low <= interval.begin + margin && high >= end - margin &&
         high <= end + outside;
}

bool looks_periodic(double low, double high, GlobalIndex n) {
  const std::array<Interval, 3> usual{{{0.0, 1.0}, {0.0, 2.0 * M_PI}, {-M_PI, 2.0 * M_PI}}};
  return std::any_of(usual.begin(), usual.end(),
                     [&](const Interval& interval) { return fills(low, high, interval, n); });
}

}  // namespace

void warn_of_free_ends(const PointCloud& cloud, const std::string& source, const std::string& remedy,
                       const parallel::Communicator& comm, Observer& observer) {
  const PointBox box = bounding_box(cloud, comm);
  std::string coordinates;
  for (std::size_t a = 0; a < dim; ++a)
    if (looks_periodic(box.low[a], box.high[a], cloud.n_global))
      coordinates += (coordinates.empty() ? "" : ", ") + std::to_string(a);
  if (coordinates.empty()) return;
  observer.warn(source + ": coordinates " + coordinates +
                " fill [0, 1] or a turn of 2 pi and are taken as intervals with free ends; " + remedy);
}

}  // namespace k7::spectral
