// SPDX-License-Identifier: Apache-2.0
//
// What is told of a training run, while it runs and at its end.
#pragma once

#include <string>
#include <vector>

#include "io/json_file.hpp"
#include "k7/train/train.hpp"
#include "train/train_state.hpp"

namespace k7::train {

/// E.g. "coframe on s1xs3xs3: network ..., on cpu with mpi".
std::string start_line(const model::ModelSpec& spec, const std::string& device, const std::string& comm);

/// The last epoch in one line. @param seconds_per_epoch of this part of the run
std::string epoch_line(const TrainOptions& options, const TrainState& state, double seconds_per_epoch);

/// The report on the best form, as model::report_on() gives it, in one or two lines.
std::vector<std::string> report_lines(const io::Json& report, std::int64_t n_points);

/// Times of a run.
struct Timing {
  double seconds = 0.0;              ///< of all parts of the run
  std::vector<double> step_seconds;  ///< of every step, without validation and checkpoints
};

/// "training" of the results tree, but what is known of the best form and the best constants.
io::Json training_json(const TrainOptions& options, const TrainState& state, Stop stop);
/// "model" of the results tree.
io::Json model_json(const model::NetworkShape& network);
/// "timing" of the results tree.
io::Json timing_json(const TrainOptions& options, const TrainState& state, const Timing& timing);

}  // namespace k7::train
