// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

/// Threads per rank so that the ranks of a node share its cores: the cores this process may run on, divided
/// by the ranks that may run on the same ones; the least of all ranks, as all have the same share of the work
/// and some sums depend in their last bit on the threads. Collective.
int threads_per_rank(const Communicator& comm);

}  // namespace k7::parallel
