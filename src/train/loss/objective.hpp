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
  static constexpr std::size_t loss = 0;  ///< place of the loss itself among the terms

  struct Value {
    at::Tensor loss;   ///< scalar to differentiate
    at::Tensor terms;  ///< (terms().size()), detached; a sum over chunks and ranks gives the batch's means
  };

  virtual ~Objective() = default;
  /// Names of the terms, the loss first; they are columns of the history.
  virtual const std::vector<std::string>& terms() const = 0;
  /// Points that are worth evaluating at once.
  virtual GlobalIndex chunk_points() const = 0;
  /// Whether the best weights are those with the lowest loss of a batch, as in the notebook. That is an
  /// estimate that varies with the points; and a loss on points that are used again and again can be brought
  /// below what is true. Otherwise points judge that training never sees.
  virtual bool judges_by_batch() const { return false; }
  /// @param n_batch points of the whole batch over all chunks and ranks
  virtual Value operator()(const model::LearnedForm& form, const model::Batch& batch,
                           GlobalIndex n_batch) const = 0;

  /// The place of a term. @throws Error for a name that is none
  std::size_t index(const std::string& name) const;
};

std::unique_ptr<Objective> make_objective(const TrainOptions& options);

}  // namespace k7::train
