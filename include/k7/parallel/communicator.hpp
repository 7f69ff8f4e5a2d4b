// SPDX-License-Identifier: Apache-2.0
//
// MPI with types and element counts derived from the arguments, and error codes turned into exceptions.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "k7/base/index.hpp"

namespace k7::parallel {

/// Throws Error with the library's own text when an MPI call failed.
void mpi_check(int code, const char* call);

/// A count as MPI's int; throws Error when it does not fit.
int mpi_count(std::size_t n);

/// A private duplicate of an MPI communicator: library traffic never mixes with the caller's. Every member
/// function is collective over all ranks unless it says otherwise.
class Communicator {
 public:
  explicit Communicator(MPI_Comm parent);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }  ///< not collective
  int size() const { return size_; }  ///< not collective
  bool is_root() const { return rank_ == 0; }
  MPI_Comm handle() const { return comm_; }

  void barrier() const;

  /// In place, element by element, the same result on every rank.
  void sum(double* values, std::size_t n) const;
  double sum(double value) const;
  GlobalIndex sum(GlobalIndex value) const;
  void sum(std::vector<GlobalIndex>& values) const;
  double max(double value) const;
  GlobalIndex max(GlobalIndex value) const;
  double min(double value) const;
  GlobalIndex min(GlobalIndex value) const;
  void min(double* values, std::size_t n) const;
  void max(double* values, std::size_t n) const;

  /// Sum of `value` over the ranks before this one.
  GlobalIndex exclusive_scan(GlobalIndex value) const;

  void broadcast(std::string& text, int root = 0) const;
  template <class T>
  void broadcast(T* values, std::size_t n, int root = 0) const {
    broadcast_bytes(values, n * element_size<T>(), root);
  }
  template <class T>
  void broadcast(std::vector<T>& values, int root = 0) const {
    GlobalIndex n = static_cast<GlobalIndex>(values.size());
    broadcast(&n, 1, root);
    values.resize(static_cast<std::size_t>(n));
    broadcast(values.data(), values.size(), root);
  }

  /// One value from each rank, in rank order, on every rank.
  template <class T>
  std::vector<T> all_gather(const T& value) const {
    std::vector<T> all(static_cast<std::size_t>(size_));
    all_gather_bytes(&value, all.data(), element_size<T>());
    return all;
  }

  /// Sends to each rank its part: `send` holds the parts one after another, part r of counts[r] elements.
  /// Returns what the others sent here in rank order; received[r] elements came from rank r.
  template <class T>
  std::vector<T> exchange(const std::vector<T>& send, const std::vector<std::size_t>& counts,
                          std::vector<std::size_t>& received) const {
    received = exchange_counts(counts);
    return exchange_known(send, counts, received);
  }

  /// The same where it is known that received[r] elements come from rank r, which saves a round of messages.
  template <class T>
  std::vector<T> exchange_known(const std::vector<T>& send, const std::vector<std::size_t>& counts,
                                const std::vector<std::size_t>& received) const {
    std::size_t total = 0;
    for (const auto n : received) total += n;
    std::vector<T> result(total);
    exchange_bytes(send.data(), counts, result.data(), received, element_size<T>());
    return result;
  }

  /// counts[r] goes to rank r; returns what the others had for this rank, in rank order.
  std::vector<std::size_t> exchange_counts(const std::vector<std::size_t>& counts) const;

 private:
  template <class T>
  static constexpr std::size_t element_size() {
    static_assert(std::is_trivially_copyable_v<T>);
    return sizeof(T);
  }
  void broadcast_bytes(void* data, std::size_t bytes, int root) const;
  void all_gather_bytes(const void* value, void* all, std::size_t bytes) const;
  void exchange_bytes(const void* send, const std::vector<std::size_t>& counts, void* receive,
                      const std::vector<std::size_t>& received, std::size_t element_size) const;

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

/// Rows [begin, end) of `n_global` that belong to `rank` of `size` when rows are dealt out evenly in order.
struct RowRange {
  GlobalIndex begin;
  GlobalIndex end;
  GlobalIndex count() const { return end - begin; }
};
RowRange even_rows(GlobalIndex n_global, int rank, int size);

/// The rank that owns a row under even_rows.
int even_owner(GlobalIndex row, GlobalIndex n_global, int size);

}  // namespace k7::parallel
