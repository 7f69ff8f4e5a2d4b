// SPDX-License-Identifier: Apache-2.0
#include "train/loss/objective.hpp"

#include <algorithm>

#include "k7/base/error.hpp"
#include "train/loss/notebook_loss.hpp"
#include "train/loss/torsion_loss.hpp"

namespace k7::train {
namespace {

/// The notebook's loss; its network gets the seven chart coordinates.
class NotebookObjective final : public Objective {
 public:
  explicit NotebookObjective(const LossWeights& weights) { loss_.weights = weights; }

  const std::vector<std::string>& terms() const override {
    static const std::vector<std::string> names{"loss", "torsion", "det", "norm", "smooth", "det_mean"};
    return names;
  }

  GlobalIndex chunk_points() const override { return 512; }
  bool judges_by_batch() const override { return true; }

  Value operator()(const model::LearnedForm& form, const model::Batch& batch,
                   GlobalIndex n_batch) const override {
    using N = NotebookLoss;
    const N::Value v = loss_(form.network(), batch.features[0], n_batch);
    return {v.loss, at::stack({v.terms[N::total], v.terms[N::torsion], v.terms[N::det], v.terms[N::norm],
                               v.terms[N::smooth], v.terms[N::det_mean]})};
  }

 private:
  NotebookLoss loss_;
};

}  // namespace

std::size_t Objective::index(const std::string& name) const {
  const auto found = std::find(terms().begin(), terms().end(), name);
  if (found == terms().end()) throw Error(Fault::internal, "the loss has no term " + name);
  return static_cast<std::size_t>(found - terms().begin());
}

std::unique_ptr<Objective> make_objective(const TrainOptions& options) {
  if (options.objective == ObjectiveChoice::notebook)
    return std::make_unique<NotebookObjective>(options.weights);
  return std::make_unique<TorsionLoss>(options.weights, model::manifold_of(options.model)->structure());
}

}  // namespace k7::train
