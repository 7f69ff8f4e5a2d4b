// SPDX-License-Identifier: Apache-2.0
// What train() refuses, whoever calls it; the tables behind its options.
#include "k7/train/train_options.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "k7/base/error.hpp"

namespace k7::train {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::string refusal(const TrainOptions& options) {
  try {
    validate(options);
  } catch (const InputError& e) {
    return e.what();
  }
  return {};
}

struct Refusal {
  std::function<void(TrainOptions&)> change;
  std::string text;  ///< in full
};

std::vector<Refusal> numbers_out_of_range() {
  return {
      {[](auto& o) { o.model.radii[1] = 0.0; }, "--radii: '0' is too small; a number above 0 is needed"},
      {[](auto& o) { o.model.radii[2] = nan; }, "--radii: 'nan' is not a number"},
      {[](auto& o) { o.model.interval[0] = -1.0; },
       "--interval: '-1' is too small; a number above 0 is needed"},
      {[](auto& o) { o.model.condition_bound = -2.0; },
       "--condition-bound: '-2' is too small; 0 or a number above 0 is needed"},
      {[](auto& o) {
         o.model.network.hidden = {8, 0};
       },
       "--hidden: '0' is too small; at least 1"},
      {[](auto& o) { o.epochs = 0; }, "--epochs: '0' is too small; at least 1"},
      {[](auto& o) { o.batch_size = -3; }, "--batch-size: '-3' is too small; at least 1"},
      {[](auto& o) { o.lr = 0.0; }, "--lr: '0' is too small; a number above 0 is needed"},
      {[](auto& o) { o.lr = infinity; }, "--lr: 'inf' is too large; at most 1.7e+308"},
      {[](auto& o) { o.lr_min = -1.0; }, "--lr-min: '-1' is too small; 0 or a number above 0 is needed"},
      {[](auto& o) { o.weight_decay = -0.5; },
       "--weight-decay: '-0.5' is too small; 0 or a number above 0 is needed"},
      {[](auto& o) { o.warmup_epochs = -1; }, "--warmup-epochs: '-1' is too small; at least 0"},
      {[](auto& o) { o.clip_norm = 0.0; }, "--clip-norm: '0' is too small; a number above 0 is needed"},
      {[](auto& o) { o.patience = 0; }, "--patience: '0' is too small; at least 1"},
      {[](auto& o) { o.min_delta = nan; }, "--min-delta: 'nan' is not a number"},
      {[](auto& o) { o.checkpoint_every = 0; }, "--checkpoint-every: '0' is too small; at least 1"},
      {[](auto& o) { o.log_every = 0; }, "--log-every: '0' is too small; at least 1"},
      {[](auto& o) { o.validation_points = 0; }, "the points of validation: '0' is too small; at least 1"},
      {[](auto& o) { o.report_points = 0; }, "the points of the report: '0' is too small; at least 1"}};
}

std::vector<Refusal> choices_that_do_not_go_together() {
  return {{[](auto& o) { o.lr_min = 1.0; }, "--lr-min 1: is larger than --lr 0.003"},
          {[](auto& o) {
             o.scheduler = SchedulerChoice::exponential;
             o.lr_min = 0.0;
           },
           "--lr-min 0: --scheduler exponential needs a positive rate at the end"},
          {[](auto& o) { o.warmup_epochs = o.epochs; },
           "--warmup-epochs 5000: must be smaller than --epochs 5000"},
          {[](auto& o) { o.objective = ObjectiveChoice::notebook; },
           "--objective notebook: needs --manifold notebook-chart, --ansatz components and --metric-map "
           "contraction"},
          {[](auto& o) { o.model.metric_map = model::MetricMap::contraction; },
           "--objective torsion: needs --metric-map hitchin, the metric whose torsion it measures"},
          {[](auto& o) {
             o.start = StartChoice::left_invariant;
             o.model.manifold = "torus7";
           },
           "--start left-invariant: needs --manifold s1xs3xs3, --ansatz coframe and no --condition-bound"},
          {[](auto& o) { o.weights["gauge"] = 1.0; }, "--lambda-gauge: needs --manifold interval-s3xs3"},
          {[](auto& o) {
             o.model.interval = {2.0, 1.0};
           },
           "--interval: two positive numbers are needed, the smaller one first"},
          {[](auto& o) {
             o.model.ansatz = model::Ansatz::components;
             o.model.impose_det = true;
           },
           "--impose-det and --condition-bound: need --ansatz coframe"},
          {[](auto& o) { o.model.condition_bound = 0.5; },
           "--condition-bound: must be at least 1, or 0 for none"},
          {[](auto& o) { o.model.manifold = "euclidean"; },
           "--manifold euclidean: has no sampler; nothing can be trained on it"}};
}

TEST(TrainOptions, numbers_out_of_their_range_are_refused_as_on_the_command_line) {
  for (const Refusal& one : numbers_out_of_range()) {
    TrainOptions options;
    one.change(options);
    EXPECT_EQ(refusal(options), one.text);
  }
}

TEST(TrainOptions, no_weight_of_the_loss_is_negative) {
  for (const LossTermInfo& term : weighted_terms()) {
    TrainOptions options;
    options.weights[term.name] = -0.25;
    EXPECT_EQ(refusal(options), std::string("--lambda-") + term.name +
                                    ": '-0.25' is too small; 0 or a number above 0 is needed");
  }
}

TEST(TrainOptions, choices_that_do_not_go_together_are_refused) {
  for (const Refusal& one : choices_that_do_not_go_together()) {
    TrainOptions options;
    one.change(options);
    EXPECT_EQ(refusal(options), one.text);
  }
}

TEST(TrainOptions, a_value_without_a_name_is_refused) {
  TrainOptions options;
  options.optimizer = static_cast<OptimizerChoice>(99);
  EXPECT_EQ(refusal(options), "--optimizer: is none of adamw, soap, lbfgs");
  options = {};
  options.dtype = static_cast<Precision>(99);
  EXPECT_EQ(refusal(options), "--dtype: is none of float64, mixed, float32");
  options = {};
  options.model.manifold = "klein-bottle";
  EXPECT_NE(refusal(options).find("klein-bottle"), std::string::npos);
}

TEST(TrainOptions, presets_are_valid_and_know_their_name) {
  for (const auto& [preset_name, text] : names_of(Preset{})) {
    const TrainOptions options = preset(preset_name);
    EXPECT_EQ(options.preset, preset_name);
    EXPECT_EQ(refusal(options), "") << text;
  }
  EXPECT_EQ(preset(Preset::torus).weights["det"], 0.0);
  EXPECT_EQ(preset(Preset::bryant_salamon).weights["gauge"], 20.0);
}

TEST(TrainOptions, completing_sets_the_networks_ends) {
  TrainOptions options;
  options.model.condition_bound = 20.0;
  complete(options);
  EXPECT_EQ(options.model.network.outputs, 49);
  EXPECT_TRUE(options.model.impose_det);
}

TEST(LossWeights, are_those_of_the_table) {
  std::vector<std::string> names;
  for (const LossTermInfo& term : weighted_terms()) names.emplace_back(term.name);
  EXPECT_EQ(names, (std::vector<std::string>{"torsion", "det", "norm", "smooth", "trace", "gauge"}));
  const LossWeights weights;
  for (const LossTermInfo& term : weighted_terms()) EXPECT_EQ(weights[term.name], term.weight);
  LossWeights other = LossWeights::only({{"norm", 2.0}});
  EXPECT_EQ(other["norm"], 2.0);
  EXPECT_EQ(other["torsion"], 0.0);
  EXPECT_FALSE(other == weights);
  EXPECT_THROW(other["tortion"], InputError);
}

}  // namespace
}  // namespace k7::train
