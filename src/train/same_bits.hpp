// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "g2/torch.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::train {

/// All ranks take the same steps, each for itself. Where one has computed something else, its processor is
/// broken or of another kind, and what follows would belong to no set of weights.
/// @param parameters (n), float64
/// @throws CollectiveError naming the ranks whose bits differ from those of most. Collective.
void require_same_bits(const parallel::Communicator& comm, const at::Tensor& parameters, int epoch);

}  // namespace k7::train
