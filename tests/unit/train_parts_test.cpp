// SPDX-License-Identifier: Apache-2.0
// The parts of a training run, each alone: gradient of a step, judge, state, folder, best constants, optimisers.
#include <cstdio>
#include <fstream>
#include <sstream>

#include "io/seal.hpp"
#include "k7/base/error.hpp"
#include "k7/model/threads.hpp"
#include "k7/train/train.hpp"
#include "model/device.hpp"
#include "tensors.hpp"
#include "test_data.hpp"
#include "train/best_constants.hpp"
#include "train/gradient_step.hpp"
#include "train/optimizer/lbfgs.hpp"
#include "train/run_folder.hpp"
#include "train/train_report.hpp"
#include "train/train_state.hpp"
#include "train/validator.hpp"

namespace k7::train {
namespace {

using test::to_vector;
using test::world;

/// Remembers what it is told, and wants to stop when it is asked to.
class Witness : public Observer {
 public:
  void info(const std::string& line) override { lines.push_back(line); }
  void warn(const std::string& line) override { warnings.push_back(line); }
  bool stop_requested() override { return stop; }

  std::vector<std::string> lines;
  std::vector<std::string> warnings;
  bool stop = false;
};

TrainOptions small_neck() {
  TrainOptions options = preset(Preset::neck);
  options.model.network.hidden = {6};
  options.batch_size = 50;
  options.validation_points = 256;
  complete(options);
  return options;
}

/// What a run is made of, up to its steps.
struct Parts {
  explicit Parts(const TrainOptions& wanted, int workers = 1)
      : options(wanted),
        objective(make_objective(options)),
        form(options.model, at::kCPU, GradientStep::tail(*objective)),
        reducer(parallel::make_mpi_reducer(world())),
        chunks(world(), workers),
        state(options, form.network(), objective->terms()),
        gradient_step(options, *objective, form, *reducer, world(), chunks, witness),
        validator(options, *objective, form, world(), chunks) {
    form.network().initialise(options.seed, 1.0, 0.25, 0.5);
  }

  TrainOptions options;
  Witness witness;
  std::unique_ptr<Objective> objective;
  model::LearnedForm form;
  std::unique_ptr<parallel::GradientReducer> reducer;
  Chunks chunks;
  TrainState state;
  GradientStep gradient_step;
  Validator validator;
};

TEST(GradientStep, is_the_gradient_of_the_whole_batch) {
  model::use_threads(1);
  Parts parts(small_neck());
  const StepSums sums = parts.gradient_step(3, 4);
  const auto found = to_vector(parts.form.network().gradients());
  const geometry::DrawKey key{parts.options.seed, geometry::Stream::training, 3};
  const auto whole = (*parts.objective)(parts.form, parts.form.sample_images(key, 0, 50), 50);
  parts.form.network().gradient_buffer().zero_();
  parts.form.network().add_gradients(parts.form.network().gradients_of(whole.loss));
  EXPECT_LT(test::relative_to_largest(found, to_vector(parts.form.network().gradients())), 1e-13);
  EXPECT_LT(test::relative_to_largest(sums.terms, to_vector(whole.terms)), 1e-13);
  EXPECT_FALSE(sums.stop_requested);
}

TEST(GradientStep, has_the_same_bits_with_more_workers) {
  Parts one(small_neck(), 1);
  Parts three(small_neck(), 3);
  EXPECT_EQ(one.gradient_step(0, 1).terms, three.gradient_step(0, 1).terms);
  EXPECT_EQ(to_vector(one.form.network().gradients()), to_vector(three.form.network().gradients()));
}

TEST(Chunks, have_the_size_that_gives_every_rank_work) {
  for (const int ranks : {1, 7, 32}) {  // the batch alone decides
    EXPECT_EQ(points_per_chunk(4096, 128, ranks), 128);
    EXPECT_EQ(points_per_chunk(4096, 512, ranks), 512);
    EXPECT_EQ(points_per_chunk(101, 512, ranks), 26);
    EXPECT_EQ(points_per_chunk(3, 128, ranks), 16);
  }
  EXPECT_EQ(points_per_chunk(4096, 128, 33), 125);
  EXPECT_EQ(points_per_chunk(4096, 128, 64), 64);
  EXPECT_EQ(points_per_chunk(4096, 128, 256), 16);
  EXPECT_EQ(points_per_chunk(4096, 128, 5000), 16);
  EXPECT_EQ(points_per_chunk(8192, 128, 48), 128) << "there are chunks for all";
}

TEST(GradientStep, hands_on_that_a_stop_is_wanted) {
  Parts parts(small_neck());
  parts.witness.stop = true;
  EXPECT_TRUE(parts.gradient_step(0, 1).stop_requested);
}

TEST(GradientStep, names_what_is_not_finite) {
  Parts parts(small_neck());
  parts.form.network().parameters().fill_(std::nan(""));
  EXPECT_EQ(parts.gradient_step.not_finite(0), "torsion of rank 0");
}

TEST(Validator, takes_the_same_points_at_every_call) {
  Parts parts(small_neck());
  const double first = parts.validator();
  EXPECT_EQ(parts.validator(), first);
  parts.form.network().parameters().mul_(1.5);
  EXPECT_NE(parts.validator(), first);
}

TEST(TrainState, keeps_the_weights_that_were_judged) {
  Parts parts(small_neck());
  TrainState& state = parts.state;
  const auto judged = to_vector(parts.form.network().parameters());
  state.judge(2.0, 1);
  state.record(std::vector<double>(parts.objective->terms().size(), 2.0), 0.5);
  parts.form.network().parameters().add_(1.0);
  state.judge(2.0, 25);  // no better
  EXPECT_EQ(state.best_loss, 2.0);
  EXPECT_EQ(state.best_epoch, 0);
  EXPECT_EQ(state.epochs_without_best, 25);
  EXPECT_EQ(to_vector(state.best_parameters), judged);
  EXPECT_EQ(state.history.last("loss"), 2.0);
  EXPECT_EQ(state.history.last("grad_norm"), 0.5);
  EXPECT_EQ(state.history.last("validation"), 2.0);
}

TEST(TrainState, goes_back_to_where_it_was) {
  Parts parts(small_neck());
  TrainState& state = parts.state;
  const Waypoint before = state.to_go_back_to();
  const std::vector<double> terms(parts.objective->terms().size(), 1.0);
  state.judge(1.0, 1);
  state.optimizer->step(parts.form.network().parameters(), at::ones_like(parts.form.network().parameters()),
                        0.1, {});
  state.record(terms, 1.0);
  state.restore(before);
  EXPECT_EQ(state.epoch, 0);
  EXPECT_TRUE(state.history.rows.empty());
  EXPECT_EQ(state.optimizer->steps, 0);
  EXPECT_EQ(state.best_epoch, -1);
  EXPECT_TRUE(at::equal(parts.form.network().parameters(), before.parameters));
  EXPECT_TRUE(at::equal(state.to_go_back_to().optimizer_memory.begin()->second,
                        before.optimizer_memory.begin()->second));
}

TEST(TrainState, fills_columns_that_an_older_file_lacks) {
  Parts parts(small_neck());
  Checkpoint c;
  c.history.columns = {"loss", "lr", "grad_norm", "validation"};
  c.history.rows = {{3.0, 0.1, 0.2, 0.3}};
  EXPECT_THROW(parts.state.set_history(c), InputError);
  c.is_of_older_version = true;
  parts.state.set_history(c);
  EXPECT_EQ(parts.state.history.last("loss"), 3.0);
  EXPECT_TRUE(std::isnan(parts.state.history.last("trace")));
  EXPECT_EQ(parts.state.judged_loss, 0.3);
}

/// A checkpoint of the small run after `epoch` epochs.
Checkpoint checkpoint_of(const Parts& parts, int epoch) {
  Checkpoint c = parts.state.snapshot();
  c.model = parts.form.spec();
  c.batch_size = 50;
  c.epoch = epoch;
  c.history.columns = {"loss"};
  c.history.rows.assign(static_cast<std::size_t>(epoch), {1.0});
  c.best_loss = 1.0;
  return c;
}

TEST(RunFolder, holds_the_last_two_checkpoints_and_the_best) {
  const test::TemporaryFolder temporary;
  const Parts parts(small_neck());
  RunFolder folder(temporary / "run", "auto");
  folder.claim_if_there(world());
  EXPECT_EQ(folder.file_to_resume().file, "");
  folder.make(world());
  Checkpoint first = checkpoint_of(parts, 1);
  first.best_parameters.assign(first.parameters.size(), 0.25);
  folder.save(first, false);
  EXPECT_EQ(read_checkpoint(temporary / "run/best.h5").parameters, first.best_parameters);
  EXPECT_TRUE(read_checkpoint(temporary / "run/best.h5").optimizer_arrays.empty());
  EXPECT_FALSE(read_checkpoint(temporary / "run/last.h5").optimizer_arrays.empty());
  folder.save(checkpoint_of(parts, 2), true);
  EXPECT_EQ(read_checkpoint(temporary / "run/last.h5").epoch, 2);
  EXPECT_EQ(read_checkpoint(temporary / "run/previous.h5").epoch, 1);
  EXPECT_EQ(folder.file_to_resume().file, temporary / "run/last.h5");
}

TEST(RunFolder, goes_on_from_the_file_before_a_damaged_one) {
  const test::TemporaryFolder temporary;
  const Parts parts(small_neck());
  RunFolder folder(temporary / "run", "auto");
  folder.make(world());
  for (const int epoch : {1, 2}) folder.save(checkpoint_of(parts, epoch), true);
  std::ofstream(temporary / "run/last.h5", std::ios::app) << "more";
  const RunFolder::Found found = folder.file_to_resume();
  EXPECT_EQ(found.file, temporary / "run/previous.h5");
  EXPECT_NE(found.warning.find("last.h5"), std::string::npos);
  EXPECT_NE(found.warning.find("going on from"), std::string::npos);
  folder.resumed(found.file);
  folder.save(checkpoint_of(parts, 3), true);
  EXPECT_EQ(read_checkpoint(temporary / "run/previous.h5").epoch, 1);  // not the damaged one
  EXPECT_EQ(RunFolder(temporary / "run", "never").file_to_resume().file, "");
  EXPECT_EQ(RunFolder(temporary / "run", "other.h5").file_to_resume().file, "other.h5");
}

TEST(RunFolder, is_for_one_run) {
  const test::TemporaryFolder temporary;
  RunFolder folder(temporary / "run", "auto");
  folder.make(world());
  RunFolder second(temporary / "run", "auto");
  EXPECT_THROW(second.claim_if_there(world()), CollectiveError);
}

TEST(Optimisers, have_a_maker_for_every_name) {
  for (const auto& [choice, name] : names_of(OptimizerChoice{})) {
    TrainOptions options = small_neck();
    options.optimizer = choice;
    const Parts parts(options);
    const OptimizerTraits traits = parts.state.optimizer->traits();
    const bool lbfgs = choice == OptimizerChoice::lbfgs;
    EXPECT_EQ(traits.window, lbfgs ? 250 : 1) << name;
    EXPECT_EQ(traits.obeys_rate, !lbfgs) << name;
    EXPECT_EQ(traits.memory_fits_elsewhere, !lbfgs) << name;
  }
}

TEST(Optimisers, say_what_a_file_lacks) {
  const Parts soap(small_neck());
  EXPECT_NE(soap.state.optimizer->missing_in({}), "");
  EXPECT_EQ(soap.state.optimizer->missing_in(soap.state.optimizer->memory()), "");
  Tensors other = soap.state.optimizer->memory();
  other.begin()->second = at::zeros({2, 2}, at::kDouble);
  EXPECT_EQ(soap.state.optimizer->missing_in(other), other.begin()->first);
}

TEST(Lbfgs, forgets_at_a_window_and_takes_back_what_it_gave) {
  const at::Tensor x = at::ones({4}, at::kDouble);
  const at::Tensor gradient = 2.0 * x;
  const auto evaluate = [&] {
    gradient.copy_(2.0 * x);
    return x.square().sum().item<double>();
  };
  Lbfgs optimiser(x);
  EXPECT_TRUE(optimiser.step(x, gradient, 0.0, {4.0, evaluate}).moved);
  const Tensors memory = optimiser.memory();
  ASSERT_EQ(memory.count(lbfgs_steps), 1U);
  optimiser.start_window();
  EXPECT_TRUE(optimiser.memory().empty());
  optimiser.remember(memory);
  EXPECT_EQ(to_vector(optimiser.memory().at(lbfgs_changes)), to_vector(memory.at(lbfgs_changes)));
}

TEST(BestConstants, are_taken_from_a_checkpoint_of_the_same_loss) {
  TrainOptions options = small_neck();
  const auto objective = make_objective(options);
  BestConstants searched(options, *objective);
  Witness witness;
  searched.find(world(), witness, true);
  ASSERT_TRUE(searched.known());
  ASSERT_EQ(witness.lines.size(), 1U);

  BestConstants taken(options, *objective);
  taken.take(searched.to_store(), witness);
  EXPECT_EQ(taken.json(), searched.json());
  EXPECT_EQ(taken.coframe(), searched.coframe());
  ASSERT_EQ(witness.lines.size(), 2U);
  EXPECT_EQ(witness.lines[1], witness.lines[0]);

  options.weights["trace"] = 3.0;
  const auto other_objective = make_objective(options);
  BestConstants other(options, *other_objective);
  other.take(searched.to_store(), witness);
  EXPECT_FALSE(other.known());
}

TEST(BestConstants, are_not_waited_for_by_a_stop) {
  const TrainOptions options = small_neck();
  const auto objective = make_objective(options);
  BestConstants constants(options, *objective);
  Witness witness;
  witness.stop = true;
  constants.find(world(), witness, false);
  EXPECT_FALSE(constants.known());
  EXPECT_FALSE(constants.to_store().has_value());
}

/// A history.csv, row by row.
std::vector<std::vector<double>> read_rows(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::vector<double>> rows;
  std::string line;
  std::getline(file, line);  // names
  while (std::getline(file, line)) {
    rows.emplace_back();
    std::istringstream words(line);
    for (std::string word; std::getline(words, word, ',');) rows.back().push_back(std::stod(word));
  }
  return rows;
}

/// The run that made a file of the first version.
TrainOptions run_of_version_1(bool soap) {
  TrainOptions options = preset(soap ? Preset::neck : Preset::torus);
  if (soap) options.model.ansatz = model::Ansatz::components;
  options.images = false;
  options.model.network.hidden = soap ? std::vector<int>{4, 4} : std::vector<int>{3, 3};
  options.batch_size = 48;
  options.scheduler = SchedulerChoice::plateau;
  options.seed = 5;
  options.epochs = 12;
  options.report_points = 256;
  return options;
}

/// Files of the first version after 5 epochs, and the history that the program of that time went on with from
/// there. What was stored comes back to the bit. The steps after it do on the same processor; another BLAS
/// kernel rounds otherwise.
TEST(OlderCheckpoint, of_version_1_goes_on_as_it_did_then) {
  model::use_threads(1);
  for (const bool soap : {true, false}) {
    const test::TemporaryFolder folder;
    const std::string file =
        std::string(K7_TEST_DATA) + (soap ? "/checkpoint_v1_soap" : "/checkpoint_v1_lbfgs");
    TrainOptions options = run_of_version_1(soap);
    options.resume = file + ".h5";
    options.out = folder / "run";
    ASSERT_TRUE(read_checkpoint(options.resume).is_of_older_version);
    Witness witness;
    train(options, world(), witness);
    const auto expected = read_rows(file + ".csv");
    const auto found = read_rows(folder / "run/history.csv");
    ASSERT_EQ(expected.size(), 12U);
    ASSERT_EQ(found.size(), 12U);
    for (std::size_t epoch = 0; epoch < 5; ++epoch) EXPECT_EQ(found[epoch], expected[epoch]) << epoch;
    for (std::size_t epoch = 5; epoch < 12; ++epoch)
      EXPECT_LT(test::relative_to_largest(found[epoch], expected[epoch]), 1e-9) << epoch;
    std::printf("version 1, %s: %s\n", soap ? "soap" : "lbfgs",
                found == expected ? "the same bits" : "other bits, another BLAS kernel?");
    EXPECT_FALSE(read_checkpoint(folder / "run/last.h5").is_of_older_version);
    EXPECT_EQ(read_checkpoint(folder / "run/last.h5").constants.has_value(), soap);
  }
}

}  // namespace
}  // namespace k7::train
