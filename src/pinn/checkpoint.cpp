// SPDX-License-Identifier: Apache-2.0
#include "pinn/checkpoint.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "k7/error.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/io/atomic_file.hpp"
#include "k7/io/hdf5_reader.hpp"
#include "k7/io/seal.hpp"
#include "k7/quote.hpp"
#include "pinn/network.hpp"

namespace k7::pinn {
namespace {

using io::Hdf5File;
using io::Hdf5Reader;

void write_parameters(Hdf5File& file, const std::string& group, const NetworkShape& shape,
                      const std::vector<double>& flat) {
  for (const auto& slot : parameter_slots(shape))
    file.write(group + "/" + slot.name, Hdf5File::Shape(slot.shape.begin(), slot.shape.end()),
               flat.data() + slot.offset);
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

/// A checkpoint that is read. All of its numbers together take no more than its bytes, so that it takes no
/// more memory, whatever it declares, and however many names one dataset has.
class SealedFile : public Hdf5Reader {
 public:
  explicit SealedFile(const std::string& path) : Hdf5Reader(path) {
    std::error_code ignored;  // a file that has gone is noticed when it is read
    const std::uintmax_t bytes = std::filesystem::file_size(path, ignored);
    room_ = ignored ? 0.0 : static_cast<double>(bytes);
  }
  /// To be called once for each dataset before it is read. @throws InputError naming it
  void take_room(const std::string& dataset) const;

 private:
  mutable double room_ = 0.0;  ///< bytes
};

[[noreturn]] void fail(const SealedFile& file, const std::string& item, const std::string& what) {
  throw InputError(file.path() + ": " + shortened(item) + ": " + what);
}

void SealedFile::take_room(const std::string& dataset) const {
  double bytes = sizeof(double);
  for (const auto n : shape(dataset)) bytes *= static_cast<double>(n);
  room_ -= bytes;
  if (room_ < 0.0) fail(*this, dataset, "has more numbers than the file has room for");
}

/// An attribute that is one number from `low` to `high`. What a checkpoint says is checked before anything is
/// done with it: a checksum is no proof of who made the file.
double number_in(const SealedFile& file, const std::string& object, const std::string& name, double low,
                 double high, const char* needed) {
  const double value = file.number_attribute(object, name);
  if (!(value >= low && value <= high))
    fail(file, "attribute " + name, fmt::format("is {:g}; {} is needed", value, needed));
  return value;
}

std::int64_t whole_in(const SealedFile& file, const std::string& object, const std::string& name,
                      std::int64_t low, std::int64_t high) {
  const double value = file.number_attribute(object, name);
  // Beyond 2^53 not every whole number is a double.
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high)) ||
      value != std::floor(value))
    fail(file, "attribute " + name,
         fmt::format("is {:g}; a whole number from {} to {} is needed", value, low, high));
  return static_cast<std::int64_t>(value);
}

constexpr int most_int = std::numeric_limits<int>::max();
constexpr std::int64_t most_whole = std::int64_t{1} << 53;

int int_in(const SealedFile& file, const std::string& object, const std::string& name, int low,
           int high = most_int) {
  return static_cast<int>(whole_in(file, object, name, low, high));
}

bool flag(const SealedFile& file, const std::string& name) {
  return int_in(file, "/", name, 0, 1) == 1;
}

/// The best loss so far: none yet is infinite.
double loss_so_far(const SealedFile& file, const std::string& object, const std::string& name) {
  return number_in(file, object, name, std::numeric_limits<double>::lowest(),
                   std::numeric_limits<double>::infinity(), "a number, or infinity where there is none yet,");
}

/// A text, because HDF5 attributes made by other tools may not hold 64 unsigned bits.
std::uint64_t read_seed(const SealedFile& file) {
  const std::string text = file.string_attribute("/", "seed");
  errno = 0;
  const std::uint64_t seed = std::strtoull(text.c_str(), nullptr, 10);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos || errno == ERANGE)
    fail(file, "attribute seed", k7::quoted(text) + " is not a whole number below 2^64; the file is damaged");
  return seed;
}

NetworkShape read_shape(const SealedFile& file) {
  constexpr int widest = 1000000;
  NetworkShape shape;
  shape.inputs = int_in(file, "/", "inputs", 1, widest);
  shape.outputs = int_in(file, "/", "outputs", 1, widest);
  shape.activation = file.string_attribute("/", "activation");
  shape.hidden.clear();
  for (const double width : file.numbers_attribute("/", "hidden")) {
    if (!(width >= 1.0 && width <= widest) || width != std::floor(width))
      fail(file, "attribute hidden", fmt::format("holds {:g}; widths of layers are needed", width));
    shape.hidden.push_back(static_cast<int>(width));
  }
  return shape;
}

template <std::size_t n>
std::array<double, n> read_numbers(const SealedFile& file, const std::string& name) {
  const auto values = file.numbers_attribute("/", name);
  if (values.size() != n)
    fail(file, "attribute " + name, fmt::format("has {} numbers; {} are needed", values.size(), n));
  std::array<double, n> result{};
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

std::array<double, 3> read_radii(const SealedFile& file) {
  const auto radii = read_numbers<3>(file, "radii");
  for (const double r : radii)
    if (!(r > 0.0 && std::isfinite(r)))
      fail(file, "attribute radii", fmt::format("holds {:g}; positive radii are needed", r));
  return radii;
}

std::array<double, 2> read_interval(const SealedFile& file) {
  const auto ends = read_numbers<2>(file, "interval");
  if (!(ends[0] > 0.0 && ends[0] < ends[1] && std::isfinite(ends[1])))
    fail(file, "attribute interval",
         fmt::format("is {:g}, {:g}; two positive numbers are needed, the smaller one first", ends[0],
                     ends[1]));
  return ends;
}

double read_condition_bound(const SealedFile& file) {
  const double bound = number_in(file, "/", "condition_bound", 0.0, std::numeric_limits<double>::max(),
                                 "0, or a number from 1 on");
  if (bound > 0.0 && bound < 1.0)
    fail(file, "attribute condition_bound",
         fmt::format("is {:g}; 0, or a number from 1 on is needed", bound));
  return bound;
}

std::vector<double> read_base(const SealedFile& file) {
  if (!file.has_attribute("/", "base_coframe")) return {};
  const auto base = read_numbers<geometry::dim * geometry::dim>(file, "base_coframe");
  const double det = Eigen::Map<const geometry::Matrix7>(base.data()).determinant();
  if (!std::isfinite(det) || det == 0.0)
    fail(file, "attribute base_coframe",
         fmt::format("has determinant {:g}; an invertible matrix is needed", det));
  return {base.begin(), base.end()};
}

ModelSpec read_model(const SealedFile& file) {
  ModelSpec m;
  m.manifold = file.string_attribute("/", "manifold");
  m.radii = read_radii(file);
  m.interval = read_interval(file);
  m.ansatz = file.string_attribute("/", "ansatz");
  m.metric_map = file.string_attribute("/", "metric_map");
  m.impose_det = flag(file, "impose_det");
  m.condition_bound = read_condition_bound(file);
  m.base = read_base(file);
  m.network = read_shape(file);
  return m;
}

void read_header(const SealedFile& file) {
  const std::string format =
      file.has_attribute("/", "format") ? file.string_attribute("/", "format") : "absent";
  if (format != "k7-checkpoint")
    fail(file, "attribute format", "is " + k7::quoted(format) + "; 'k7-checkpoint' is needed");
  const double version = file.number_attribute("/", "version");
  if (version != 1.0)
    fail(file, "attribute version", fmt::format("is {:g}; this program reads version 1", version));
}

/// All numbers of a dataset, which must be finite.
std::vector<double> read_finite(const SealedFile& file, const std::string& dataset) {
  file.take_room(dataset);
  auto values = file.read(dataset);
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    fail(file, dataset, "holds a number that is not finite");
  return values;
}

std::vector<double> read_parameters(const SealedFile& file, const std::string& group,
                                    const NetworkShape& shape) {
  std::vector<double> flat;  // grows with what is there, not with what a damaged file promises
  for (const auto& slot : parameter_slots(shape)) {
    const std::string name = group + "/" + slot.name;
    const auto found = file.shape(name);
    if (found != Hdf5File::Shape(slot.shape.begin(), slot.shape.end()))
      fail(file, name,
           "its shape does not fit the network " + shortened(shape.text()) + "; the file is damaged");
    const auto values = read_finite(file, name);
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

/// Squares of gradients; Adam takes their root.
std::vector<double> read_squares(const SealedFile& file, const std::string& group,
                                 const NetworkShape& shape) {
  auto squares = read_parameters(file, group, shape);
  if (!std::all_of(squares.begin(), squares.end(), [](double v) { return v >= 0.0; }))
    fail(file, group, "holds a negative number; these are means of squares");
  return squares;
}

void write_arrays(Hdf5File& file, const std::map<std::string, Array>& arrays) {
  for (const auto& [name, array] : arrays) file.write("/optimizer/" + name, array.shape, array.values.data());
}

/// All datasets of /optimizer; groups there are parameters by layer.
std::map<std::string, Array> read_arrays(const SealedFile& file) {
  std::map<std::string, Array> arrays;
  for (const std::string& name : file.list("/optimizer"))
    if (name != "exp_avg" && name != "exp_avg_sq") {
      const std::string dataset = "/optimizer/" + name;
      arrays[name] = {file.shape(dataset), read_finite(file, dataset)};
    }
  return arrays;
}

/// What L-BFGS remembers are two lists of vectors of parameters, one as long as the other.
void check_lbfgs(const SealedFile& file, const std::map<std::string, Array>& arrays,
                 std::int64_t n_parameters) {
  const auto steps = arrays.find(lbfgs_steps);
  const auto changes = arrays.find(lbfgs_changes);
  if (steps == arrays.end() && changes == arrays.end()) return;
  const auto name = [](const char* array) { return std::string("/optimizer/") + array; };
  if (steps == arrays.end() || changes == arrays.end())
    fail(file, name(steps == arrays.end() ? lbfgs_steps : lbfgs_changes),
         "is missing, but its partner is there");
  const auto& shape = steps->second.shape;
  if (shape.size() != 2 || shape[1] != static_cast<std::uint64_t>(n_parameters))
    fail(file, name(lbfgs_steps),
         fmt::format("has shape {}; (M, {}) is needed", io::shape_text(shape), n_parameters));
  if (changes->second.shape != shape)
    fail(file, name(lbfgs_changes),
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
History read_history(const SealedFile& file, int epochs) {
  History history;
  history.columns = file.list("/history");
  if (history.columns.empty() && epochs > 0)
    fail(file, "/history", fmt::format("is empty; {} epochs are needed", epochs));
  const Hdf5File::Shape needed{static_cast<std::uint64_t>(epochs)};
  // Before any memory is taken on the word of a file that may be damaged.
  for (const std::string& column : history.columns) {
    const std::string name = "/history/" + column;
    const auto shape = file.shape(name);
    if (shape != needed)
      fail(file, name, fmt::format("has {} rows; {} are needed", shape.empty() ? 0 : shape[0], epochs));
    file.take_room(name);
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

namespace {

Schedule::State read_schedule(const SealedFile& file) {
  Schedule::State state;
  state.factor = number_in(file, "/schedule", "factor", std::numeric_limits<double>::min(), 1.0,
                           "a number above 0, at most 1");
  state.best = loss_so_far(file, "/schedule", "best");
  state.bad_epochs = int_in(file, "/schedule", "bad_epochs", 0);
  state.rollbacks = int_in(file, "/schedule", "rollbacks", 0);
  return state;
}

/// Opens a file whose checksum is right. Where there is none, what else the file is tells more.
SealedFile open_sealed(const std::string& path) {
  const std::string defect = io::seal_defect(path);
  if (!defect.empty() && io::has_seal(path)) throw InputError(path + ": " + defect);
  SealedFile file(path);
  read_header(file);
  if (!defect.empty()) throw InputError(path + ": " + defect);
  return file;
}

}  // namespace

Checkpoint read_checkpoint(const std::string& path) {
  const SealedFile file = open_sealed(path);
  Checkpoint c;
  c.model = read_model(file);
  const NetworkShape& network = c.model.network;
  c.seed = read_seed(file);
  c.batch_size = whole_in(file, "/", "batch_size", 1, most_whole);
  c.images = flag(file, "images");
  c.epoch = int_in(file, "/", "epoch", 0);
  c.seconds = number_in(file, "/", "seconds", 0.0, std::numeric_limits<double>::max(), "a time, 0 or more,");
  c.best_loss = loss_so_far(file, "/", "best_loss");
  c.best_epoch = int_in(file, "/", "best_epoch", -1);
  c.epochs_without_best = int_in(file, "/", "epochs_without_best", 0);
  c.history = read_history(file, c.epoch);
  c.parameters = read_parameters(file, "/model", network);
  c.exp_avg = read_parameters(file, "/optimizer/exp_avg", network);
  c.exp_avg_sq = read_squares(file, "/optimizer/exp_avg_sq", network);
  c.best_parameters = read_parameters(file, "/best", network);
  c.optimizer_steps = whole_in(file, "/optimizer", "step", 0, most_whole);
  c.optimizer_arrays = read_arrays(file);
  check_lbfgs(file, c.optimizer_arrays, network.n_parameters());
  c.schedule = read_schedule(file);
  return c;
}

}  // namespace k7::pinn
