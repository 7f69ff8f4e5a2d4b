// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "model/device.hpp"
#include "model/form_report.hpp"
#include "train/optimizer/adamw.hpp"
#include "train/same_bits.hpp"
#include "train/same_run.hpp"

namespace k7::train {
namespace {

constexpr int validation_interval = 25;  ///< epochs between looks at the validation points
constexpr int most_rollbacks = 3;

}  // namespace

Trainer::Trainer(const TrainOptions& options, const parallel::Communicator& comm, Observer& observer)
    : options_(options),
      comm_(comm),
      observer_(observer),
      device_(model::choose_device(comm, options.device)),
      reducer_(model::choose_reducer(comm, options.comm, device_)),
      objective_(make_objective(options)),
      form_(options.model, device_, GradientStep::tail(*objective_)),
      chunks_(comm, g2::takes_device_path(device_) ? 1 : at::get_num_threads()),
      state_(options, form_.network(), objective_->terms()),
      traits_(state_.optimizer->traits()),
      gradient_step_(options, *objective_, form_, *reducer_, comm, chunks_, observer),
      validator_(options, *objective_, form_, comm, chunks_),
      constants_(options, *objective_),
      folder_(options.out, options.resume) {}

// ---- Start

void Trainer::start_or_resume() {
  folder_.claim_if_there(comm_);
  RunFolder::Found found;
  parallel::agree_on_root(comm_, [&] { found = folder_.file_to_resume(); });
  comm_.broadcast(found.file);
  comm_.broadcast(found.warning);
  if (!found.warning.empty()) observer_.warn(found.warning);
  if (found.file.empty())
    start();
  else
    resume(found.file);
  folder_.make(comm_);
}

void Trainer::start() {
  // A random coframe must stay away from singular matrices, where the torsion is infinite: small outputs.
  constexpr double notebook_gain = 0.5;
  constexpr double hidden_bias = 0.5;
  const double output_gain = options_.start == StartChoice::random ? 0.25 : 0.0;
  if (options_.objective == ObjectiveChoice::notebook)
    form_.network().initialise(options_.seed, notebook_gain, notebook_gain);
  else
    form_.network().initialise(options_.seed, 1.0, output_gain, hidden_bias);
  const bool is_base = options_.start == StartChoice::left_invariant;
  constants_.find(comm_, observer_, is_base);
  if (is_base) form_.set_base(constants_.coframe());
  state_.best_parameters.copy_(form_.network().parameters());
  observer_.info(start_line(options_.model, device_name(), reducer_->name()));
}

void Trainer::resume(const std::string& file) {
  std::optional<StoredConstants> stored;
  parallel::agree(comm_, [&] {
    const Checkpoint c = read_checkpoint(file);
    load(c, file);
    stored = c.constants;
  });
  folder_.resumed(file);
  constants_.take(stored, observer_);
  constants_.find(comm_, observer_,
                  options_.start == StartChoice::left_invariant || state_.epoch >= options_.epochs);
  observer_.info(
      fmt::format("resumed {} after epoch {}, best loss {:.6g}", file, state_.epoch, state_.best_loss));
}

void Trainer::load(const Checkpoint& c, const std::string& file) {
  require_same_run(c, file, options_, *state_.optimizer);
  form_.set_base(c.model.base);
  if (c.chunk_points > 0)
    gradient_step_.set_chunk_points(c.chunk_points);
  else if (options_.chunk_points == 0)
    gradient_step_.set_chunk_points(points_per_chunk(options_.batch_size, objective_->chunk_points(), 1));
  state_.restore(c);
  try {
    state_.set_history(c);
  } catch (const InputError& e) {
    throw InputError(file + ": " + e.what() + "; was it made with another --objective?");
  }
  timing_.seconds = c.seconds;
}

// ---- Steps

/// A stop that was asked for before shows after the first step, as one that comes later does after its step.
TrainResult Trainer::run() {
  watch_ = k7::Stopwatch();
  first_epoch_ = state_.epoch;
  good_ = state_.to_go_back_to();
  std::optional<Stop> stop;
  while (!stop && state_.epoch < options_.epochs) stop = step();
  const Stop end = stop.value_or(Stop::finished);
  require_same_bits(comm_, form_.network().parameters(), state_.epoch);
  if (!objective_->judges_by_batch() && (end == Stop::finished || end == Stop::early))
    state_.judge(validator_(), 0);
  save();
  return result(end);
}

/// One epoch, from the points to the new parameters. Nothing: training goes on.
std::optional<Stop> Trainer::step() {
  if (state_.epochs_without_best >= options_.patience) return Stop::early;
  if (state_.epoch % traits_.window == 0) {
    state_.optimizer->start_window();
    sums_.reset();
  }
  k7::Stopwatch watch;
  if (!sums_) sums_ = gradient_step_(draw(), next_draw());
  const double norm = sums_->gradient_norm;
  // Where the step is as long as the gradient.
  if (traits_.obeys_rate) clip_gradients(form_.network().gradients(), norm, options_.clip_norm);
  if (!std::isfinite(sums_->terms[Objective::loss]) || !std::isfinite(norm)) return go_back_or_give_up();
  const double gradient_seconds = watch.seconds();

  if (state_.epoch % validation_interval == 0) {
    require_same_bits(comm_, form_.network().parameters(), state_.epoch);
    good_ = state_.to_go_back_to();
  }
  judge(*sums_);

  const StepSums before = *sums_;
  watch = k7::Stopwatch();
  const StepResult moved = move(before);
  const bool stop_requested = sums_->stop_requested;  // what was asked last
  if (!moved.loss) sums_.reset();
  timing_.step_seconds.push_back(gradient_seconds + watch.seconds());
  state_.record(before.terms, norm);

  if (!moved.moved) return Stop::early;
  tell_progress();
  if (stop_requested) return Stop::signal;
  if (state_.epoch % options_.checkpoint_every == 0 && state_.epoch < options_.epochs) save_or_warn();
  return {};
}

void Trainer::judge(const StepSums& sums) {
  if (objective_->judges_by_batch())
    state_.judge(sums.terms[Objective::loss], 1);
  else if (state_.epoch % validation_interval == 0)
    state_.judge(validator_(), validation_interval);
}

StepResult Trainer::move(const StepSums& sums) {
  const auto evaluate = [&] {
    sums_ = gradient_step_(draw(), next_draw());
    return sums_->terms[Objective::loss];
  };
  return state_.optimizer->step(form_.network().parameters(), form_.network().gradients(),
                                state_.schedule.rate(state_.epoch), {sums.terms[Objective::loss], evaluate});
}

void Trainer::tell_progress() {
  const double loss = state_.history.last("loss");
  observer_.epoch(state_.epoch, loss);
  observer_.progress("training", state_.epoch - first_epoch_, options_.epochs - first_epoch_,
                     fmt::format("loss {:.3e}", loss));
  const bool is_first = state_.epoch == first_epoch_ + 1;
  if (state_.epoch % options_.log_every != 0 && state_.epoch != options_.epochs && !is_first) return;
  const double per_epoch = watch_.seconds() / std::max(1, state_.epoch - first_epoch_);
  observer_.info(epoch_line(options_, state_, per_epoch));
}

std::optional<Stop> Trainer::go_back_or_give_up() {
  if (roll_back()) {
    sums_.reset();
    return {};
  }
  parallel::agree_on_root(comm_, [&] { folder_.save_failed(snapshot()); });
  state_.restore(good_);
  return Stop::not_finite;
}

/// Back to the last good state with half the learning rate; false where that cannot help.
bool Trainer::roll_back() {
  const std::string what = gradient_step_.not_finite(draw());
  const int rollbacks = state_.schedule.state.rollbacks + 1;
  // Without a step since then, or with a line search instead of a rate, all would be the same again.
  const bool helps = rollbacks <= most_rollbacks && good_.epoch < state_.epoch && traits_.obeys_rate;
  observer_.warn(
      fmt::format("step {}: {} is not finite; {}", state_.epoch, what,
                  helps ? fmt::format("back to step {} with half the learning rate, rollback {} of {}",
                                      good_.epoch, rollbacks, most_rollbacks)
                        : std::string("giving up")));
  if (!helps) return false;
  state_.restore(good_);
  state_.schedule.state.rollbacks = rollbacks;
  return true;
}

// ---- What is kept and told

Checkpoint Trainer::snapshot() const {
  Checkpoint c = state_.snapshot();
  c.model = form_.spec();
  c.seed = options_.seed;
  c.batch_size = options_.batch_size;
  c.chunk_points = gradient_step_.chunk_points();
  c.images = options_.images;
  c.seconds = timing_.seconds + watch_.seconds();
  c.constants = constants_.to_store();
  c.record = options_.record;
  return c;
}

void Trainer::save() {
  parallel::agree_on_root(comm_, [&] { folder_.save(snapshot(), traits_.memory_fits_elsewhere); });
}

/// A disk that is full now may have room later, and the work so far is still in memory.
void Trainer::save_or_warn() {
  try {
    save();
  } catch (const CollectiveError& e) {
    if (e.fault() != Fault::bad_input) throw;
    observer_.warn(fmt::format("no checkpoint after epoch {}: {}; training goes on", state_.epoch, e.what()));
  }
}

/// Leaves the best parameters in the network.
io::Json Trainer::report_on_best() {
  form_.network().parameters().copy_(state_.best_parameters);
  io::Json report = model::report_on(form_, options_.report_points, options_.seed, comm_);
  for (const std::string& line : report_lines(report, options_.report_points)) observer_.info(line);
  return report;
}

TrainResult Trainer::result(Stop stop) {
  io::Json training = training_json(options_, state_, stop);
  training["chunk_points"] = gradient_step_.chunk_points();
  if (constants_.known()) training["left_invariant"] = constants_.json();
  if (options_.objective == ObjectiveChoice::torsion && stop != Stop::signal)
    training["best_form"] = report_on_best();
  timing_.seconds += watch_.seconds();
  const auto part = [](io::Json json) { return std::make_shared<const io::Json>(std::move(json)); };
  return {stop,
          state_.epoch,
          state_.best_loss,
          timing_.seconds,
          device_name(),
          reducer_->name(),
          part(model_json(options_.model.network)),
          part(std::move(training)),
          part(timing_json(options_, state_, timing_))};
}

TrainResult train(const TrainOptions& options, const parallel::Communicator& comm, Observer& observer) {
  TrainOptions completed = options;
  parallel::agree(comm, [&] { complete(completed); });
  Trainer trainer(completed, comm, observer);
  trainer.start_or_resume();
  return trainer.run();
}

}  // namespace k7::train
