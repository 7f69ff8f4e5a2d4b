// SPDX-License-Identifier: Apache-2.0
// Samples of a model, as k7_sample writes them: on the device and all ranks against one rank on the CPU.
#include "k7/model/sample_to_file.hpp"

#include "model/learned_form.hpp"
#include "tensors.hpp"
#include "torch_device_test.hpp"
#include "train/checkpoint.hpp"

namespace k7::model {
namespace {

using test::alone;
using test::world;

constexpr GlobalIndex n_points = 3001;  // more than a chunk of the model, and odd

class GpuSampling : public test::TorchDeviceTest {
 protected:
  /// A checkpoint with random weights, written by rank 0. Collective.
  static std::string random_model(const test::TemporaryFolder& folder, train::Preset preset) {
    train::TrainOptions options = test::tiny_run(preset, "");
    train::complete(options);
    LearnedForm form(options.model, at::kCPU);
    form.network().initialise(options.seed, 1.0, 0.25, 0.5);
    train::Checkpoint checkpoint;
    checkpoint.model = form.spec();
    checkpoint.parameters = test::to_vector(form.network().parameters());
    checkpoint.best_parameters = checkpoint.parameters;
    checkpoint.exp_avg.resize(checkpoint.parameters.size());
    checkpoint.exp_avg_sq = checkpoint.exp_avg;
    if (world().is_root()) train::write_checkpoint(folder / "model.h5", checkpoint);
    world().barrier();
    return folder / "model.h5";
  }

  static void sample(const std::string& model, const std::string& out, DeviceChoice device,
                     const parallel::Communicator& comm) {
    const Model form(model, comm, device);
    EXPECT_EQ(form.device(), name_of(device));
    Observer silent;
    sample_to_file(form, {n_points, 5, out}, comm, silent);
  }
};

/// Points are drawn on the host; what follows rounds some hundred times.
TEST_P(GpuSampling, has_the_numbers_of_the_cpu) {
  for (const train::Preset preset : {train::Preset::neck, train::Preset::notebook}) {
    SCOPED_TRACE(name_of(preset));
    const test::TemporaryFolder folder;
    const std::string model = random_model(folder, preset);
    sample(model, folder / "here.h5", GetParam(), world());
    if (world().is_root()) {
      sample(model, folder / "one.h5", DeviceChoice::cpu, alone());
      const auto found = io::Hdf5File::open(folder / "here.h5");
      const auto expected = io::Hdf5File::open(folder / "one.h5");
      EXPECT_EQ(expected.read("/coords").size(), std::size_t{7 * n_points});
      EXPECT_EQ(found.read("/coords"), expected.read("/coords"));
      for (const char* name : {"/metric", "/phi"})
        EXPECT_LT(test::relative_to_largest(found.read(name), expected.read(name)), 1e-13) << name;
    }
    world().barrier();
  }
}

K7_ON_EVERY_DEVICE(GpuSampling);

}  // namespace
}  // namespace k7::model
