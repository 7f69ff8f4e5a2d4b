// SPDX-License-Identifier: Apache-2.0
// The network and the batched forms against the notebook's numbers and against the plain reference.
#include "model/network.hpp"

#include "g2/forms.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/three_form.hpp"
#include "tensors.hpp"
#include "test_data.hpp"

namespace k7::train {
namespace {

using test::notebook_reference;
using test::to_tensor;
using test::to_vector;

class NotebookNetwork : public testing::TestWithParam<std::string> {};

TEST_P(NotebookNetwork, output_is_the_notebooks) {
  const auto file = notebook_reference();
  const std::string group = "pinn/" + GetParam();
  const model::Network network = test::load_network(file, group, group);
  EXPECT_EQ(network.shape().n_parameters(), file.number_attribute(group, "n_params"));
  const at::Tensor phi = network.forward(to_tensor(file.read("pinn/coords"), {-1, 7}));
  EXPECT_LE(test::relative_to_largest(to_vector(phi), file.read(group + "/phi")), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Networks, NotebookNetwork,
                         testing::Values("small_silu", "small_tanh", "small_gelu", "medium_silu",
                                         "medium_tanh", "medium_gelu"),
                         [](const auto& test) { return test.param; });

TEST(Network, initial_weights_are_xavier_uniform_with_zero_biases) {
  model::NetworkShape shape;
  model::Network network(shape, at::kCPU);
  network.initialise(5, 0.5, 0.5);
  const auto values = to_vector(network.parameters());
  for (const auto& slot : model::parameter_slots(shape)) {
    double largest = 0.0;
    double mean_sq = 0.0;
    for (std::int64_t i = slot.offset; i < slot.offset + slot.count; ++i) {
      largest = std::max(largest, std::abs(values[i]));
      mean_sq += values[i] * values[i] / static_cast<double>(slot.count);
    }
    if (slot.shape.size() == 1) {
      EXPECT_EQ(largest, 0.0);
      continue;
    }
    const double bound = 0.5 * std::sqrt(6.0 / static_cast<double>(slot.shape[0] + slot.shape[1]));
    EXPECT_LE(largest, bound);
    // Variance bound^2/3, its estimate has relative standard error sqrt(4/5 / count).
    EXPECT_NEAR(mean_sq / (bound * bound / 3.0), 1.0, 5.0 * std::sqrt(0.8 / static_cast<double>(slot.count)));
  }
}

TEST(Network, the_notebooks_size) {
  EXPECT_EQ(model::NetworkShape{}.n_parameters(), 669731);
  EXPECT_EQ(model::NetworkShape{}.text(), "7 -> [512, 512, 512, 256] -> 35");
}

TEST(Network, unknown_activation_has_no_value) {
  EXPECT_FALSE(value_of<model::Activation>("relu").has_value());
  for (const auto& name : all_names<model::Activation>())
    EXPECT_EQ(name_of(*value_of<model::Activation>(name)), name);
}

TEST(BatchedForms, equal_the_plain_reference) {
  const auto file = notebook_reference();
  const auto flat = file.read("metric_from_phi/phi_flat");
  const at::Tensor phi = to_tensor(flat, {-1, geometry::n_phi});
  const auto tensors = to_vector(g2::form_to_tensor(phi));
  const auto metrics = to_vector(g2::metric_from_contraction(g2::contraction(phi)));
  for (std::size_t row = 0; row < flat.size() / geometry::n_phi; ++row) {
    geometry::Form3 form{};
    std::copy_n(flat.begin() + static_cast<std::ptrdiff_t>(row * geometry::n_phi), geometry::n_phi,
                form.begin());
    const auto t = geometry::form_to_tensor(form);
    EXPECT_TRUE(
        std::equal(t.begin(), t.end(), tensors.begin() + static_cast<std::ptrdiff_t>(row * t.size())));
    const auto g = geometry::contraction_metric(form);
    const auto first = metrics.begin() + static_cast<std::ptrdiff_t>(row * 49);
    EXPECT_LE(test::relative_to_largest({first, first + 49}, {g.data(), g.data() + 49}), 1e-12);
  }
}

TEST(BatchedForms, contraction_metric_is_the_notebooks) {
  const auto file = notebook_reference();
  const at::Tensor phi = to_tensor(file.read("metric_from_phi/phi_flat"), {-1, geometry::n_phi});
  const auto g = to_vector(g2::metric_from_contraction(g2::contraction(phi)));
  const auto reference = file.read("metric_from_phi/g");
  for (std::size_t first = 0; first < g.size(); first += 49)
    EXPECT_LE(test::relative_to_largest({g.begin() + first, g.begin() + first + 49},
                                        {reference.begin() + first, reference.begin() + first + 49}),
              1e-12);
}

}  // namespace
}  // namespace k7::train
