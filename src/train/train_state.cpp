// SPDX-License-Identifier: Apache-2.0
#include "train/train_state.hpp"

#include "train/tensors.hpp"

namespace k7::train {
namespace {

std::vector<std::string> history_columns(std::vector<std::string> terms) {
  terms.insert(terms.end(), {"lr", "grad_norm", "validation"});
  return terms;
}

/// How far a training is, and how good; training, waypoints and checkpoints have it under the same names.
template <class From, class To>
void copy_progress(const From& from, To& to) {
  to.epoch = from.epoch;
  to.best_loss = from.best_loss;
  to.best_epoch = from.best_epoch;
  to.epochs_without_best = from.epochs_without_best;
}

}  // namespace

TrainState::TrainState(const TrainOptions& options, model::Network& network,
                       const std::vector<std::string>& terms)
    : optimizer(make_optimizer(options, network.parameters())),
      schedule(options),
      history{history_columns(terms), {}},
      best_parameters(at::zeros_like(network.parameters())),
      network_(network),
      min_delta_(options.min_delta) {}

void TrainState::judge(double loss, int epochs) {
  judged_loss = loss;
  if (loss < best_loss - min_delta_) {
    best_loss = loss;
    best_epoch = epoch;
    epochs_without_best = 0;
    best_parameters.copy_(network_.parameters());
  } else {
    epochs_without_best += epochs;
  }
}

void TrainState::record(const std::vector<double>& terms, double gradient_norm) {
  schedule.observe(terms.front());
  std::vector<double> row = terms;
  row.insert(row.end(), {schedule.rate(epoch + 1), gradient_norm, judged_loss});
  history.rows.push_back(std::move(row));
  ++epoch;
}

Waypoint TrainState::to_go_back_to() const {
  Waypoint w;
  copy_progress(*this, w);
  w.optimizer_steps = optimizer->steps;
  w.schedule = schedule.state;
  w.parameters = network_.parameters().clone();
  w.best_parameters = best_parameters.clone();
  w.exp_avg = optimizer->exp_avg.clone();
  w.exp_avg_sq = optimizer->exp_avg_sq.clone();
  if (optimizer->traits().memory_fits_elsewhere)
    for (const auto& [name, tensor] : optimizer->memory()) w.optimizer_memory[name] = tensor.clone();
  return w;
}

Checkpoint TrainState::snapshot() const {
  Checkpoint c;
  copy_progress(*this, c);
  c.optimizer_steps = optimizer->steps;
  c.schedule = schedule.state;
  c.parameters = to_vector(network_.parameters());
  c.best_parameters = to_vector(best_parameters);
  c.exp_avg = to_vector(optimizer->exp_avg);
  c.exp_avg_sq = to_vector(optimizer->exp_avg_sq);
  c.optimizer_arrays = to_arrays(optimizer->memory());
  c.history = history;
  return c;
}

void TrainState::restore(const Waypoint& w) {
  network_.parameters().copy_(w.parameters);
  best_parameters.copy_(w.best_parameters);
  optimizer->exp_avg.copy_(w.exp_avg);
  optimizer->exp_avg_sq.copy_(w.exp_avg_sq);
  optimizer->steps = w.optimizer_steps;
  optimizer->remember(w.optimizer_memory);
  schedule.state = w.schedule;
  copy_progress(w, *this);
  if (history.rows.size() > static_cast<std::size_t>(epoch))
    history.rows.resize(static_cast<std::size_t>(epoch));
}

void TrainState::restore(const Checkpoint& c) {
  Waypoint w;
  copy_progress(c, w);
  w.optimizer_steps = c.optimizer_steps;
  w.schedule = c.schedule;
  w.parameters = to_tensor(c.parameters);
  w.best_parameters = to_tensor(c.best_parameters);
  w.exp_avg = to_tensor(c.exp_avg);
  w.exp_avg_sq = to_tensor(c.exp_avg_sq);
  w.optimizer_memory = to_tensors(c.optimizer_arrays);
  restore(w);
}

void TrainState::set_history(const Checkpoint& c) {
  history = c.history.arranged(history.columns, c.is_of_older_version);
  if (!history.rows.empty()) judged_loss = history.rows.back().back();
}

}  // namespace k7::train
