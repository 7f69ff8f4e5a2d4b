// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <vector>

#include "k7/train/train_options.hpp"

namespace k7::apps {

/// The options of k7_train on the command line.
class TrainCommand {
 public:
  /// Declares all options, bound to members that already hold their defaults.
  void declare(CLI::App& app);
  /// Replaces all values by those of the preset that was read.
  void apply_preset() { options_ = train::preset(options_.preset); }
  /// What was read. @throws CollectiveError for lists of the wrong length
  train::TrainOptions options() const;
  const std::string& out() const { return options_.out; }
  /// Per rank; 0: the rank's share of the node's cores.
  int threads() const { return threads_; }

 private:
  void declare_model(CLI::App& app);
  void declare_steps(CLI::App& app);
  void declare_loss(CLI::App& app);
  void declare_run(CLI::App& app);

  train::TrainOptions options_;
  int threads_ = 0;
  // Vectors, not arrays: of an array's missing numbers CLI11 would look for the next in the word that follows.
  std::vector<double> radii_;
  std::vector<double> interval_;
};

}  // namespace k7::apps
