// SPDX-License-Identifier: Apache-2.0
#include "spectral/unreachable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;
using Diagonal = std::array<double, dim>;

// Of the size of the cloud. Rounding is 2e-14 of the farthest distance, see require_distinct, and must be small
// against the distances of neighbours.
constexpr double too_far = 1e12;

Diagonal diagonal(const double* metric) {
  Diagonal entries{};
  std::size_t n = 0;
  for (std::size_t a = 0; a < dim; ++a) {
    entries[a] = metric[n];
    n += dim - a;
  }
  return entries;
}

/// Some of the points, the same on every rank and whatever the number of ranks.
struct Sample {
  std::size_t size = 0;
  std::size_t point_size = 0;
  std::vector<double> points;       // (size, point_size)
  std::vector<Diagonal> diagonals;  // (size) of the metrics
  const double* point(std::size_t i) const { return points.data() + i * point_size; }
};

/// Collective.
Sample take_sample(const PointCloud& cloud, const parallel::Communicator& comm) {
  constexpr GlobalIndex most = 1000;
  const GlobalIndex stride = 1 + cloud.n_rows() / most;
  const auto point_size = static_cast<std::size_t>(cloud.point_size);
  const std::size_t row_size = dim + point_size;
  std::vector<double> rows(static_cast<std::size_t>(1 + cloud.n_rows() / stride) * row_size, 0.0);
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    if (cloud.ids[i] % stride != 0) continue;
    double* row = rows.data() + static_cast<std::size_t>(cloud.ids[i] / stride) * row_size;
    const Diagonal g = diagonal(cloud.metric(i));
    std::copy(g.begin(), g.end(), row);
    std::copy_n(cloud.point(i), point_size, row + dim);
  }
  comm.sum(rows.data(), rows.size());  // each has one rank's numbers and zeros
  Sample sample;
  sample.point_size = point_size;
  for (const double* row = rows.data(); row != rows.data() + rows.size(); row += row_size) {
    if (row[0] == 0.0) continue;  // no point has this row
    sample.diagonals.emplace_back();
    std::copy_n(row, dim, sample.diagonals.back().begin());
    sample.points.insert(sample.points.end(), row + dim, row + row_size);
    ++sample.size;
  }
  return sample;
}

double value_at(std::vector<double>& values, std::size_t place) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

/// Where most points are, and how large a region they fill.
struct Middle {
  const double* point;
  Diagonal metric;  ///< diagonal of a typical one
  double size;

  /// Distance from the middle, roughly: as if the metric were diagonal.
  double distance(const double* other, const Diagonal& g, const geometry::Manifold& manifold) const {
    Diagonal v{};
    manifold.displacement(point, other, v.data());
    double longest = 0.0;
    for (std::size_t a = 0; a < dim; ++a)
      longest = std::max(longest, std::sqrt(std::max(g[a], metric[a])) * std::abs(v[a]));
    return longest;
  }
};

/// Of several points of the sample the one that has nine tenths of it nearest around itself; none without points.
std::optional<Middle> find_middle(const Sample& sample, const geometry::Manifold& manifold) {
  if (sample.size < 3) return std::nullopt;
  Diagonal typical{};
  for (std::size_t a = 0; a < dim; ++a) {
    std::vector<double> entries;
    for (const Diagonal& g : sample.diagonals) entries.push_back(g[a]);
    typical[a] = value_at(entries, sample.size / 2);
  }
  constexpr std::size_t most_tries = 16;
  const std::size_t most = sample.size - 1 - std::max<std::size_t>(1, sample.size / 10);
  std::optional<Middle> best;
  for (std::size_t i = 0; i < sample.size; i += 1 + sample.size / most_tries) {
    Middle middle{sample.point(i), typical, 0.0};
    std::vector<double> distances;
    for (std::size_t j = 0; j < sample.size; ++j)
      distances.push_back(middle.distance(sample.point(j), sample.diagonals[j], manifold));
    middle.size = value_at(distances, most);
    if (!best || middle.size < best->size) best = middle;
  }
  return best;
}

/// Points too far from where most points are. Collective.
Strays find_unreachable(const PointCloud& cloud, const geometry::Manifold& manifold,
                        const parallel::Communicator& comm) {
  const Sample sample = take_sample(cloud, comm);
  const auto middle = find_middle(sample, manifold);
  std::vector<double> remoteness(cloud.size(), 0.0);
  // Sizes that are no numbers are refused with the units that would be right, see require_measurable.
  if (middle && middle->size > 0.0 && std::isfinite(middle->size))
    for (std::size_t i = 0; i < cloud.size(); ++i)
      remoteness[i] =
          std::min(middle->distance(cloud.point(i), diagonal(cloud.metric(i)), manifold) / middle->size,
                   std::numeric_limits<double>::max());
  return strays_beyond(too_far, remoteness, cloud.ids, comm);
}

}  // namespace

Strays leave_out_unreachable(PointCloud& cloud, const geometry::Manifold& manifold,
                             const SpectrumOptions& options, const parallel::Communicator& comm,
                             Observer& observer) {
  Strays strays = find_unreachable(cloud, manifold, comm);
  if (strays.count == 0) return strays;
  const std::string who = description(strays, cloud.n_global, options.source);
  const bool too_many = are_too_many(strays.count, cloud.n_global, options.neighbors);
  parallel::agree_on_root(comm, [&] {
    if (options.keep_outliers || too_many)
      throw InputError(who + (too_many ? "; they are too many to leave out" : "; they cannot be kept") +
                       ": beside such distances all others are rounding; remove these rows");
  });
  observer.warn(who + "; left out, as --keep-outliers could not keep them");
  cloud = without(cloud, strays);
  return strays;
}

}  // namespace k7::spectral
