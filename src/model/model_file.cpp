// SPDX-License-Identifier: Apache-2.0
#include "model/model_file.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <cmath>
#include <limits>

#include "k7/geometry/metric.hpp"
#include "model/network.hpp"

namespace k7::model {
namespace {

using io::Hdf5File;
using io::SealedReader;

NetworkShape read_shape(const SealedReader& file) {
  constexpr int widest = 1000000;
  NetworkShape shape;
  shape.inputs = file.integer("/", "inputs", 1, widest);
  shape.outputs = file.integer("/", "outputs", 1, widest);
  shape.activation = file.choice<Activation>("/", "activation");
  shape.hidden.clear();
  for (const double width : file.numbers_attribute("/", "hidden")) {
    if (!(width >= 1.0 && width <= widest) || width != std::floor(width))
      file.fail("attribute hidden", fmt::format("holds {:g}; widths of layers are needed", width));
    shape.hidden.push_back(static_cast<int>(width));
  }
  return shape;
}

std::array<double, 3> read_radii(const SealedReader& file) {
  const auto radii = file.numbers<3>("/", "radii");
  for (const double r : radii)
    if (!(r > 0.0 && std::isfinite(r)))
      file.fail("attribute radii", fmt::format("holds {:g}; positive radii are needed", r));
  return radii;
}

std::array<double, 2> read_interval(const SealedReader& file) {
  const auto ends = file.numbers<2>("/", "interval");
  if (!(ends[0] > 0.0 && ends[0] < ends[1] && std::isfinite(ends[1])))
    file.fail("attribute interval",
              fmt::format("is {:g}, {:g}; two positive numbers are needed, the smaller one first", ends[0],
                          ends[1]));
  return ends;
}

double read_condition_bound(const SealedReader& file) {
  constexpr const char* needed = "0, or a number from 1 on";
  const double bound = file.number("/", "condition_bound", 0.0, std::numeric_limits<double>::max(), needed);
  if (bound > 0.0 && bound < 1.0)
    file.fail("attribute condition_bound", fmt::format("is {:g}; {} is needed", bound, needed));
  return bound;
}

std::vector<double> read_base(const SealedReader& file) {
  if (!file.has_attribute("/", "base_coframe")) return {};
  const auto base = file.numbers<geometry::dim * geometry::dim>("/", "base_coframe");
  const double det = Eigen::Map<const geometry::Matrix7>(base.data()).determinant();
  if (!std::isfinite(det) || det == 0.0)
    file.fail("attribute base_coframe",
              fmt::format("has determinant {:g}; an invertible matrix is needed", det));
  return {base.begin(), base.end()};
}

}  // namespace

void write_spec(Hdf5File& file, const ModelSpec& m) {
  file.set_attribute("/", "manifold", m.manifold);
  file.set_attribute("/", "radii", std::vector<double>(m.radii.begin(), m.radii.end()));
  file.set_attribute("/", "interval", std::vector<double>(m.interval.begin(), m.interval.end()));
  file.set_attribute("/", "ansatz", name_of(m.ansatz));
  file.set_attribute("/", "metric_map", name_of(m.metric_map));
  file.set_attribute("/", "impose_det", static_cast<std::int64_t>(m.impose_det));
  file.set_attribute("/", "condition_bound", m.condition_bound);
  if (!m.base.empty()) file.set_attribute("/", "base_coframe", m.base);
  file.set_attribute("/", "activation", name_of(m.network.activation));
  file.set_attribute("/", "inputs", static_cast<std::int64_t>(m.network.inputs));
  file.set_attribute("/", "outputs", static_cast<std::int64_t>(m.network.outputs));
  file.set_attribute("/", "hidden", std::vector<double>(m.network.hidden.begin(), m.network.hidden.end()));
}

ModelSpec read_spec(const SealedReader& file) {
  ModelSpec m;
  m.manifold = file.string_attribute("/", "manifold");
  m.radii = read_radii(file);
  m.interval = read_interval(file);
  m.ansatz = file.choice<Ansatz>("/", "ansatz");
  m.metric_map = file.choice<MetricMap>("/", "metric_map");
  m.impose_det = file.flag("/", "impose_det");
  m.condition_bound = read_condition_bound(file);
  m.base = read_base(file);
  m.network = read_shape(file);
  return m;
}

void write_parameters(Hdf5File& file, const std::string& group, const NetworkShape& shape,
                      const std::vector<double>& flat) {
  for (const auto& slot : parameter_slots(shape))
    file.write(group + "/" + slot.name, Hdf5File::Shape(slot.shape.begin(), slot.shape.end()),
               flat.data() + slot.offset);
}

std::vector<double> read_parameters(const SealedReader& file, const std::string& group,
                                    const NetworkShape& shape) {
  std::vector<double> flat;  // grows with what is there, not with what a damaged file promises
  for (const auto& slot : parameter_slots(shape)) {
    const std::string name = group + "/" + slot.name;
    const auto found = file.shape(name);
    if (found != Hdf5File::Shape(slot.shape.begin(), slot.shape.end()))
      file.fail(name,
                "its shape does not fit the network " + shortened(shape.text()) + "; the file is damaged");
    const auto values = file.read_finite(name);
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

StoredModel read_model(const std::string& path) {
  const SealedReader file(path, checkpoint_format, checkpoint_version);
  StoredModel stored;
  stored.spec = read_spec(file);
  stored.parameters = read_parameters(file, "/model", stored.spec.network);
  return stored;
}

}  // namespace k7::model
