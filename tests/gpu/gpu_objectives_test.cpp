// SPDX-License-Identifier: Apache-2.0
// Loss and gradients of every objective: on the device in two parts, as two ranks would have them, against the CPU in one.
// Where the device is the CPU, it takes the way of GPUs.
#include <optional>

#include "g2/device_path.hpp"
#include "model/learned_form.hpp"
#include "tensors.hpp"
#include "torch_device_test.hpp"
#include "train/loss/objective.hpp"

namespace k7::train {
namespace {

using test::to_vector;

constexpr GlobalIndex n_points = 96;

struct Evaluated {
  std::vector<double> terms;                   ///< the loss first
  std::vector<std::vector<double>> gradients;  ///< of each weight and bias of the network
  std::vector<model::ParameterSlot> slots;
};

Evaluated evaluate(const TrainOptions& options, const at::Device& device, GlobalIndex part) {
  model::use_threads(1);
  const auto objective = make_objective(options);
  model::LearnedForm form(options.model, device);
  model::Network& network = form.network();
  network.initialise(options.seed, 1.0, 0.25, 0.5);
  const geometry::DrawKey key{options.seed, geometry::Stream::training, 3};
  at::Tensor terms;
  for (GlobalIndex begin = 0; begin < n_points; begin += part) {
    const auto value = (*objective)(form, form.sample_images(key, begin, part), n_points);
    network.add_gradients(network.gradients_of(value.loss));
    terms = terms.defined() ? terms + value.terms : value.terms;
  }
  EXPECT_EQ(terms.device().type(), device.type());
  Evaluated result{to_vector(terms.cpu()), {}, model::parameter_slots(network.shape())};
  for (const auto& slot : result.slots)
    result.gradients.push_back(to_vector(slot.view(network.gradients()).cpu()));
  return result;
}

class GpuObjectives : public test::TorchDeviceTest {
 protected:
  /// Sums of some thousand products in another order: 1e-12 is ten times what rounding does to the worst of them.
  void expect_the_numbers_of_the_cpu(TrainOptions options) const {
    constexpr double tolerance = 1e-12;
    complete(options);
    const Evaluated expected = evaluate(options, at::kCPU, n_points);
    const at::Device device(GetParam() == DeviceChoice::cuda ? at::kCUDA : at::kCPU);
    std::optional<g2::DevicePathOnCpus> device_path;
    if (device.is_cpu()) device_path.emplace();
    const Evaluated found = evaluate(options, device, n_points / 2);
    EXPECT_GT(expected.terms[Objective::loss], 1e-3);
    EXPECT_LT(test::relative_to_largest(found.terms, expected.terms), tolerance);
    for (std::size_t i = 0; i < expected.slots.size(); ++i)
      EXPECT_LT(test::relative_to_largest(found.gradients[i], expected.gradients[i]), tolerance)
          << expected.slots[i].name;
  }
};

TEST_P(GpuObjectives, torsion_of_a_coframe) {
  for (const Preset preset : {Preset::neck, Preset::torus, Preset::bryant_salamon}) {
    SCOPED_TRACE(name_of(preset));
    expect_the_numbers_of_the_cpu(test::tiny_run(preset, ""));
  }
}

TEST_P(GpuObjectives, torsion_of_a_coframe_with_a_bound) {
  TrainOptions options = test::tiny_run(Preset::neck, "");
  options.model.condition_bound = 4.0;
  expect_the_numbers_of_the_cpu(options);
}

TEST_P(GpuObjectives, torsion_of_free_components) {
  TrainOptions options = test::tiny_run(Preset::neck, "");
  options.model.ansatz = model::Ansatz::components;
  expect_the_numbers_of_the_cpu(options);
}

TEST_P(GpuObjectives, notebook) {
  expect_the_numbers_of_the_cpu(test::tiny_run(Preset::notebook, ""));
}

K7_ON_EVERY_DEVICE(GpuObjectives);

}  // namespace
}  // namespace k7::train
