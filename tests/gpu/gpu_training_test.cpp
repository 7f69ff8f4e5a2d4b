// SPDX-License-Identifier: Apache-2.0
// Training on a device against one rank and one thread of the CPU: histories, restarts, ranks that share a GPU, NCCL.
#include "parallel/gradient_reducer.hpp"
#include "torch_device_test.hpp"

namespace k7::train {
namespace {

using test::alone;
using test::run;
using test::world;

constexpr int n_epochs = 50;
constexpr int epochs_of_first_part =
    23;  // inside a window of L-BFGS, and between two refreshes of SOAP's bases

/// What rounding makes of n_epochs steps on a GPU, which adds up in another order and has functions of its own for exp
/// and its like. Histories of two BLAS kernels of one CPU differ by 5e-16 with AdamW, 1e-14 with L-BFGS and 2e-12 with
/// SOAP, whose bases take in more and more of the differences; some hundred times that is allowed.
constexpr double tolerance = 1e-9;

std::vector<double> loss_history(const std::string& folder) {
  return io::Hdf5File::open(folder + "/last.h5").read("/history/loss");
}

class GpuTraining : public test::TorchDeviceTest {
 protected:
  TrainOptions options(OptimizerChoice optimizer, const std::string& out) const {
    TrainOptions result = test::tiny_run(Preset::neck, out);
    result.model.manifold =
        "torus7";  // on the neck every run first searches for the best constants, on the host
    result.model.radii = {1.0, 1.0, 1.0};
    result.optimizer = optimizer;
    result.lr = 1e-3;
    result.epochs = n_epochs;
    result.device = GetParam();
    return result;
  }

  /// On all ranks. Collective.
  std::vector<double> history_here(const TrainOptions& options) const {
    const TrainResult result = run(options, world(), 1);
    EXPECT_EQ(result.device, name_of(GetParam()));
    EXPECT_EQ(result.comm, "mpi");
    return loss_history(options.out);
  }

  /// Rank 0 alone with one thread; others get nothing. Collective.
  static std::vector<double> history_of_one(TrainOptions options, const std::string& out,
                                            DeviceChoice device) {
    options.out = out;
    options.device = device;
    std::vector<double> history;
    if (world().is_root()) {
      run(options, alone(), 1);
      history = loss_history(out);
    }
    world().barrier();
    return history;
  }

  void expect_same(const std::vector<double>& found, const std::vector<double>& expected) const {
    ASSERT_EQ(found.size(), expected.size());
    EXPECT_LE(test::relative(found, expected), on_gpu_only(tolerance));
  }

  void expect_history_of_the_cpu(OptimizerChoice optimizer) const {
    const test::TemporaryFolder folder;
    const TrainOptions here = options(optimizer, folder / "here");
    const auto found = history_here(here);
    const auto expected = history_of_one(here, folder / "one", DeviceChoice::cpu);
    if (world().is_root()) {
      ASSERT_EQ(expected.size(), std::size_t{n_epochs});
      EXPECT_LT(expected.back(), 0.9 * expected.front());
      expect_same(found, expected);
    }
  }

  void expect_resume_to_change_nothing(OptimizerChoice optimizer) const {
    const test::TemporaryFolder folder;
    const auto whole = history_here(options(optimizer, folder / "whole"));
    TrainOptions parts = options(optimizer, folder / "parts");
    parts.epochs = epochs_of_first_part;
    ASSERT_EQ(history_here(parts).size(), std::size_t{epochs_of_first_part});
    parts.epochs = n_epochs;
    parts.resume = "auto";
    expect_same(history_here(parts), whole);
  }
};

TEST_P(GpuTraining, adamw_has_the_history_of_the_cpu) {
  expect_history_of_the_cpu(OptimizerChoice::adamw);
}

TEST_P(GpuTraining, soap_has_the_history_of_the_cpu) {
  expect_history_of_the_cpu(OptimizerChoice::soap);
}

TEST_P(GpuTraining, lbfgs_has_the_history_of_the_cpu) {
  expect_history_of_the_cpu(OptimizerChoice::lbfgs);
}

TEST_P(GpuTraining, adamw_resumes) {
  expect_resume_to_change_nothing(OptimizerChoice::adamw);
}

TEST_P(GpuTraining, soap_resumes) {
  expect_resume_to_change_nothing(OptimizerChoice::soap);
}

TEST_P(GpuTraining, lbfgs_resumes) {
  expect_resume_to_change_nothing(OptimizerChoice::lbfgs);
}

/// With one GPU all ranks share it, and their gradients travel through the host.
TEST_P(GpuTraining, ranks_have_the_history_of_one_on_the_same_device) {
  const test::TemporaryFolder folder;
  const TrainOptions all = options(OptimizerChoice::soap, folder / "all");
  const auto found = history_here(all);
  const auto expected = history_of_one(all, folder / "one", GetParam());
  if (world().is_root()) expect_same(found, expected);
}

/// On the CPU, where NCCL is not: whichever way gradients take by themselves.
TEST_P(GpuTraining, one_rank_alone_trains_through_nccl) {
  const bool on_gpu = GetParam() == DeviceChoice::cuda;
  if (on_gpu && !parallel::nccl_available()) GTEST_SKIP() << "no NCCL in this build";
  const test::TemporaryFolder folder;
  TrainOptions here = options(OptimizerChoice::adamw, folder / "mpi");
  const auto expected = history_of_one(here, folder / "mpi", GetParam());
  here.comm = on_gpu ? parallel::Transport::nccl : parallel::Transport::automatic;
  const auto found = history_of_one(here, folder / "nccl", GetParam());
  if (world().is_root()) expect_same(found, expected);
}

K7_ON_EVERY_DEVICE(GpuTraining);

}  // namespace
}  // namespace k7::train
