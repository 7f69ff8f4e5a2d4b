// SPDX-License-Identifier: Apache-2.0
#include "train/same_bits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "k7/base/error.hpp"
#include "parallel/gpus.hpp"

namespace k7::train {
namespace {

/// The bits as whole numbers times odd ones, summed modulo 2^64: in any order the same, and another number
/// wherever a single bit differs.
std::int64_t checksum(const at::Tensor& t) {
  const at::Tensor bits = t.view(at::kLong);
  return (bits * at::arange(1, 2 * t.numel(), 2, bits.options())).sum().item<std::int64_t>();
}

/// What most ranks have; of two that are as frequent, what the lower rank has.
std::int64_t most_frequent(const std::vector<std::int64_t>& sums) {
  std::map<std::int64_t, int> counts;
  for (const std::int64_t sum : sums) ++counts[sum];
  std::int64_t best = sums.front();
  for (const std::int64_t sum : sums)
    if (counts[sum] > counts[best]) best = sum;
  return best;
}

}  // namespace

void require_same_bits(const parallel::Communicator& comm, const at::Tensor& parameters, int epoch) {
  if (comm.size() == 1) return;
  const std::vector<std::int64_t> sums = comm.all_gather(checksum(parameters));
  const std::int64_t right = most_frequent(sums);
  if (std::all_of(sums.begin(), sums.end(), [&](std::int64_t sum) { return sum == right; })) return;
  const std::vector<std::string> hosts = parallel::hosts_of_ranks(comm);
  constexpr int most_named = 8;
  int others = 0;
  std::string names;
  for (std::size_t rank = 0; rank < sums.size(); ++rank) {
    if (sums[rank] == right || ++others > most_named) continue;
    names += fmt::format("{}rank {} on {}", names.empty() ? "" : ", ", rank, hosts[rank]);
  }
  if (others > most_named) names += fmt::format(" and {} more", others - most_named);
  throw CollectiveError(
      Fault::internal,
      fmt::format(
          "after epoch {} the weights of {} have other bits than those of the other ranks; use ranks of "
          "one kind of processor, and go on from the last checkpoint without a host that is broken",
          epoch, names));
}

}  // namespace k7::train
