// SPDX-License-Identifier: Apache-2.0
// The code for GPUs on a CPU: it gives the same numbers, and tells the device little in each step.
#include "g2/device_path.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include "io/json_file.hpp"
#include "k7/model/threads.hpp"
#include "k7/train/train.hpp"
#include "operation_counter.hpp"
#include "test_data.hpp"

namespace k7::train {
namespace {

using test::OperationCounter;
using test::OperationCounts;
using test::world;

/// Notes the counts at the end of each step.
class StepObserver final : public Observer {
 public:
  void progress(const std::string&, std::int64_t, std::int64_t, const std::string&) override {
    at_end_of_step.push_back(OperationCounter::counts());
  }
  std::vector<OperationCounts> at_end_of_step;
};

/// The default problem with as many layers, but narrow ones: the number of operations is that of the wide ones.
TrainOptions neck(const std::string& out, OptimizerChoice optimizer) {
  TrainOptions options = preset(Preset::neck);
  options.model.network.hidden = {16, 16, 16, 8};
  options.optimizer = optimizer;
  options.batch_size = 256;
  options.validation_points = 1024;
  options.report_points = 256;
  options.out = out;
  options.resume = "never";
  options.device = DeviceChoice::cpu;
  return options;
}

/// Of every step of a run but the first.
std::vector<OperationCounts> counts_of_steps(const TrainOptions& options) {
  model::use_threads(1);
  const g2::DevicePathOnCpus device_path;
  const OperationCounter counter;
  StepObserver observer;
  train(options, world(), observer);
  std::vector<OperationCounts> steps;
  for (std::size_t i = 1; i < observer.at_end_of_step.size(); ++i)
    steps.push_back(observer.at_end_of_step[i] - observer.at_end_of_step[i - 1]);
  return steps;
}

/// Every step of a run but the first is within its bound. Returns the steps.
/// @param bound of the step with this index, the first one left out
std::vector<OperationCounts> expect_at_most(
    TrainOptions options, int epochs,
    const std::function<OperationCounts(int, const OperationCounts&)>& bound) {
  options.epochs = epochs;
  const auto steps = counts_of_steps(options);
  EXPECT_EQ(steps.size(), static_cast<std::size_t>(epochs - 1));
  for (int i = 1; i <= static_cast<int>(steps.size()); ++i) {
    const OperationCounts& step = steps[static_cast<std::size_t>(i - 1)];
    const OperationCounts most = bound(i, step);
    EXPECT_LE(step.launches, most.launches) << "epoch " << i;
    EXPECT_LE(step.waits, most.waits) << "epoch " << i;
    EXPECT_EQ(step.uploads, most.uploads) << "epoch " << i;
    EXPECT_GT(step.launches, 200) << "operations are not counted";
    EXPECT_GE(step.uploads, 1) << "operations are not counted";
  }
  return steps;
}

TEST(OperationCounter, counts_what_a_gpu_is_told_and_nothing_else) {
  const at::Tensor x = at::ones({4, 4}, at::kDouble);
  const OperationCounter counter;
  const at::Tensor view = x.t().narrow(0, 0, 2).reshape({4, 2}).unsqueeze(0).select(0, 0);
  EXPECT_EQ(OperationCounter::counts().launches, 1);  // the copy that reshape() makes here
  const at::Tensor y = at::matmul(x, x) + 1.0;
  EXPECT_EQ(OperationCounter::counts().launches, 3);
  EXPECT_EQ(OperationCounter::counts().waits, 0);
  EXPECT_EQ(y[0][0].item<double>(), 5.0);
  EXPECT_EQ(OperationCounter::counts().waits, 1);
  g2::to_host(y);
  EXPECT_EQ(OperationCounter::counts().waits, 2);
  EXPECT_EQ(OperationCounter::counts().uploads, 0);
  g2::to_device(y, at::kCPU);
  EXPECT_EQ(OperationCounter::counts().uploads, 1);
  EXPECT_EQ(OperationCounter::counts().launches, 3);
}

/// The batch goes up in one piece, and one copy brings back all that the host has to know. In every 25th epoch there are
/// four blocks of validation points too, and their losses.
TEST(DevicePath, adamw_waits_once_in_a_step) {
  const test::TemporaryFolder folder;
  expect_at_most(neck(folder / "run", OptimizerChoice::adamw), 30, [](int epoch, const auto&) {
    return epoch % 25 == 0 ? OperationCounts{820, 2, 5, {}, 0, 0} : OperationCounts{310, 1, 1, {}, 0, 0};
  });
}

/// Otherwise the GPU would wait for the host between two steps.
TEST(DevicePath, next_points_go_up_while_a_step_computes) {
  const test::TemporaryFolder folder;
  TrainOptions options = neck(folder / "run", OptimizerChoice::adamw);
  options.epochs = 3;
  for (const OperationCounts& step : counts_of_steps(options)) {
    EXPECT_LE(step.launches_before_wait - step.launches_before_upload, 5);
    EXPECT_GE(step.launches_before_wait, step.launches_before_upload);
  }
}

TEST(DevicePath, soap_waits_once_in_a_step) {
  const test::TemporaryFolder folder;
  expect_at_most(neck(folder / "run", OptimizerChoice::soap), 22, [](int epoch, const auto&) {
    const bool refreshes = (epoch + 1) % 10 == 0;
    return refreshes ? OperationCounts{460, 1, 1, {}, 0, 0} : OperationCounts{350, 1, 1, {}, 0, 0};
  });
}

/// Loss, slopes at both ends and curvature, each a number that decides what comes next; a longer search asks
/// for two more at each point.
TEST(DevicePath, lbfgs_waits_four_times_in_a_step) {
  const test::TemporaryFolder folder;
  const auto steps = expect_at_most(
      neck(folder / "run", OptimizerChoice::lbfgs), 24, [](int pairs, const OperationCounts& step) {
        const int points = step.uploads;
        return OperationCounts{330 * points + 7 * pairs, 2 + 2 * points, points, {}, 0, 0};
      });
  const auto short_searches = std::count_if(steps.begin(), steps.end(),
                                            [](const OperationCounts& step) { return step.uploads == 1; });
  EXPECT_GT(short_searches, 15);
}

std::vector<double> losses_of(const TrainOptions& options) {
  Observer silent;
  model::use_threads(1);
  train(options, world(), silent);
  return io::Hdf5File::open(options.out + "/last.h5").read("/history/loss");
}

/// Of two runs, one on the path of GPUs. Rounding alone tells them apart.
double difference_of_paths(TrainOptions options, const std::string& folder) {
  options.epochs = 12;
  options.batch_size = 50;
  options.out = folder + "/host";
  const auto host = losses_of(options);
  options.out = folder + "/device";
  const g2::DevicePathOnCpus device_path;
  return test::relative(losses_of(options), host);
}

TEST(DevicePath, gives_the_numbers_of_the_host) {
  const test::TemporaryFolder folder;
  for (const OptimizerChoice optimizer :
       {OptimizerChoice::adamw, OptimizerChoice::soap, OptimizerChoice::lbfgs})
    EXPECT_LT(difference_of_paths(neck("", optimizer), folder / name_of(optimizer)), 1e-9)
        << name_of(optimizer);
  TrainOptions options = neck("", OptimizerChoice::adamw);
  options.model.condition_bound = 4.0;
  EXPECT_LT(difference_of_paths(options, folder / "bound"), 1e-9);
  options = neck("", OptimizerChoice::adamw);
  options.model.ansatz = model::Ansatz::components;
  EXPECT_LT(difference_of_paths(options, folder / "components"), 1e-9);
  options = neck("", OptimizerChoice::adamw);
  options.dtype = Precision::mixed;
  EXPECT_LT(difference_of_paths(options, folder / "mixed"), 1e-5);
  EXPECT_LT(difference_of_paths(preset(Preset::notebook), folder / "notebook"), 1e-9);
}

TEST(DevicePath, goes_on_from_a_checkpoint) {
  const test::TemporaryFolder folder;
  const g2::DevicePathOnCpus device_path;
  for (const OptimizerChoice optimizer :
       {OptimizerChoice::adamw, OptimizerChoice::soap, OptimizerChoice::lbfgs}) {
    TrainOptions options = neck(folder / ("whole-" + name_of(optimizer)), optimizer);
    options.scheduler = SchedulerChoice::plateau;  // its rate does not depend on the number of epochs
    options.epochs = 9;
    const auto whole = losses_of(options);
    options.out = folder / ("parts-" + name_of(optimizer));
    options.epochs = 5;
    losses_of(options);
    options.epochs = 9;
    options.resume = "auto";
    EXPECT_EQ(losses_of(options), whole) << name_of(optimizer);
  }
}

class StopsAtOnce final : public Observer {
 public:
  bool stop_requested() override { return true; }
};

TEST(DevicePath, hears_that_a_stop_is_wanted) {
  const test::TemporaryFolder folder;
  const g2::DevicePathOnCpus device_path;
  StopsAtOnce observer;
  EXPECT_EQ(train(neck(folder / "run", OptimizerChoice::adamw), world(), observer).stop, Stop::signal);
}

TEST(DevicePath, goes_back_from_a_loss_that_is_not_finite) {
  const test::TemporaryFolder folder;
  const g2::DevicePathOnCpus device_path;
  TrainOptions options = neck(folder / "run", OptimizerChoice::adamw);
  options.lr = 1e200;
  options.lr_min = 1e200;
  Observer silent;
  const TrainResult result = train(options, world(), silent);
  EXPECT_EQ(result.stop, Stop::not_finite);
  EXPECT_EQ(result.training->at("rollbacks"), 3);
}

}  // namespace
}  // namespace k7::train
