// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints (format "k7-checkpoint", version 1): everything that a run needs to go on, in plain HDF5.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/json_file.hpp"
#include "k7/train/train_options.hpp"
#include "train/history.hpp"
#include "train/schedule.hpp"

namespace k7::train {

struct Array {
  std::vector<std::uint64_t> shape;
  std::vector<double> values;
};

/// Names of what L-BFGS remembers among Checkpoint::optimizer_arrays.
constexpr const char* lbfgs_steps = "lbfgs_steps";
constexpr const char* lbfgs_changes = "lbfgs_changes";

struct Checkpoint {
  model::ModelSpec model;
  std::uint64_t seed = 0;
  std::int64_t batch_size = 0;
  bool images = false;
  int epoch = 0;         ///< epochs done
  double seconds = 0.0;  ///< wall time of all parts of the run so far
  double best_loss = 0.0;
  int best_epoch = -1;
  int epochs_without_best = 0;
  std::vector<double> parameters;  ///< flat, see Network::parameters
  std::int64_t optimizer_steps = 0;
  std::vector<double> exp_avg;
  std::vector<double> exp_avg_sq;
  std::map<std::string, Array> optimizer_arrays;  ///< what else an optimizer remembers
  std::vector<double> best_parameters;
  Schedule::State schedule;
  History history;
  io::Json options;  ///< as given to the program, for the record
};

/// Writes atomically and seals; see io::sealed.
/// @throws InputError naming the file
/// @param keep if not empty, the name under which a file that was there before is kept
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint, const std::string& keep = {});

/// @throws InputError naming the file and what is wrong with it: not a checkpoint, another version, damaged,
/// changed after it was sealed
Checkpoint read_checkpoint(const std::string& path);

}  // namespace k7::train
