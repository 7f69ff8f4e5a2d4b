// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

/// Runs `work`, which may fail on any rank but must not communicate, and makes the outcome common: when it
/// failed somewhere, every rank throws the same CollectiveError with the text of the lowest rank that failed.
/// Collective.
void agree(const Communicator& comm, const std::function<void()>& work);

/// As agree, but only rank 0 does the work.
void agree_on_root(const Communicator& comm, const std::function<void()>& work);

}  // namespace k7::parallel
