// SPDX-License-Identifier: Apache-2.0
#include "parallel/route.hpp"

#include <limits>
#include <numeric>
#include <string>

#include "k7/base/error.hpp"

namespace k7::parallel {

Route::Route(const std::vector<int>& destinations, const Communicator& comm)
    : comm_(&comm), order_(destinations.size()), sent_(static_cast<std::size_t>(comm.size()), 0) {
  if (destinations.size() > std::numeric_limits<std::uint32_t>::max())
    throw Error(Fault::internal, std::to_string(destinations.size()) +
                                     " rows are too many for one rank to exchange; use more ranks");
  for (const int rank : destinations) ++sent_[static_cast<std::size_t>(rank)];
  std::vector<std::size_t> next(sent_.size(), 0);
  std::partial_sum(sent_.begin(), sent_.end() - 1, next.begin() + 1);
  for (std::size_t item = 0; item < destinations.size(); ++item)
    order_[next[static_cast<std::size_t>(destinations[item])]++] = static_cast<std::uint32_t>(item);
  received_ = comm.exchange_counts(sent_);
  n_arrivals_ = std::accumulate(received_.begin(), received_.end(), std::size_t{0});
}

std::vector<std::size_t> Route::scaled(std::vector<std::size_t> counts, std::size_t width) {
  for (std::size_t& count : counts) count *= width;
  return counts;
}

}  // namespace k7::parallel
