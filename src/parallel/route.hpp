// SPDX-License-Identifier: Apache-2.0
//
// A planned exchange of rows between ranks: who sends what to whom is worked out once, and then any payload
// travels that way, forth and back, as often as wanted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

/// Every rank has items, each with a rank that it is to go to. What arrives is ordered by the rank it comes from,
/// and within that by the order that it has there.
class Route {
 public:
  /// Collective. @param destinations (n_items) rank of each of this rank's items
  Route(const std::vector<int>& destinations, const Communicator& comm);

  std::size_t n_items() const { return order_.size(); }
  std::size_t n_arrivals() const { return n_arrivals_; }
  /// (ranks) items that came from each rank
  const std::vector<std::size_t>& arrivals() const { return received_; }

  /// value_of(item, column) of every item: (n_arrivals, width) at their destinations. Collective.
  template <class F>
  auto bring(std::size_t width, const F& value_of) const {
    std::vector<std::decay_t<decltype(value_of(std::size_t{0}, std::size_t{0}))>> send;
    send.reserve(order_.size() * width);
    for (const std::uint32_t item : order_)
      for (std::size_t c = 0; c < width; ++c) send.push_back(value_of(std::size_t{item}, c));
    return comm_->exchange_known(send, scaled(sent_, width), scaled(received_, width));
  }

  /// Rows (n_items, width): (n_arrivals, width) at their destinations. What is moved in is freed before the
  /// exchange takes memory. Collective.
  template <class T>
  std::vector<T> forth(std::vector<T> rows, std::size_t width = 1) const {
    std::vector<T> send = in_order(rows, width);
    std::vector<T>().swap(rows);
    return comm_->exchange_known(send, scaled(sent_, width), scaled(received_, width));
  }

  /// Rows of the arrivals (n_arrivals, width) go back to where their items are: (n_items, width). Collective.
  template <class T>
  std::vector<T> back(const std::vector<T>& rows, std::size_t width = 1) const {
    const std::vector<T> returned =
        comm_->exchange_known(rows, scaled(received_, width), scaled(sent_, width));
    std::vector<T> result(returned.size());
    for (std::size_t i = 0; i < order_.size(); ++i)
      std::copy_n(returned.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                  result.begin() + static_cast<std::ptrdiff_t>(order_[i] * width));
    return result;
  }

 private:
  template <class T>
  std::vector<T> in_order(const std::vector<T>& rows, std::size_t width) const {
    std::vector<T> result;
    result.reserve(rows.size());
    for (const std::uint32_t item : order_)
      result.insert(result.end(), rows.begin() + static_cast<std::ptrdiff_t>(item * width),
                    rows.begin() + static_cast<std::ptrdiff_t>((item + std::size_t{1}) * width));
    return result;
  }
  static std::vector<std::size_t> scaled(std::vector<std::size_t> counts, std::size_t width);

  const Communicator* comm_;
  std::vector<std::uint32_t> order_;   ///< items, sorted by destination
  std::vector<std::size_t> sent_;      ///< (ranks)
  std::vector<std::size_t> received_;  ///< (ranks)
  std::size_t n_arrivals_ = 0;
};

}  // namespace k7::parallel
