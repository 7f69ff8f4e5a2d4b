// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace k7::train {

/// What is known of a weighted term of the loss beside its value.
struct LossTermInfo {
  const char* name;  ///< column of the history, and --lambda-NAME
  double weight;     ///< where none is given
  const char* help;
  const char* manifold;  ///< where alone it means something; nullptr: everywhere
};

/// All weighted terms, in the order of the sum. They stand in one table, beside their values: see
/// src/train/loss/loss_terms.cpp.
const std::vector<LossTermInfo>& weighted_terms();

/// A weight for each of weighted_terms().
class LossWeights {
 public:
  /// The weights of the table.
  LossWeights();
  /// Those that are named; all others zero.
  static LossWeights only(std::initializer_list<std::pair<const char*, double>> weights);

  /// @throws InputError for the name of no term
  double& operator[](const std::string& name);
  double operator[](const std::string& name) const;
  bool operator==(const LossWeights& other) const { return values_ == other.values_; }

 private:
  std::vector<double> values_;
};

}  // namespace k7::train
