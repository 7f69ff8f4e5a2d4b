// SPDX-License-Identifier: Apache-2.0
#include "spectral/cloud/partition.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "parallel/route.hpp"

namespace k7::spectral {
namespace {

constexpr int digit_bits = 8;
constexpr std::size_t n_bins = 1U << digit_bits;
constexpr int coordinate_bits = 24;

/// Points that are still together, to be dealt out to the ranks [first, last).
struct Group {
  int first;
  int last;
  GlobalIndex count;

  int middle() const { return first + (last - first) / 2; }
  bool is_final() const { return last - first == 1; }
  /// Points for the ranks [first, middle).
  GlobalIndex left_count() const { return count * (middle() - first) / (last - first); }
};

/// All groups of one level are cut at once. A group's points are ordered along the widest side of their box
/// by an integer key: 24 bits of the coordinate, then the row in the input, which makes keys unique. The key
/// of the first point right of the cut is found digit by digit from histograms that are summed over ranks, so
/// that equal coordinates cannot unbalance the ranks and the cut does not depend on where the points were.
class Bisection {
 public:
  Bisection(const PointCloud& cloud, std::vector<double> embedded, int size,
            const parallel::Communicator& comm)
      : cloud_(cloud), embedded_(std::move(embedded)), size_(static_cast<std::size_t>(size)), comm_(comm) {
    while (row_bits_ < 62 - coordinate_bits && (GlobalIndex{1} << row_bits_) < cloud.n_rows()) ++row_bits_;
    groups_.push_back({0, comm.size(), cloud.n_global});
    group_of_.assign(cloud.size(), 0);
    keys_.resize(cloud.size());
  }

  std::vector<int> run() {
    while (std::any_of(groups_.begin(), groups_.end(), [](const Group& g) { return !g.is_final(); }))
      split_all();
    std::vector<int> rank_of(cloud_.size());
    for (std::size_t i = 0; i < rank_of.size(); ++i) rank_of[i] = groups_[group_of_[i]].first;
    return rank_of;
  }

 private:
  void split_all() {
    make_keys();
    const auto cuts = select_cuts();
    std::vector<Group> next;
    std::vector<std::size_t> left(groups_.size());
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const Group& group = groups_[g];
      left[g] = next.size();
      if (group.is_final()) {
        next.push_back(group);
      } else {
        next.push_back({group.first, group.middle(), group.left_count()});
        next.push_back({group.middle(), group.last, group.count - group.left_count()});
      }
    }
    for (std::size_t i = 0; i < group_of_.size(); ++i) {
      const std::size_t g = group_of_[i];
      group_of_[i] = left[g] + (!groups_[g].is_final() && keys_[i] >= cuts[g] ? 1 : 0);
    }
    groups_ = std::move(next);
  }

  void make_keys() {
    const std::size_t total = groups_.size() * size_;
    std::vector<double> low(total, std::numeric_limits<double>::infinity());
    std::vector<double> high(total, -std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      for (std::size_t d = 0; d < size_; ++d) {
        const std::size_t slot = group_of_[i] * size_ + d;
        low[slot] = std::min(low[slot], embedded_[i * size_ + d]);
        high[slot] = std::max(high[slot], embedded_[i * size_ + d]);
      }
    }
    comm_.min(low.data(), total);
    comm_.max(high.data(), total);
    std::vector<std::size_t> widest(groups_.size(), 0);
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (std::size_t d = 1; d < size_; ++d)
        if (high[g * size_ + d] - low[g * size_ + d] >
            high[g * size_ + widest[g]] - low[g * size_ + widest[g]])
          widest[g] = d;
    constexpr double n_cells = 1 << coordinate_bits;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const std::size_t d = widest[group_of_[i]];
      const std::size_t slot = group_of_[i] * size_ + d;
      const double width = high[slot] - low[slot];
      const double cell = width > 0.0 ? (embedded_[i * size_ + d] - low[slot]) / width * n_cells : 0.0;
      keys_[i] = static_cast<std::uint64_t>(std::min(cell, n_cells - 1.0)) << row_bits_ |
                 static_cast<std::uint64_t>(cloud_.ids[i]);
    }
  }

  /// Per group the key that has exactly left_count() keys below it.
  std::vector<std::uint64_t> select_cuts() const {
    std::vector<std::uint64_t> prefix(groups_.size(), 0);
    std::vector<GlobalIndex> remaining(groups_.size());
    for (std::size_t g = 0; g < groups_.size(); ++g) remaining[g] = groups_[g].left_count();
    const int n_digits = (coordinate_bits + row_bits_ + digit_bits - 1) / digit_bits;
    std::vector<GlobalIndex> histogram(groups_.size() * n_bins);
    for (int shift = (n_digits - 1) * digit_bits; shift >= 0; shift -= digit_bits) {
      std::fill(histogram.begin(), histogram.end(), 0);
      for (std::size_t i = 0; i < keys_.size(); ++i) {
        const std::uint64_t high = keys_[i] >> shift;
        if (high >> digit_bits == prefix[group_of_[i]]) ++histogram[group_of_[i] * n_bins + high % n_bins];
      }
      comm_.sum(histogram);
      for (std::size_t g = 0; g < groups_.size(); ++g) {
        const GlobalIndex* bins = histogram.data() + g * n_bins;
        std::uint64_t digit = 0;
        while (digit + 1 < n_bins && remaining[g] >= bins[digit]) remaining[g] -= bins[digit++];
        prefix[g] = prefix[g] << digit_bits | digit;
      }
    }
    return prefix;
  }

  const PointCloud& cloud_;
  std::vector<double> embedded_;
  std::size_t size_;
  const parallel::Communicator& comm_;
  int row_bits_ = 0;
  std::vector<Group> groups_;
  std::vector<std::size_t> group_of_;
  std::vector<std::uint64_t> keys_;
};

}  // namespace

std::vector<double> embed(const PointCloud& cloud, const geometry::Embedding& embedding) {
  const auto size = static_cast<std::size_t>(embedding.size());
  std::vector<double> embedded(cloud.size() * size);
  for (std::size_t i = 0; i < cloud.size(); ++i) embedding.map(cloud.point(i), embedded.data() + i * size);
  return embedded;
}

std::vector<int> bisect(const PointCloud& cloud, const geometry::Embedding& embedding,
                        const parallel::Communicator& comm) {
  return Bisection(cloud, embed(cloud, embedding), embedding.size(), comm).run();
}

PointCloud partition_points(PointCloud cloud, const geometry::Embedding& embedding,
                            const parallel::Communicator& comm) {
  if (comm.size() == 1) return cloud;
  const parallel::Route route(bisect(cloud, embedding, comm), comm);
  cloud.ids = route.forth(std::move(cloud.ids));
  cloud.points = route.forth(std::move(cloud.points), static_cast<std::size_t>(cloud.point_size));
  if (!cloud.one_metric) cloud.metrics = route.forth(std::move(cloud.metrics), geometry::n_sym);
  if (comm.max(static_cast<GlobalIndex>(cloud.densities.size())) > 0)
    cloud.densities = route.forth(std::move(cloud.densities));
  return cloud;
}

}  // namespace k7::spectral
