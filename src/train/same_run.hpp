// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "train/checkpoint.hpp"
#include "train/optimizer/optimizer.hpp"

namespace k7::train {

/// A checkpoint can only be gone on from with what it was made with.
/// @param file of the checkpoint, for the message
/// @throws InputError naming the first option that differs
void require_same_run(const Checkpoint& c, const std::string& file, const TrainOptions& options,
                      const Optimizer& optimizer);

}  // namespace k7::train
