// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "k7/train/train_options.hpp"
#include "model/learned_form.hpp"

namespace k7::train {

/// What training minimises: a weighted sum of means over the batch.
class Objective {
 public:
  /// The terms that every objective has come first, in this order.
  enum Term { loss, torsion, det, norm, smooth, det_mean, n_common };

  struct Value {
    at::Tensor loss;   ///< scalar to differentiate
    at::Tensor terms;  ///< (terms().size()), detached; a sum over chunks and ranks gives the batch's means
  };

  virtual ~Objective() = default;
  /// Names of the terms; they are columns of the history.
  virtual const std::vector<std::string>& terms() const = 0;
  /// Points that are worth evaluating at once.
  virtual GlobalIndex chunk_points() const = 0;
  /// @param n_batch points of the whole batch over all chunks and ranks
  virtual Value operator()(const model::LearnedForm& form, const model::Batch& batch,
                           GlobalIndex n_batch) const = 0;
};

std::unique_ptr<Objective> make_objective(const TrainOptions& options);

}  // namespace k7::train
