// SPDX-License-Identifier: Apache-2.0
#include "pinn/checkpoint.hpp"

#include <cmath>
#include <cstdlib>

#include "k7/error.hpp"
#include "k7/io/atomic_file.hpp"
#include "k7/io/hdf5_file.hpp"
#include "pinn/network.hpp"

namespace k7::pinn {
namespace {

using io::Hdf5File;

void write_parameters(Hdf5File& file, const std::string& group, const NetworkShape& shape,
                      const std::vector<double>& flat) {
  for (const auto& slot : parameter_slots(shape))
    file.write(group + "/" + slot.name, Hdf5File::Shape(slot.shape.begin(), slot.shape.end()),
               flat.data() + slot.offset);
}

std::vector<double> read_parameters(const Hdf5File& file, const std::string& group,
                                    const NetworkShape& shape) {
  std::vector<double> flat;
  flat.reserve(static_cast<std::size_t>(shape.n_parameters()));
  for (const auto& slot : parameter_slots(shape)) {
    const std::string name = group + "/" + slot.name;
    const auto found = file.shape(name);
    if (found != Hdf5File::Shape(slot.shape.begin(), slot.shape.end()))
      throw InputError(file.path() + ": " + name + ": its shape does not fit the network " + shape.text() +
                       "; the file is damaged");
    const auto values = file.read(name);
    for (const double v : values)
      if (!std::isfinite(v))
        throw InputError(file.path() + ": " + name + ": holds a number that is not finite");
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

void write_attributes(Hdf5File& file, const Checkpoint& c) {
  file.set_attribute("/", "format", std::string("k7-checkpoint"));
  file.set_attribute("/", "version", std::int64_t{1});
  file.set_attribute("/", "manifold", c.manifold);
  file.set_attribute("/", "metric_map", c.metric_map);
  file.set_attribute("/", "activation", c.network.activation);
  file.set_attribute("/", "inputs", static_cast<std::int64_t>(c.network.inputs));
  file.set_attribute("/", "outputs", static_cast<std::int64_t>(c.network.outputs));
  file.set_attribute("/", "hidden", std::vector<double>(c.network.hidden.begin(), c.network.hidden.end()));
  file.set_attribute("/", "seed", std::to_string(c.seed));
  file.set_attribute("/", "batch_size", c.batch_size);
  file.set_attribute("/", "epoch", static_cast<std::int64_t>(c.epoch));
  file.set_attribute("/", "seconds", c.seconds);
  file.set_attribute("/", "best_loss", c.best_loss);
  file.set_attribute("/", "best_epoch", static_cast<std::int64_t>(c.best_epoch));
  file.set_attribute("/", "epochs_without_best", static_cast<std::int64_t>(c.epochs_without_best));
  for (const auto& [key, value] : c.options.items())
    file.set_attribute("/", "option_" + key, value.is_string() ? value.get<std::string>() : value.dump());
}

/// A text, because HDF5 attributes made by other tools may not hold 64 unsigned bits.
std::uint64_t read_seed(const Hdf5File& file) {
  const std::string text = file.string_attribute("/", "seed");
  if (text.empty() || text.size() > 20 || text.find_first_not_of("0123456789") != std::string::npos)
    throw InputError(file.path() + ": attribute seed: '" + text +
                     "' is not a whole number; the file is damaged");
  return std::strtoull(text.c_str(), nullptr, 10);
}

NetworkShape read_shape(const Hdf5File& file) {
  NetworkShape shape;
  shape.inputs = static_cast<int>(file.number_attribute("/", "inputs"));
  shape.outputs = static_cast<int>(file.number_attribute("/", "outputs"));
  shape.activation = file.string_attribute("/", "activation");
  shape.hidden.clear();
  for (const double width : file.numbers_attribute("/", "hidden")) {
    if (!(width >= 1.0 && width <= 1e6)) throw InputError(file.path() + ": attribute hidden: is damaged");
    shape.hidden.push_back(static_cast<int>(width));
  }
  return shape;
}

void read_header(const Hdf5File& file) {
  const std::string format =
      file.has_attribute("/", "format") ? file.string_attribute("/", "format") : "absent";
  if (format != "k7-checkpoint")
    throw InputError(file.path() + ": attribute format: is '" + format + "'; 'k7-checkpoint' is needed");
  const double version = file.number_attribute("/", "version");
  if (version != 1.0)
    throw InputError(file.path() + ": attribute version: is " + std::to_string(static_cast<int>(version)) +
                     "; this program reads version 1");
}

void write_history(Hdf5File& file, const History& history) {
  for (int column = 0; column < History::n_columns; ++column) {
    std::vector<double> values;
    values.reserve(history.rows.size());
    for (const auto& row : history.rows) values.push_back(row[column]);
    file.write(std::string("/history/") + History::columns()[column], {values.size()}, values.data());
  }
}

History read_history(const Hdf5File& file, int epochs) {
  History history;
  history.rows.resize(static_cast<std::size_t>(epochs));
  for (int column = 0; column < History::n_columns; ++column) {
    const std::string name = std::string("/history/") + History::columns()[column];
    const auto values = file.read(name);
    if (values.size() != history.rows.size())
      throw InputError(file.path() + ": " + name + ": has " + std::to_string(values.size()) + " rows; " +
                       std::to_string(epochs) + " are needed");
    for (std::size_t i = 0; i < values.size(); ++i) history.rows[i][column] = values[i];
  }
  return history;
}

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint& c) {
  Hdf5File file = Hdf5File::create_in_memory(path);
  write_attributes(file, c);
  write_parameters(file, "/model", c.network, c.parameters);
  write_parameters(file, "/optimizer/exp_avg", c.network, c.exp_avg);
  write_parameters(file, "/optimizer/exp_avg_sq", c.network, c.exp_avg_sq);
  write_parameters(file, "/best", c.network, c.best_parameters);
  file.set_attribute("/optimizer", "step", c.optimizer_steps);
  file.create_group("/schedule");
  file.set_attribute("/schedule", "factor", c.schedule.factor);
  file.set_attribute("/schedule", "best", c.schedule.best);
  file.set_attribute("/schedule", "bad_epochs", static_cast<std::int64_t>(c.schedule.bad_epochs));
  write_history(file, c.history);
  io::AtomicFile output(path);
  output.write(file.image());
  output.commit();
}

Checkpoint read_checkpoint(const std::string& path) {
  const Hdf5File file = Hdf5File::open(path);
  read_header(file);
  Checkpoint c;
  c.network = read_shape(file);
  c.manifold = file.string_attribute("/", "manifold");
  c.metric_map = file.string_attribute("/", "metric_map");
  c.seed = read_seed(file);
  c.batch_size = static_cast<std::int64_t>(file.number_attribute("/", "batch_size"));
  c.epoch = static_cast<int>(file.number_attribute("/", "epoch"));
  c.seconds = file.number_attribute("/", "seconds");
  c.best_loss = file.number_attribute("/", "best_loss");
  c.best_epoch = static_cast<int>(file.number_attribute("/", "best_epoch"));
  c.epochs_without_best = static_cast<int>(file.number_attribute("/", "epochs_without_best"));
  c.parameters = read_parameters(file, "/model", c.network);
  c.exp_avg = read_parameters(file, "/optimizer/exp_avg", c.network);
  c.exp_avg_sq = read_parameters(file, "/optimizer/exp_avg_sq", c.network);
  c.best_parameters = read_parameters(file, "/best", c.network);
  c.optimizer_steps = static_cast<std::int64_t>(file.number_attribute("/optimizer", "step"));
  c.schedule.factor = file.number_attribute("/schedule", "factor");
  c.schedule.best = file.number_attribute("/schedule", "best");
  c.schedule.bad_epochs = static_cast<int>(file.number_attribute("/schedule", "bad_epochs"));
  c.history = read_history(file, c.epoch);
  return c;
}

}  // namespace k7::pinn
