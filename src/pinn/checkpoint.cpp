// SPDX-License-Identifier: Apache-2.0
#include "pinn/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "k7/error.hpp"
#include "k7/io/atomic_file.hpp"
#include "k7/io/hdf5_file.hpp"
#include "k7/io/seal.hpp"
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
  std::vector<double> flat;  // grows with what is there, not with what a damaged file promises
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
  const ModelSpec& m = c.model;
  file.set_attribute("/", "manifold", m.manifold);
  file.set_attribute("/", "radii", std::vector<double>(m.radii.begin(), m.radii.end()));
  file.set_attribute("/", "interval", std::vector<double>(m.interval.begin(), m.interval.end()));
  file.set_attribute("/", "ansatz", m.ansatz);
  file.set_attribute("/", "metric_map", m.metric_map);
  file.set_attribute("/", "impose_det", static_cast<std::int64_t>(m.impose_det));
  file.set_attribute("/", "condition_bound", m.condition_bound);
  if (!m.base.empty()) file.set_attribute("/", "base_coframe", m.base);
  file.set_attribute("/", "activation", m.network.activation);
  file.set_attribute("/", "inputs", static_cast<std::int64_t>(m.network.inputs));
  file.set_attribute("/", "outputs", static_cast<std::int64_t>(m.network.outputs));
  file.set_attribute("/", "hidden", std::vector<double>(m.network.hidden.begin(), m.network.hidden.end()));
  file.set_attribute("/", "seed", std::to_string(c.seed));
  file.set_attribute("/", "batch_size", c.batch_size);
  file.set_attribute("/", "images", static_cast<std::int64_t>(c.images));
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

template <std::size_t n>
std::array<double, n> read_numbers(const Hdf5File& file, const std::string& name) {
  const auto values = file.numbers_attribute("/", name);
  if (values.size() != n)
    throw InputError(file.path() + ": attribute " + name + ": has " + std::to_string(values.size()) +
                     " numbers; " + std::to_string(n) + " are needed");
  std::array<double, n> result{};
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

ModelSpec read_model(const Hdf5File& file) {
  ModelSpec m;
  m.manifold = file.string_attribute("/", "manifold");
  m.radii = read_numbers<3>(file, "radii");
  m.interval = read_numbers<2>(file, "interval");
  m.ansatz = file.string_attribute("/", "ansatz");
  m.metric_map = file.string_attribute("/", "metric_map");
  m.impose_det = file.number_attribute("/", "impose_det") != 0.0;
  m.condition_bound = file.number_attribute("/", "condition_bound");
  if (file.has_attribute("/", "base_coframe")) {
    const auto base = read_numbers<geometry::dim * geometry::dim>(file, "base_coframe");
    m.base.assign(base.begin(), base.end());
  }
  m.network = read_shape(file);
  return m;
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

void write_arrays(Hdf5File& file, const std::map<std::string, Array>& arrays) {
  for (const auto& [name, array] : arrays) file.write("/optimizer/" + name, array.shape, array.values.data());
}

/// Refuses a dataset that has more numbers than the file has room for: a damaged file must not take memory.
void require_room(const Hdf5File& file, const std::string& dataset) {
  double bytes = sizeof(double);
  for (const auto n : file.shape(dataset)) bytes *= static_cast<double>(n);
  if (bytes > static_cast<double>(std::filesystem::file_size(file.path())))
    throw InputError(file.path() + ": " + dataset + ": has more numbers than the file has room for");
}

/// All datasets of /optimizer; groups there are parameters by layer.
std::map<std::string, Array> read_arrays(const Hdf5File& file) {
  std::map<std::string, Array> arrays;
  for (const std::string& name : file.list("/optimizer"))
    if (name != "exp_avg" && name != "exp_avg_sq") {
      require_room(file, "/optimizer/" + name);
      arrays[name] = {file.shape("/optimizer/" + name), file.read("/optimizer/" + name)};
    }
  return arrays;
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
History read_history(const Hdf5File& file, int epochs) {
  History history;
  history.columns = file.list("/history");
  const Hdf5File::Shape needed{static_cast<std::uint64_t>(epochs)};
  // Before any memory is taken on the word of a file that may be damaged.
  for (const std::string& column : history.columns) {
    const std::string name = "/history/" + column;
    const auto shape = file.shape(name);
    if (shape != needed)
      throw InputError(file.path() + ": " + name + ": has " + std::to_string(shape.empty() ? 0 : shape[0]) +
                       " rows; " + std::to_string(epochs) + " are needed");
    require_room(file, name);
  }
  history.rows.assign(static_cast<std::size_t>(epochs), std::vector<double>(history.columns.size()));
  for (std::size_t column = 0; column < history.columns.size(); ++column) {
    const auto values = file.read("/history/" + history.columns[column]);
    for (std::size_t i = 0; i < values.size(); ++i) history.rows[i][column] = values[i];
  }
  return history;
}

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint& c, const std::string& keep) {
  Hdf5File file = Hdf5File::create_in_memory(path);
  write_attributes(file, c);
  write_parameters(file, "/model", c.model.network, c.parameters);
  write_parameters(file, "/optimizer/exp_avg", c.model.network, c.exp_avg);
  write_parameters(file, "/optimizer/exp_avg_sq", c.model.network, c.exp_avg_sq);
  write_parameters(file, "/best", c.model.network, c.best_parameters);
  file.set_attribute("/optimizer", "step", c.optimizer_steps);
  write_arrays(file, c.optimizer_arrays);
  file.create_group("/schedule");
  file.set_attribute("/schedule", "factor", c.schedule.factor);
  file.set_attribute("/schedule", "best", c.schedule.best);
  file.set_attribute("/schedule", "bad_epochs", static_cast<std::int64_t>(c.schedule.bad_epochs));
  file.set_attribute("/schedule", "rollbacks", static_cast<std::int64_t>(c.schedule.rollbacks));
  write_history(file, c.history);
  io::AtomicFile output(path);
  output.write(io::sealed(file.image()));
  output.commit(keep);
}

Checkpoint read_checkpoint(const std::string& path) {
  const Hdf5File file = Hdf5File::open(path);
  read_header(file);
  Checkpoint c;
  c.model = read_model(file);
  c.seed = read_seed(file);
  c.batch_size = static_cast<std::int64_t>(file.number_attribute("/", "batch_size"));
  c.images = file.number_attribute("/", "images") != 0.0;
  c.epoch = static_cast<int>(file.number_attribute("/", "epoch"));
  c.seconds = file.number_attribute("/", "seconds");
  c.best_loss = file.number_attribute("/", "best_loss");
  c.best_epoch = static_cast<int>(file.number_attribute("/", "best_epoch"));
  c.epochs_without_best = static_cast<int>(file.number_attribute("/", "epochs_without_best"));
  c.parameters = read_parameters(file, "/model", c.model.network);
  c.exp_avg = read_parameters(file, "/optimizer/exp_avg", c.model.network);
  c.exp_avg_sq = read_parameters(file, "/optimizer/exp_avg_sq", c.model.network);
  c.best_parameters = read_parameters(file, "/best", c.model.network);
  c.optimizer_steps = static_cast<std::int64_t>(file.number_attribute("/optimizer", "step"));
  c.optimizer_arrays = read_arrays(file);
  c.schedule.factor = file.number_attribute("/schedule", "factor");
  c.schedule.best = file.number_attribute("/schedule", "best");
  c.schedule.bad_epochs = static_cast<int>(file.number_attribute("/schedule", "bad_epochs"));
  c.schedule.rollbacks = static_cast<int>(file.number_attribute("/schedule", "rollbacks"));
  c.history = read_history(file, c.epoch);
  // Last: what is said above is more exact.
  const std::string defect = io::seal_defect(path);
  if (!defect.empty()) throw InputError(path + ": " + defect);
  return c;
}

}  // namespace k7::pinn
