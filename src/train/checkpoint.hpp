// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints (format "k7-checkpoint", version 2): everything that a run needs to go on, in plain HDF5.
// Version 1 had no /constants.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "k7/train/train_options.hpp"
#include "train/history.hpp"
#include "train/schedule.hpp"

namespace k7::train {

struct Array {
  std::vector<std::uint64_t> shape;
  std::vector<double> values;
};

/// The best form with constant components, and what it is best for: see LeftInvariant.
struct StoredConstants {
  double loss = 0.0;
  double cond_g = 0.0;
  int starts = 0;
  int starts_that_reached_it = 0;
  std::vector<double> coframe;            ///< (7, 7)
  std::map<std::string, double> terms;    ///< of the loss
  std::map<std::string, double> weights;  ///< of the terms
};

struct Checkpoint {
  bool is_of_older_version = false;  ///< as it was read: what it lacks has its default
  model::ModelSpec model;
  std::uint64_t seed = 0;
  std::int64_t batch_size = 0;
  std::int64_t chunk_points = 0;  ///< 0: of a file that does not know, whose batch alone decided
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
  std::optional<StoredConstants> constants;                 ///< where they were looked for and found
  std::vector<std::pair<std::string, std::string>> record;  ///< options as given to a program; never read
};

/// Writes atomically and seals; see io::sealed.
/// @throws InputError naming the file
/// @param keep if not empty, the name under which a file that was there before is kept
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint, const std::string& keep = {});

/// What an older version lacks: /constants, of which then nothing is known, and columns of the history, which
/// are for the caller to fill.
/// @throws InputError naming the file and what is wrong with it: not a checkpoint, a newer version, damaged,
/// changed after it was sealed
Checkpoint read_checkpoint(const std::string& path);

}  // namespace k7::train
