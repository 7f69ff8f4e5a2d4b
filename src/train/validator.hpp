// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "train/chunks.hpp"
#include "train/loss/objective.hpp"

namespace k7::train {

/// Judges a form by points that training never sees, the same at every call; in float64 whatever training
/// computes in.
class Validator {
 public:
  /// All but the options must outlive this.
  Validator(const TrainOptions& options, const Objective& objective, const model::LearnedForm& form,
            const parallel::Communicator& comm, const Chunks& chunks);

  /// The upper end of a 95 % interval of the loss. The points come in blocks of whole sets of images, whose
  /// means have little noise and say how much: a form that is lower on these few blocks by chance is not taken
  /// for better. Collective.
  double operator()() const;

 private:
  TrainOptions options_;
  const Objective& objective_;
  const model::LearnedForm& form_;
  const parallel::Communicator& comm_;
  const Chunks& chunks_;
};

}  // namespace k7::train
