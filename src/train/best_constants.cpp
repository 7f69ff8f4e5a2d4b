// SPDX-License-Identifier: Apache-2.0
#include "train/best_constants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "k7/parallel/agree.hpp"
#include "train/loss/left_invariant.hpp"

namespace k7::train {
namespace {

constexpr int starts = 16;
constexpr std::size_t coframe_size = geometry::dim * geometry::dim;

}  // namespace

BestConstants::BestConstants(const TrainOptions& options, const Objective& objective)
    : model_(options.model), seed_(options.seed) {
  if (options.model.manifold == "s1xs3xs3") loss_ = dynamic_cast<const TorsionLoss*>(&objective);
}

std::map<std::string, double> BestConstants::weights() const {
  std::map<std::string, double> weights;
  for (const LossTermInfo& term : weighted_terms()) weights[term.name] = loss_->weights()[term.name];
  return weights;
}

/// Whether it was found for this loss, and has every term of it.
bool BestConstants::fits(const StoredConstants& stored) const {
  const auto& names = loss_->terms();
  return stored.weights == weights() && stored.starts == starts &&
         std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return stored.terms.count(name) > 0; });
}

void BestConstants::take(const std::optional<StoredConstants>& stored, Observer& observer) {
  if (loss_ == nullptr || !stored || !fits(*stored)) return;
  stored_ = stored;
  tell(observer);
}

void BestConstants::find(const parallel::Communicator& comm, Observer& observer, bool is_needed) {
  if (loss_ == nullptr || known()) return;
  StoredConstants found;
  parallel::agree_on_root(comm, [&] { found = search(observer, is_needed); });
  share(comm, found);
  if (found.starts == 0) return;
  stored_ = found;
  tell(observer);
}

/// A stop need not wait for what is only to be compared with; run again, it is searched again.
StoredConstants BestConstants::search(Observer& observer, bool is_needed) const {
  const auto give_up = [&] { return !is_needed && observer.stop_requested(); };
  const LeftInvariant best = best_left_invariant(model_, *loss_, seed_, starts, give_up);
  StoredConstants found;
  if (best.coframe.empty()) return found;
  found.loss = best.loss;
  found.cond_g = best.cond_g;
  found.starts = best.starts;
  found.starts_that_reached_it = best.starts_that_reached_it;
  found.coframe = best.coframe;
  for (std::size_t i = 0; i < best.terms.size(); ++i) found.terms[loss_->terms()[i]] = best.terms[i];
  found.weights = weights();
  return found;
}

/// From rank 0 to all.
void BestConstants::share(const parallel::Communicator& comm, StoredConstants& found) const {
  std::vector<double> numbers{found.loss, found.cond_g, static_cast<double>(found.starts),
                              static_cast<double>(found.starts_that_reached_it)};
  const std::size_t first_term = numbers.size();
  for (const std::string& name : loss_->terms()) numbers.push_back(found.terms[name]);
  found.coframe.resize(coframe_size);
  numbers.insert(numbers.end(), found.coframe.begin(), found.coframe.end());
  comm.broadcast(numbers.data(), numbers.size());
  found.loss = numbers[0];
  found.cond_g = numbers[1];
  found.starts = static_cast<int>(numbers[2]);
  found.starts_that_reached_it = static_cast<int>(numbers[3]);
  for (std::size_t i = 0; i < loss_->terms().size(); ++i)
    found.terms[loss_->terms()[i]] = numbers[first_term + i];
  found.coframe.assign(numbers.end() - coframe_size, numbers.end());
  found.weights = weights();
}

void BestConstants::tell(Observer& observer) const {
  observer.info(fmt::format("best left-invariant form: loss {:.8g}, found by {} of {} starts", stored_->loss,
                            stored_->starts_that_reached_it, starts));
}

std::optional<StoredConstants> BestConstants::to_store() const {
  if (!known()) return {};
  bool finite = std::isfinite(stored_->loss) && std::isfinite(stored_->cond_g);
  for (const auto& [name, value] : stored_->terms) finite = finite && std::isfinite(value);
  for (const double value : stored_->coframe) finite = finite && std::isfinite(value);
  return finite ? stored_ : std::nullopt;
}

std::vector<double> BestConstants::coframe() const {
  return known() ? stored_->coframe : std::vector<double>(coframe_size, 0.0);
}

io::Json BestConstants::json() const {
  io::Json json;
  for (const std::string& name : loss_->terms()) json[name] = stored_->terms.at(name);
  json["cond_g"] = stored_->cond_g;
  json["starts"] = stored_->starts;
  json["starts_that_reached_it"] = stored_->starts_that_reached_it;
  return json;
}

}  // namespace k7::train
