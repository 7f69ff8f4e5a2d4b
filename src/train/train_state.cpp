// SPDX-License-Identifier: Apache-2.0
#include "train/train_state.hpp"

#include "train/tensors.hpp"

namespace k7::train {
namespace {

std::vector<std::string> history_columns(std::vector<std::string> terms) {
  terms.insert(terms.end(), {"lr", "grad_norm", "validation"});
  return terms;
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

Checkpoint TrainState::to_go_back_to() const {
  Checkpoint c;
  c.epoch = epoch;
  c.best_loss = best_loss;
  c.best_epoch = best_epoch;
  c.epochs_without_best = epochs_without_best;
  c.parameters = to_vector(network_.parameters());
  c.optimizer_steps = optimizer->steps;
  c.exp_avg = to_vector(optimizer->exp_avg);
  c.exp_avg_sq = to_vector(optimizer->exp_avg_sq);
  if (optimizer->traits().memory_fits_elsewhere) c.optimizer_arrays = to_arrays(optimizer->memory());
  c.best_parameters = to_vector(best_parameters);
  c.schedule = schedule.state;
  return c;
}

Checkpoint TrainState::snapshot() const {
  Checkpoint c = to_go_back_to();
  c.history = history;
  c.optimizer_arrays = to_arrays(optimizer->memory());
  return c;
}

void TrainState::restore(const Checkpoint& c) {
  from_vector(network_.parameters(), c.parameters);
  from_vector(best_parameters, c.best_parameters);
  from_vector(optimizer->exp_avg, c.exp_avg);
  from_vector(optimizer->exp_avg_sq, c.exp_avg_sq);
  optimizer->steps = c.optimizer_steps;
  optimizer->remember(to_tensors(c.optimizer_arrays));
  schedule.state = c.schedule;
  epoch = c.epoch;
  if (history.rows.size() > static_cast<std::size_t>(epoch))
    history.rows.resize(static_cast<std::size_t>(epoch));
  best_loss = c.best_loss;
  best_epoch = c.best_epoch;
  epochs_without_best = c.epochs_without_best;
}

void TrainState::set_history(const Checkpoint& c) {
  history = c.history.arranged(history.columns, c.is_of_older_version);
  if (!history.rows.empty()) judged_loss = history.rows.back().back();
}

}  // namespace k7::train
