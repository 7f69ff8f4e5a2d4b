// SPDX-License-Identifier: Apache-2.0
// The notebook's loss, its gradient, and ten optimiser steps, against its own numbers.
#include "train/loss/notebook_loss.hpp"

#include "tensors.hpp"
#include "test_data.hpp"
#include "train/optimizer/adamw.hpp"
#include "train/schedule.hpp"

namespace k7::train {
namespace {

using test::notebook_reference;
using test::to_tensor;
using test::to_vector;

std::vector<double> row(const std::vector<double>& table, std::size_t index, std::size_t width) {
  const auto first = table.begin() + static_cast<std::ptrdiff_t>(index * width);
  return {first, first + static_cast<std::ptrdiff_t>(width)};
}

/// Loss terms against the notebook's: 1e-12 relative, but the determinant term is rounding noise near 1e-30.
void expect_terms(const std::vector<double>& terms, const std::vector<double>& reference) {
  for (int t = 0; t < NotebookLoss::n_terms; ++t) {
    const double tolerance = t == NotebookLoss::det ? 1e-24 : 1e-12 * std::abs(reference[t]);
    EXPECT_NEAR(terms[t], reference[t], tolerance) << "term " << t;
  }
}

std::vector<double> gradient(const model::Network& network, const NotebookLoss& loss, const at::Tensor& x) {
  network.gradient_buffer().zero_();
  network.add_gradients(network.gradients_of(loss(network, x, x.size(0)).loss));
  return to_vector(network.gradients());
}

TEST(NotebookLoss, terms_and_gradients_are_the_notebooks) {
  const auto file = notebook_reference();
  for (const std::string group : {"loss", "loss_clipped", "loss_tanh", "loss_gelu"}) {
    const model::Network network = test::load_network(file, group, group + "/params_step0");
    const std::string batches = file.has(group + "/coords") ? "/coords" : "/coords_batches";
    const at::Tensor x = to_tensor(file.read(group + batches), {-1, 64, 7})[0];
    const NotebookLoss loss;
    expect_terms(to_vector(loss(network, x, 64).terms), file.read(group + "/terms_initial"));
    const auto reference = test::read_parameters(file, group + "/grad_step0", network.shape());
    EXPECT_LE(test::relative_to_largest(gradient(network, loss, x), reference), 1e-11) << group;
  }
}

TEST(NotebookLoss, gradients_of_the_single_terms_are_the_notebooks) {
  const auto file = notebook_reference();
  for (const std::string group : {"loss", "loss_clipped"}) {
    const model::Network network = test::load_network(file, group, group + "/params_step0");
    const at::Tensor x = to_tensor(file.read(group + "/coords_batches"), {-1, 64, 7})[0];
    for (const std::string part : {"lt0_ln0", "lt1_ln0", "lt0_ln0.1"}) {
      const std::string name = group + "/grad_step0_" + part;
      NotebookLoss loss;
      loss.weights["det"] = 0.0;
      loss.weights["torsion"] = file.number_attribute(name, "lambda_torsion");
      loss.weights["norm"] = file.number_attribute(name, "lambda_norm");
      const auto reference = test::read_parameters(file, name, network.shape());
      EXPECT_LE(test::relative_to_largest(gradient(network, loss, x), reference), 1e-11) << name;
    }
  }
}

TEST(NotebookLoss, shares_of_a_split_batch_add_up) {
  const auto file = notebook_reference();
  const model::Network network = test::load_network(file, "loss", "loss/params_step0");
  const at::Tensor x = to_tensor(file.read("loss/coords_batches"), {-1, 64, 7})[0];
  const NotebookLoss loss;
  const auto whole = gradient(network, loss, x);
  network.gradient_buffer().zero_();
  at::Tensor terms = at::zeros({NotebookLoss::n_terms}, at::kDouble);
  for (const at::Tensor& part : {x.narrow(0, 0, 23), x.narrow(0, 23, 41)}) {
    const auto value = loss(network, part, 64);
    network.add_gradients(network.gradients_of(value.loss));
    terms += value.terms;
  }
  EXPECT_LE(test::relative_to_largest(to_vector(network.gradients()), whole), 1e-13);
  expect_terms(to_vector(terms), file.read("loss/terms_initial"));
}

class NotebookTraining : public testing::TestWithParam<std::string> {};

TEST_P(NotebookTraining, ten_steps_are_the_notebooks) {
  const auto file = notebook_reference();
  const std::string& group = GetParam();
  const model::Network network = test::load_network(file, group, group + "/params_step0");
  const auto batches = file.read(group + "/coords_batches");
  TrainOptions options;
  options.lr = file.number_attribute(group, "lr");
  options.lr_min = file.number_attribute(group, "lr_min");
  options.weight_decay = file.number_attribute(group, "weight_decay");
  options.epochs = static_cast<int>(file.number_attribute(group, "T_max"));
  const Schedule schedule(options);
  AdamW optimizer(network.parameters(), options.weight_decay);
  const NotebookLoss loss;
  const auto before = file.read(group + "/terms_before_step");
  const auto after = file.read(group + "/total_after_step");
  const auto lr_used = file.read(group + "/lr_used");
  const auto lr_after = file.read(group + "/lr_after");
  const auto norms = file.read(group + "/grad_norm");
  bool clipped = false;
  for (int t = 0; t < 10; ++t) {
    const at::Tensor x = to_tensor(batches, {-1, 64, 7})[t];
    network.gradient_buffer().zero_();
    const auto value = loss(network, x, 64);
    network.add_gradients(network.gradients_of(value.loss));
    expect_terms(to_vector(value.terms), row(before, t, 6));
    const double norm = network.gradients().norm().item<double>();
    clip_gradients(network.gradients(), norm, file.number_attribute(group, "max_norm"));
    EXPECT_NEAR(norm, norms[t], 1e-12 * norms[t]);
    clipped = clipped || norm > 1.0;
    EXPECT_NEAR(schedule.rate(t), lr_used[t], 1e-14 * lr_used[t]);
    EXPECT_NEAR(schedule.rate(t + 1), lr_after[t], 1e-14 * lr_after[t]);
    optimizer.step(network.parameters(), network.gradients(), schedule.rate(t), {});
    EXPECT_NEAR(loss(network, x, 64).loss.item<double>(), after[t], 1e-12 * after[t]);
    const std::string snapshot = group + "/params_step" + std::to_string(t + 1);
    if (file.has(snapshot)) {
      const auto reference = test::read_parameters(file, snapshot, network.shape());
      EXPECT_LE(test::absolute(to_vector(network.parameters()), reference), 1e-12) << snapshot;
    }
  }
  EXPECT_EQ(clipped, group == "loss_clipped");
}

INSTANTIATE_TEST_SUITE_P(Groups, NotebookTraining, testing::Values("loss", "loss_clipped"),
                         [](const auto& test) { return test.param; });

TEST(Schedule, warm_up_is_linear_and_cosine_ends_at_the_minimum) {
  TrainOptions options;
  options.lr = 1e-3;
  options.epochs = 110;
  options.warmup_epochs = 10;
  const Schedule schedule(options);
  EXPECT_DOUBLE_EQ(schedule.rate(0), 1e-4);
  EXPECT_DOUBLE_EQ(schedule.rate(9), 1e-3);
  EXPECT_DOUBLE_EQ(schedule.rate(10), 1e-3);
  EXPECT_DOUBLE_EQ(schedule.rate(60), 0.5 * (1e-3 + 1e-6));
  EXPECT_DOUBLE_EQ(schedule.rate(110), 1e-6);
}

TEST(Schedule, plateau_halves_after_101_epochs_without_progress) {
  TrainOptions options;
  options.lr = 1e-3;
  options.scheduler = SchedulerChoice::plateau;
  Schedule schedule(options);
  schedule.observe(1.0);
  for (int epoch = 0; epoch < 100; ++epoch) schedule.observe(1.0 - 5e-5);  // less than a factor 1 - 1e-4
  EXPECT_DOUBLE_EQ(schedule.rate(101), 1e-3);
  schedule.observe(1.0);
  EXPECT_DOUBLE_EQ(schedule.rate(102), 5e-4);
  schedule.observe(0.5);
  EXPECT_EQ(schedule.state.best, 0.5);
}

}  // namespace
}  // namespace k7::train
