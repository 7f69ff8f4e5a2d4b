// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "k7/parallel/communicator.hpp"

namespace k7::train {

/// Points of a chunk on CPUs. A small batch gives several ranks work too. Up to 32 ranks the batch alone decides,
/// so that bits do not depend on the ranks; more of them than chunks have smaller ones, of 16 points at least. A run
/// records the number and keeps it.
/// @param most points that are worth computing at once
GlobalIndex points_per_chunk(GlobalIndex batch, GlobalIndex most, int ranks);

/// Work on many points, cut into chunks. They are cut from all points and dealt out whole, so that what they
/// give does not depend on the ranks. They keep the activations of a layer in the caches and memory
/// independent of the batch. A thread that has a chunk of its own is busy all the time, where threads that
/// share each operation wait for each other hundreds of times; and as sums follow the order of chunks, the
/// number of threads changes no bit. Where one chunk is all there is, all threads share its operations.
class Chunks {
 public:
  /// @param workers threads that have chunks of their own
  Chunks(const parallel::Communicator& comm, int workers) : comm_(comm), workers_(workers) {}

  int workers() const { return workers_; }

  /// Work on `count` points from `begin` on by one of workers().
  using Use = std::function<void(std::size_t worker, GlobalIndex begin, GlobalIndex count)>;
  /// After the chunk: one at a time, in the order of the chunks.
  using Collect = std::function<void(std::size_t worker, GlobalIndex chunk)>;

  /// For this rank's share of the chunks of n points (or blocks of them), as many at once as there are
  /// workers. Not collective.
  void run(GlobalIndex n, GlobalIndex chunk, const Use& use, const Collect& collect = {}) const;

 private:
  const parallel::Communicator& comm_;
  int workers_;
};

}  // namespace k7::train
