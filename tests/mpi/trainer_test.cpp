// SPDX-License-Identifier: Apache-2.0
// Training on P ranks gives the history of one rank; a resumed run gives that of an undisturbed one.
#include "k7/train/train.hpp"

#include <fstream>

#include "io/folder_lock.hpp"
#include "io/json_file.hpp"
#include "k7/base/error.hpp"
#include "k7/model/threads.hpp"
#include "test_data.hpp"

namespace k7::train {
namespace {

using test::world;

TrainResult run(const TrainOptions& options, const parallel::Communicator& comm = world(), int threads = 1) {
  model::use_threads(threads);
  Observer silent;
  return train(options, comm, silent);
}

TrainOptions small_run(const std::string& out) {
  TrainOptions options = preset(Preset::notebook);
  options.model.network.hidden = {24, 16};
  options.batch_size = 101;  // does not divide by any rank count
  options.epochs = 50;
  options.out = out;
  options.resume = "never";
  options.log_every = 1000;
  options.validation_points = 256;
  options.report_points = 256;
  return options;
}

std::vector<double> loss_history(const std::string& folder) {
  const auto file = io::Hdf5File::open(folder + "/last.h5");
  return file.read("/history/loss");
}

TEST(Trainer, history_equals_that_of_one_rank) {
  const test::TemporaryFolder folder;
  run(small_run(folder / "all"));
  // Rank 0 trains the same run alone.
  const parallel::Communicator alone(MPI_COMM_SELF);
  if (world().is_root()) {
    run(small_run(folder / "one"), alone);
    const auto one = loss_history(folder / "one");
    ASSERT_EQ(one.size(), 50U);
    EXPECT_LT(one.back(), one.front());
    EXPECT_EQ(loss_history(folder / "all"), one);  // to the bit
  }
  world().barrier();
}

/// As more than 32 ranks have them: 16 points are less than a quarter of this batch.
TEST(Trainer, small_chunks_are_a_part_of_the_run_and_not_of_the_ranks) {
  const test::TemporaryFolder folder;
  const parallel::Communicator alone(MPI_COMM_SELF);
  TrainOptions options = small_run(folder / "all");
  options.scheduler = SchedulerChoice::plateau;  // its rate does not depend on the number of epochs
  options.epochs = 20;
  options.chunk_points = 16;
  const TrainResult result = run(options);
  EXPECT_EQ(result.training->at("chunk_points"), 16);
  const auto all = loss_history(folder / "all");
  if (world().is_root()) {
    options.out = folder / "one";
    options.epochs = 8;
    run(options, alone);
    options.chunk_points = 0;  // what the checkpoint says
    options.epochs = 20;
    options.resume = "auto";
    EXPECT_EQ(run(options, alone).training->at("chunk_points"), 16);
    EXPECT_EQ(loss_history(folder / "one"), all);  // to the bit
    EXPECT_EQ(io::Hdf5File::open(folder / "one/last.h5").number_attribute("/", "chunk_points"), 16.0);
    options.chunk_points = 26;
    EXPECT_THROW(run(options, alone), CollectiveError);
    options.out = folder / "usual";
    options.resume = "never";
    EXPECT_EQ(run(options, alone).training->at("chunk_points"), 26);
    EXPECT_NE(loss_history(folder / "usual"), all) << "the chunks are the same";
  }
  world().barrier();
}

TEST(Trainer, more_ranks_than_points_still_train) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "tiny");
  options.batch_size = 2;
  options.epochs = 3;
  run(options);
  EXPECT_EQ(loss_history(folder / "tiny").size(), 3U);
}

TEST(Trainer, resuming_continues_to_the_same_bits) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "whole");
  options.epochs = 20;
  options.scheduler = SchedulerChoice::plateau;  // its rate does not depend on the number of epochs
  run(options);
  options.out = folder / "parts";
  options.epochs = 7;
  run(options);
  options.epochs = 20;
  options.resume = "auto";
  run(options);
  const auto parameters = [&](const std::string& name) {
    return io::Hdf5File::open(folder / (name + "/last.h5")).read("/model/network.2.weight");
  };
  EXPECT_EQ(loss_history(folder / "parts"), loss_history(folder / "whole"));
  EXPECT_EQ(parameters("parts"), parameters("whole"));
}

TEST(Trainer, best_weights_are_those_that_were_judged) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "run");
  options.epochs = 1;
  const TrainResult result = run(options);
  EXPECT_EQ(result.training->at("best_epoch"), 0);
  const auto best = io::Hdf5File::open(folder / "run/best.h5");
  const auto last = io::Hdf5File::open(folder / "run/last.h5");
  // After one step the best weights are the initial ones: their biases are zero, the stepped ones are not.
  const auto zero = best.read("/model/network.0.bias");
  EXPECT_TRUE(std::all_of(zero.begin(), zero.end(), [](double b) { return b == 0.0; }));
  EXPECT_NE(last.read("/model/network.0.bias"), zero);
}

TEST(Trainer, early_stopping_counts_epochs_without_a_new_best) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "run");
  options.min_delta = 1e9;
  options.patience = 5;
  const TrainResult result = run(options);
  EXPECT_EQ(result.stop, Stop::early);
  EXPECT_EQ(loss_history(folder / "run").size(), 6U);
}

constexpr std::array<OptimizerChoice, 3> all_optimizers{OptimizerChoice::adamw, OptimizerChoice::soap,
                                                        OptimizerChoice::lbfgs};

/// A tiny network with the exact torsion.
TrainOptions torsion_run(const std::string& out, OptimizerChoice optimizer) {
  TrainOptions options = preset(Preset::neck);
  options.model.network.hidden = {8};
  options.optimizer = optimizer;
  options.lr = 1e-3;
  options.batch_size = 37;
  options.epochs = 12;
  options.out = out;
  options.resume = "never";
  options.log_every = 1000;
  options.validation_points = 256;
  options.report_points = 256;
  return options;
}

TEST(Trainer, torsion_history_equals_that_of_one_rank) {
  const test::TemporaryFolder folder;
  const parallel::Communicator alone(MPI_COMM_SELF);
  for (const OptimizerChoice optimizer : all_optimizers) {
    run(torsion_run(folder / ("all-" + name_of(optimizer)), optimizer));
    if (world().is_root()) {
      run(torsion_run(folder / ("one-" + name_of(optimizer)), optimizer), alone);
      const auto one = loss_history(folder / ("one-" + name_of(optimizer)));
      ASSERT_EQ(one.size(), 12U);
      EXPECT_LT(one.back(), one.front());
      EXPECT_EQ(loss_history(folder / ("all-" + name_of(optimizer))), one)
          << name_of(optimizer);  // to the bit
    }
    world().barrier();
  }
}

TEST(Trainer, started_at_the_best_constants_it_keeps_nothing_worse) {
  const test::TemporaryFolder folder;
  TrainOptions options = torsion_run(folder / "run", OptimizerChoice::adamw);
  options.start = StartChoice::left_invariant;
  options.min_delta = 0.0;
  options.epochs = 2;
  run(options);
  options.resume = "auto";  // the constants are now those of the checkpoint
  options.epochs = 4;
  const TrainResult result = run(options);
  {
    const double constants = result.training->at("left_invariant").at("loss").get<double>();
    EXPECT_LT(constants, 33.0);  // phi_0 has 51.9
    EXPECT_LE(result.training->at("best_loss").get<double>(), constants * (1.0 + 1e-12));
  }
}

TEST(Trainer, threads_change_no_bit) {
  const test::TemporaryFolder folder;
  TrainOptions options = torsion_run(folder / "one", OptimizerChoice::adamw);
  options.model.manifold = "torus7";
  options.start = StartChoice::random;
  options.model.radii = {1.0, 1.0, 1.0};
  options.batch_size = 1100;  // several chunks for each of 7 ranks, 9 for one: the last may be alone
  options.epochs = 2;
  run(options);
  for (const int threads : {2, 3}) {
    options.out = folder / "several";
    run(options, world(), threads);
    EXPECT_EQ(loss_history(folder / "one"), loss_history(folder / "several")) << threads << " threads";
  }
}

/// Float32 rounds at 6e-8, the first loss a sum of many such errors; 20 steps of AdamW, which divides by
/// small gradients too, let it grow to 4e-6.
TEST(Trainer, float32_follows_float64) {
  const test::TemporaryFolder folder;
  TrainOptions options = torsion_run(folder / "float64", OptimizerChoice::adamw);
  options.images = false;
  options.epochs = 20;
  run(options);
  const auto exact = loss_history(folder / "float64");
  EXPECT_LT(exact.back(), 0.9 * exact.front());
  std::vector<double> errors;
  for (const Precision dtype : {Precision::mixed, Precision::float32}) {
    options.dtype = dtype;
    options.out = folder / name_of(dtype);
    run(options);
    const auto history = loss_history(folder / name_of(dtype));
    ASSERT_EQ(history.size(), exact.size());
    EXPECT_LT(std::abs(history.front() / exact.front() - 1.0), 1e-6) << name_of(dtype);
    errors.push_back(test::relative(history, exact));
    EXPECT_LT(errors.back(), 5e-5) << name_of(dtype);
    EXPECT_GT(errors.back(), 1e-12) << name_of(dtype) << " is float64";
  }
  EXPECT_NE(errors[0], errors[1]);
}

TEST(Trainer, the_best_form_is_judged_on_points_that_training_never_sees) {
  const test::TemporaryFolder folder;
  TrainOptions options = torsion_run(folder / "run", OptimizerChoice::lbfgs);
  options.batch_size = 4;  // a few points over and over: their loss falls below what is true
  options.validation_points = 4096;
  options.epochs = 60;
  const TrainResult result = run(options);
  const double best = result.training->at("best_loss").get<double>();
  const auto history = loss_history(folder / "run");
  for (const std::size_t judged : {25U, 50U}) EXPECT_LT(history[judged], best) << "epoch " << judged;
  EXPECT_LT(history.back(), best);
}

TEST(Trainer, a_checkpoint_of_another_run_is_refused) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "run");
  options.epochs = 2;
  run(options);
  options.resume = "auto";
  TrainOptions other = options;
  other.model.network.hidden = {24, 17};
  EXPECT_THROW(run(other), CollectiveError);
  other = options;
  other.seed = 1;
  EXPECT_THROW(run(other), CollectiveError);
  other = options;
  other.batch_size = 102;
  EXPECT_THROW(run(other), CollectiveError);
  other = options;
  other.images = !options.images;
  EXPECT_THROW(run(other), CollectiveError);
}

TEST(Trainer, a_loss_that_is_not_finite_is_a_result) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "run");
  options.lr = 1e200;
  options.lr_min = 1e200;
  const TrainResult result = run(options);
  EXPECT_EQ(result.stop, Stop::not_finite);
  EXPECT_EQ(result.training->at("rollbacks"), 3);
  // The good state is the one to go on from, the bad one is there to be studied.
  EXPECT_EQ(io::Hdf5File::open(folder / "run/last.h5").number_attribute("/", "epoch"), 0.0);
  EXPECT_EQ(io::Hdf5File::open(folder / "run/failed.h5").number_attribute("/", "epoch"), 1.0);
}

/// Between rates that are fine and rates where three rollbacks are too few lie some where one is enough.
TEST(Trainer, a_loss_that_is_not_finite_goes_back_and_slows_down) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "run");
  options.epochs = 2;
  TrainResult result;
  double previous_rate = 0.0;
  for (options.lr = 1.0; options.lr < 1e200; options.lr *= 2.0) {
    options.lr_min = options.lr;
    result = run(options);
    if (result.training->at("rollbacks") != 0) break;
    previous_rate = options.lr;
  }
  EXPECT_EQ(result.stop, Stop::finished);
  EXPECT_EQ(result.training->at("rollbacks"), 1);
  // What half the rate gives at once: the same bits.
  options.lr = previous_rate;
  options.lr_min = previous_rate;
  options.out = folder / "half";
  run(options);
  EXPECT_EQ(loss_history(folder / "run"), loss_history(folder / "half"));
}

void flip_a_bit(const std::string& path, std::int64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const char byte = static_cast<char>(file.get() ^ 4);
  file.seekp(at);
  file.put(byte);
}

TEST(Trainer, a_damaged_checkpoint_leads_to_the_one_before) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "whole");
  options.epochs = 20;
  options.checkpoint_every = 6;
  run(options);
  options.out = folder / "damaged";
  run(options);
  options.resume = "auto";
  const std::string last = folder / "damaged/last.h5";
  if (world().is_root()) flip_a_bit(last, 20000);
  world().barrier();
  run(options);  // from 18
  EXPECT_EQ(loss_history(folder / "damaged"), loss_history(folder / "whole"));
  // The damaged one has not taken the place of the good one.
  EXPECT_EQ(io::Hdf5File::open(folder / "damaged/previous.h5").number_attribute("/", "epoch"), 18.0);
  if (world().is_root()) {
    flip_a_bit(last, 20000);
    flip_a_bit(folder / "damaged/previous.h5", 20000);
  }
  world().barrier();
  try {
    run(options);
    FAIL() << "went on from a damaged file";
  } catch (const CollectiveError& e) {
    EXPECT_NE(std::string(e.what()).find("last.h5"), std::string::npos) << e.what();
  }
}

/// The last rank computes something else, as one with a broken processor does.
TEST(Trainer, ranks_whose_weights_differ_end_the_run) {
  if (world().size() == 1) return;
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "run");
  options.epochs = 30;
  const int last = world().size() - 1;
  if (world().rank() == last) options.lr *= 1.0 + 1e-12;
  const auto expect_end_after = [&](int epoch) {
    try {
      run(options);
      FAIL() << "nobody has seen it";
    } catch (const CollectiveError& e) {
      EXPECT_NE(std::string(e.what()).find("after epoch " + std::to_string(epoch) + " the weights of rank " +
                                           std::to_string(last) + " on "),
                std::string::npos)
          << e.what();
    }
  };
  expect_end_after(25);
  options.epochs = 3;
  expect_end_after(3);
}

TEST(Trainer, two_runs_do_not_share_a_folder) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "run");
  options.epochs = 2;
  run(options);
  world().barrier();
  io::FolderLock lock;
  if (world().is_root()) lock.take(folder / "run");
  options.resume = "auto";
  options.epochs = 4;
  try {
    run(options);
    FAIL() << "did not see the lock";
  } catch (const CollectiveError& e) {
    EXPECT_NE(std::string(e.what()).find("process"), std::string::npos) << e.what();
  }
  EXPECT_EQ(loss_history(folder / "run").size(), 2U);
}

/// Inside L-BFGS's window, and before SOAP's bases are refreshed.
TEST(Trainer, optimisers_remember_all_that_they_need_to_resume) {
  const test::TemporaryFolder folder;
  for (const OptimizerChoice optimizer : {OptimizerChoice::lbfgs, OptimizerChoice::soap}) {
    TrainOptions options = torsion_run(folder / ("whole-" + name_of(optimizer)), optimizer);
    options.model.manifold = "torus7";
    options.scheduler = SchedulerChoice::plateau;
    run(options);
    options.out = folder / ("parts-" + name_of(optimizer));
    options.epochs = 7;
    run(options);
    options.epochs = 12;
    options.resume = "auto";
    run(options);
    EXPECT_EQ(loss_history(options.out), loss_history(folder / ("whole-" + name_of(optimizer))))
        << name_of(optimizer);
  }
}

TEST(Trainer, soap_does_not_go_on_from_what_adamw_remembers) {
  const test::TemporaryFolder folder;
  TrainOptions options = small_run(folder / "run");
  options.epochs = 2;
  run(options);
  options.resume = "auto";
  options.optimizer = OptimizerChoice::soap;
  options.epochs = 4;
  EXPECT_THROW(run(options), CollectiveError);
}

TEST(LongTrainer, restart_on_another_number_of_ranks_goes_on_to_the_bit) {
  const test::TemporaryFolder folder;
  const parallel::Communicator alone(MPI_COMM_SELF);
  for (const OptimizerChoice optimizer : all_optimizers) {
    TrainOptions options = torsion_run(folder / ("whole-" + name_of(optimizer)), optimizer);
    options.scheduler = SchedulerChoice::plateau;  // its rate does not depend on the number of epochs
    run(options);
    options.out = folder / ("parts-" + name_of(optimizer));
    options.epochs = 5;
    if (world().is_root()) run(options, alone);
    world().barrier();
    options.epochs = 12;
    options.resume = "auto";
    run(options);
    if (world().is_root()) {
      EXPECT_EQ(loss_history(options.out), loss_history(folder / ("whole-" + name_of(optimizer))))
          << name_of(optimizer);
    }
    world().barrier();
  }
}

TEST(LongTrainer, history_of_200_steps_equals_that_of_one_rank) {
  const test::TemporaryFolder folder;
  const parallel::Communicator alone(MPI_COMM_SELF);
  TrainOptions options = torsion_run(folder / "all", OptimizerChoice::adamw);
  options.epochs = 200;
  run(options);
  if (world().is_root()) {
    options.out = folder / "one";
    run(options, alone);
    EXPECT_EQ(loss_history(folder / "all"), loss_history(folder / "one"));  // to the bit
  }
  world().barrier();
}

}  // namespace
}  // namespace k7::train
