// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/quote.hpp"
#include "io/atomic_file.hpp"
#include "io/seal.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/conventions.hpp"
#include "model/model_file.hpp"
#include "train/optimizer/lbfgs.hpp"

namespace k7::train {
namespace {

using io::Hdf5File;
using io::SealedReader;

void write_attributes(Hdf5File& file, const Checkpoint& c) {
  file.set_attribute("/", "format", std::string(model::checkpoint_format));
  file.set_attribute("/", "version", std::int64_t{model::checkpoint_version});
  model::write_spec(file, c.model);
  file.set_attribute("/", "seed", std::to_string(c.seed));
  file.set_attribute("/", "batch_size", c.batch_size);
  if (c.chunk_points > 0) file.set_attribute("/", "chunk_points", c.chunk_points);
  file.set_attribute("/", "images", static_cast<std::int64_t>(c.images));
  file.set_attribute("/", "epoch", static_cast<std::int64_t>(c.epoch));
  file.set_attribute("/", "seconds", c.seconds);
  file.set_attribute("/", "best_loss", c.best_loss);
  file.set_attribute("/", "best_epoch", static_cast<std::int64_t>(c.best_epoch));
  file.set_attribute("/", "epochs_without_best", static_cast<std::int64_t>(c.epochs_without_best));
  for (const auto& [key, value] : c.record) file.set_attribute("/", "option_" + key, value);
}

/// The best loss so far: none yet is infinite.
double loss_so_far(const SealedReader& file, const std::string& object, const std::string& name) {
  return file.number(object, name, std::numeric_limits<double>::lowest(),
                     std::numeric_limits<double>::infinity(),
                     "a number, or infinity where there is none yet,");
}

/// A text, because HDF5 attributes made by other tools may not hold 64 unsigned bits.
std::uint64_t read_seed(const SealedReader& file) {
  const std::string text = file.string_attribute("/", "seed");
  errno = 0;
  const std::uint64_t seed = std::strtoull(text.c_str(), nullptr, 10);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos || errno == ERANGE)
    file.fail("attribute seed", k7::quoted(text) + " is not a whole number below 2^64; the file is damaged");
  return seed;
}

/// Squares of gradients; Adam takes their root.
std::vector<double> read_squares(const SealedReader& file, const std::string& group,
                                 const model::NetworkShape& shape) {
  auto squares = model::read_parameters(file, group, shape);
  if (!std::all_of(squares.begin(), squares.end(), [](double v) { return v >= 0.0; }))
    file.fail(group, "holds a negative number; these are means of squares");
  return squares;
}

void write_arrays(Hdf5File& file, const std::map<std::string, Array>& arrays) {
  for (const auto& [name, array] : arrays) file.write("/optimizer/" + name, array.shape, array.values.data());
}

/// All datasets of /optimizer; groups there are parameters by layer.
std::map<std::string, Array> read_arrays(const SealedReader& file) {
  std::map<std::string, Array> arrays;
  for (const std::string& name : file.list("/optimizer"))
    if (name != "exp_avg" && name != "exp_avg_sq") {
      const std::string dataset = "/optimizer/" + name;
      arrays[name] = {file.shape(dataset), file.read_finite(dataset)};
    }
  return arrays;
}

/// What L-BFGS remembers are two lists of vectors of parameters, one as long as the other.
void check_lbfgs(const SealedReader& file, const std::map<std::string, Array>& arrays,
                 std::int64_t n_parameters) {
  const auto steps = arrays.find(lbfgs_steps);
  const auto changes = arrays.find(lbfgs_changes);
  if (steps == arrays.end() && changes == arrays.end()) return;
  const auto name = [](const char* array) { return std::string("/optimizer/") + array; };
  if (steps == arrays.end() || changes == arrays.end())
    file.fail(name(steps == arrays.end() ? lbfgs_steps : lbfgs_changes),
              "is missing, but its partner is there");
  const auto& shape = steps->second.shape;
  if (shape.size() != 2 || shape[1] != static_cast<std::uint64_t>(n_parameters))
    file.fail(name(lbfgs_steps),
              fmt::format("has shape {}; (M, {}) is needed", io::shape_text(shape), n_parameters));
  if (changes->second.shape != shape)
    file.fail(name(lbfgs_changes),
              fmt::format("has shape {}; {} is needed, that of {}", io::shape_text(changes->second.shape),
                          io::shape_text(shape), lbfgs_steps));
}

void write_history(Hdf5File& file, const History& history) {
  file.create_group("/history");
  for (std::size_t column = 0; column < history.columns.size(); ++column) {
    std::vector<double> values;
    values.reserve(history.rows.size());
    for (const auto& row : history.rows) values.push_back(row[column]);
    file.write("/history/" + history.columns[column], {values.size()}, values.data());
  }
}

/// Columns in alphabetical order.
History read_history(const SealedReader& file, int epochs) {
  History history;
  history.columns = file.list("/history");
  if (history.columns.empty() && epochs > 0)
    file.fail("/history", fmt::format("is empty; {} epochs are needed", epochs));
  const Hdf5File::Shape needed{static_cast<std::uint64_t>(epochs)};
  // Before any memory is taken on the word of a file that may be damaged.
  for (const std::string& column : history.columns) {
    const std::string name = "/history/" + column;
    const auto shape = file.shape(name);
    if (shape != needed)
      file.fail(name, fmt::format("has {} rows; {} are needed", shape.empty() ? 0 : shape[0], epochs));
    file.take_room(name);
  }
  history.rows.assign(static_cast<std::size_t>(epochs), std::vector<double>(history.columns.size()));
  for (std::size_t column = 0; column < history.columns.size(); ++column) {
    const auto values = file.read("/history/" + history.columns[column]);
    for (std::size_t i = 0; i < values.size(); ++i) history.rows[i][column] = values[i];
  }
  return history;
}

void write_schedule(Hdf5File& file, const Schedule::State& state) {
  file.create_group("/schedule");
  file.set_attribute("/schedule", "factor", state.factor);
  file.set_attribute("/schedule", "best", state.best);
  file.set_attribute("/schedule", "bad_epochs", static_cast<std::int64_t>(state.bad_epochs));
  file.set_attribute("/schedule", "rollbacks", static_cast<std::int64_t>(state.rollbacks));
}

Schedule::State read_schedule(const SealedReader& file) {
  Schedule::State state;
  state.factor = file.number("/schedule", "factor", std::numeric_limits<double>::min(), 1.0,
                             "a number above 0, at most 1");
  state.best = loss_so_far(file, "/schedule", "best");
  state.bad_epochs = file.integer("/schedule", "bad_epochs", 0);
  state.rollbacks = file.integer("/schedule", "rollbacks", 0);
  return state;
}

void write_constants(Hdf5File& file, const StoredConstants& c) {
  file.create_group("/constants");
  file.set_attribute("/constants", "loss", c.loss);
  file.set_attribute("/constants", "cond_g", c.cond_g);
  file.set_attribute("/constants", "starts", static_cast<std::int64_t>(c.starts));
  file.set_attribute("/constants", "starts_that_reached_it",
                     static_cast<std::int64_t>(c.starts_that_reached_it));
  file.write("/constants/coframe", {geometry::dim, geometry::dim}, c.coframe.data());
  for (const auto& [name, value] : c.terms) file.write("/constants/terms/" + name, {1}, &value);
  for (const auto& [name, value] : c.weights) file.write("/constants/weights/" + name, {1}, &value);
}

/// Single numbers by name.
std::map<std::string, double> read_numbers(const SealedReader& file, const std::string& group) {
  std::map<std::string, double> numbers;
  for (const std::string& name : file.list(group)) {
    const std::string dataset = group + "/" + name;
    const auto shape = file.shape(dataset);
    if (shape != Hdf5File::Shape{1})
      file.fail(dataset, "has shape " + io::shape_text(shape) + "; (1) is needed");
    numbers[name] = file.read_finite(dataset).front();
  }
  return numbers;
}

StoredConstants read_constants(const SealedReader& file) {
  constexpr double most = std::numeric_limits<double>::max();
  StoredConstants c;
  c.loss = file.number("/constants", "loss", -most, most, "a number");
  c.cond_g = file.number("/constants", "cond_g", 0.0, most, "a condition number");
  c.starts = file.integer("/constants", "starts", 1);
  c.starts_that_reached_it = file.integer("/constants", "starts_that_reached_it", 1, c.starts);
  const auto shape = file.shape("/constants/coframe");
  if (shape != Hdf5File::Shape{geometry::dim, geometry::dim})
    file.fail("/constants/coframe", "has shape " + io::shape_text(shape) + "; (7, 7) is needed");
  c.coframe = file.read_finite("/constants/coframe");
  c.terms = read_numbers(file, "/constants/terms");
  c.weights = read_numbers(file, "/constants/weights");
  return c;
}

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint& c, const std::string& keep) {
  Hdf5File file = Hdf5File::create_in_memory(path);
  write_attributes(file, c);
  model::write_parameters(file, "/model", c.model.network, c.parameters);
  model::write_parameters(file, "/optimizer/exp_avg", c.model.network, c.exp_avg);
  model::write_parameters(file, "/optimizer/exp_avg_sq", c.model.network, c.exp_avg_sq);
  model::write_parameters(file, "/best", c.model.network, c.best_parameters);
  file.set_attribute("/optimizer", "step", c.optimizer_steps);
  write_arrays(file, c.optimizer_arrays);
  write_schedule(file, c.schedule);
  write_history(file, c.history);
  if (c.constants) write_constants(file, *c.constants);
  io::AtomicFile output(path);
  output.write(io::sealed(file.image()));
  output.commit(keep);
}

Checkpoint read_checkpoint(const std::string& path) {
  const SealedReader file(path, model::checkpoint_format, model::checkpoint_version);
  Checkpoint c;
  c.is_of_older_version = file.version() < model::checkpoint_version;
  c.model = model::read_spec(file);
  const model::NetworkShape& network = c.model.network;
  c.seed = read_seed(file);
  c.batch_size = file.whole("/", "batch_size", 1, io::most_whole);
  if (file.has_attribute("/", "chunk_points"))
    c.chunk_points = file.whole("/", "chunk_points", 1, io::most_whole);
  c.images = file.flag("/", "images");
  c.epoch = file.integer("/", "epoch", 0);
  c.seconds = file.number("/", "seconds", 0.0, std::numeric_limits<double>::max(), "a time, 0 or more,");
  c.best_loss = loss_so_far(file, "/", "best_loss");
  c.best_epoch = file.integer("/", "best_epoch", -1);
  c.epochs_without_best = file.integer("/", "epochs_without_best", 0);
  c.history = read_history(file, c.epoch);
  c.parameters = model::read_parameters(file, "/model", network);
  c.exp_avg = model::read_parameters(file, "/optimizer/exp_avg", network);
  c.exp_avg_sq = read_squares(file, "/optimizer/exp_avg_sq", network);
  c.best_parameters = model::read_parameters(file, "/best", network);
  c.optimizer_steps = file.whole("/optimizer", "step", 0, io::most_whole);
  c.optimizer_arrays = read_arrays(file);
  check_lbfgs(file, c.optimizer_arrays, network.n_parameters());
  c.schedule = read_schedule(file);
  if (file.has("/constants")) c.constants = read_constants(file);
  return c;
}

}  // namespace k7::train
