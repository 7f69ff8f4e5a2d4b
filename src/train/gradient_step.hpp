// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "g2/device_path.hpp"
#include "k7/base/observer.hpp"
#include "parallel/gradient_reducer.hpp"
#include "parallel/tree_sum.hpp"
#include "train/chunks.hpp"
#include "train/loss/objective.hpp"

namespace k7::train {

/// What a batch gives beside the gradients.
struct StepSums {
  std::vector<double> terms;    ///< means over the whole batch, in the order of Objective::terms()
  bool stop_requested = false;  ///< on any rank
  double gradient_norm = 0.0;
};

/// The gradient of a batch's loss, chunk by chunk and summed over the ranks: the same bits on any number of
/// ranks and threads of CPUs.
class GradientStep {
 public:
  /// All but the options must outlive this.
  /// @param form its network has room for tail() numbers behind the gradients
  GradientStep(const TrainOptions& options, const Objective& objective, const model::LearnedForm& form,
               parallel::GradientReducer& reducer, const parallel::Communicator& comm, const Chunks& chunks,
               Observer& observer);

  /// Numbers that travel with the gradients: Objective::terms(), and for a GPU the wish to stop and the norm, so
  /// that one copy brings all that the host has to know.
  static std::int64_t tail(const Objective& objective);

  /// Points of a chunk on CPUs: as the run began, on whatever ranks it goes on.
  GlobalIndex chunk_points() const { return chunk_points_; }
  void set_chunk_points(GlobalIndex points) { chunk_points_ = points; }

  /// Leaves the gradient of the draw's loss in the network's buffer. Collective.
  /// @param next the draw that is likely to follow: its points are prepared while a GPU computes
  StepSums operator()(int draw, int next);

  /// What is not finite in a draw, and on which rank; its numbers are computed again, without a sum over
  /// ranks. Collective.
  std::string not_finite(int draw);

 private:
  /// Points that are on the device already: those of this rank's first chunk of a draw.
  struct Prepared {
    int draw;
    GlobalIndex begin;
    GlobalIndex count;
    model::Batch points;
  };

  bool on_gpu() const { return g2::takes_device_path(form_.network().device()); }
  GlobalIndex chunk_size() const;
  model::Batch points_of(int draw, GlobalIndex begin, GlobalIndex count) const;
  model::Batch take_points(int draw, GlobalIndex begin, GlobalIndex count);
  Objective::Value loss_of(const model::Batch& points) const;
  void accumulate(int draw);
  void accumulate_on_gpu(int draw);
  StepSums sums_on_gpu(int next);
  void prepare(int draw);
  std::int64_t n_terms() const { return static_cast<std::int64_t>(objective_.terms().size()); }
  at::Tensor tail_of_buffer() const;
  std::vector<double> terms_in_buffer() const;

  TrainOptions options_;
  const Objective& objective_;
  const model::LearnedForm& form_;
  parallel::GradientReducer& reducer_;
  const parallel::Communicator& comm_;
  const Chunks& chunks_;
  Observer& observer_;
  GlobalIndex chunk_points_;
  std::optional<Prepared> prepared_;
  parallel::TreeSum tree_;  ///< of gradients and terms; for a GPU there is reducer_
};

}  // namespace k7::train
