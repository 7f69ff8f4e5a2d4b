// SPDX-License-Identifier: Apache-2.0
// k7._model: what needs LibTorch. It is loaded when it is first wanted.
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/memory.hpp"
#include "io/json_file.hpp"
#include "k7/g2/torsion_fields.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/model/model.hpp"
#include "k7/model/sample_to_file.hpp"
#include "k7/model/threads.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/train/train.hpp"
#include "python/calls.hpp"
#include "python/train_arguments.hpp"

namespace k7::python {
namespace {

using geometry::dim;
using geometry::n_phi;
using model::Model;

int use_tensor_threads(int wanted, const parallel::Communicator& comm) {
  const int threads = use_threads(wanted, comm);
  model::use_threads(threads);
  return threads;
}

std::unique_ptr<Model> open_model(const std::string& path, const std::string& device, int threads,
                                  CommAddress address) {
  const parallel::Communicator comm(comm_at(address));
  const auto where = choice<DeviceChoice>("device", device);
  use_tensor_threads(threads, comm);
  return std::make_unique<Model>(path, comm, where);
}

/// @throws InputError naming the first row that is no point of the model's manifold
std::vector<double> points_of(const Model& model, const Rows& points) {
  for (py::ssize_t row = 0; row < points.shape(0); ++row) {
    const std::string defect = io::point_defect(model.manifold(), points.data(row, 0));
    if (!defect.empty()) throw InputError("points row " + std::to_string(row) + ": " + defect);
  }
  return vector_of(points);
}

/// Model::evaluate or Model::jet: phi at the points, and a second array (n, 7, width).
using TwoFields = void (Model::*)(const std::vector<double>&, std::vector<double>&,
                                  std::vector<double>&) const;

std::pair<Rows, Rows> two_fields(const Model& model, const Rows& given, TwoFields call, py::ssize_t width) {
  const auto points = points_of(model, given);
  std::vector<double> phi;
  std::vector<double> second;
  {
    const py::gil_scoped_release others;
    (model.*call)(points, phi, second);
  }
  return {array_of(phi, {given.shape(0), n_phi}), array_of(second, {given.shape(0), dim, width})};
}

std::pair<Rows, Rows> evaluate(const Model& model, const Rows& given) {
  return two_fields(model, given, &Model::evaluate, dim);
}

std::pair<Rows, Rows> jet(const Model& model, const Rows& given) {
  return two_fields(model, given, &Model::jet, n_phi);
}

py::dict dict_of(const std::vector<g2::PointField>& fields, py::ssize_t n) {
  py::dict result;
  for (const auto& field : fields) {
    std::vector<py::ssize_t> shape{n};
    if (field.rank == 1) shape.push_back(field.width);
    if (field.rank == 2) shape.insert(shape.end(), {dim, dim});
    result[field.name.c_str()] = array_of(field.values, shape);
  }
  return result;
}

py::dict torsion_of_model(const Model& model, const Rows& given) {
  const auto points = points_of(model, given);
  std::vector<g2::PointField> fields;
  {
    const py::gil_scoped_release others;
    fields = model.torsion(points);
  }
  return dict_of(fields, given.shape(0));
}

py::dict torsion_of_fields(const Rows& phi, const Rows& derivatives, const Rows& constants) {
  geometry::Structure structure{};
  std::copy_n(constants.data(), structure.size(), structure.begin());
  std::vector<g2::PointField> fields;
  const auto values = vector_of(phi);
  const auto slopes = vector_of(derivatives);
  {
    const py::gil_scoped_release others;
    fields = g2::torsion_fields(values, slopes, structure);
  }
  return dict_of(fields, phi.shape(0));
}

/// This rank's rows of what k7_sample writes.
py::dict samples_of(const Model& model, GlobalIndex n, std::uint64_t seed, CommAddress address,
                    const py::object& listener) {
  const parallel::Communicator comm(comm_at(address));
  const auto rows = parallel::even_rows(n, comm.rank(), comm.size());
  PythonObserver observer(listener);
  io::SampleBlock block;
  run(comm, observer, [&] {
    parallel::agree(comm, [&] {
      block = model::sample(model, {n, seed, "samples"}, rows.begin, rows.count());
    });
  });
  py::dict result;
  const auto count = rows.count();
  result["coords"] = array_of(block.coords, {count, dim});
  // A manifold whose points are its coordinates has them once.
  const auto& points = block.points.empty() ? block.coords : block.points;
  result["points"] = array_of(points, {count, model.manifold().point_size()});
  result["metric"] = array_of(block.metric, {count, dim, dim});
  result["phi"] = array_of(block.phi, {count, n_phi});
  if (!block.weight.empty()) result["weight"] = array_of(block.weight, {count});
  return result;
}

std::string report(const Model& model, GlobalIndex n, std::uint64_t seed, CommAddress address,
                   const py::object& listener) {
  const parallel::Communicator comm(comm_at(address));
  PythonObserver observer(listener);
  io::Json json;
  run(comm, observer, [&] { json = model.report(n, seed, comm); });
  return json.dump();
}

py::dict train_model(const py::dict& given, int threads, CommAddress address, const py::object& listener) {
  const parallel::Communicator comm(comm_at(address));
  train::TrainOptions options;
  parallel::agree(comm, [&] { options = train_options(given); });
  const io::Json record = record_of(options);
  for (const auto& [name, value] : record.items())
    options.record.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  threads = use_tensor_threads(threads, comm);
  keep_freed_memory();
  PythonObserver observer(listener);
  train::TrainResult result;
  run(comm, observer, [&] {
    result = train::train(options, comm, observer);
    train::write_results(options, result, "k7.train", threads, record, comm);
  });
  py::dict summary;
  summary["stop"] = name_of(result.stop);
  summary["epochs"] = result.epochs;
  summary["best_loss"] = result.best_loss;
  summary["seconds"] = result.seconds;
  summary["device"] = result.device;
  summary["out"] = options.out;
  summary["training"] = result.training->dump();
  return summary;
}

void declare_model(py::module_& m) {
  py::class_<Model>(m, "Model")
      .def(py::init(&open_model))
      .def_property_readonly("path", &Model::path)
      .def_property_readonly("device", &Model::device)
      .def_property_readonly("manifold", [](const Model& model) { return model.spec().manifold; })
      .def_property_readonly("interval", [](const Model& model) { return model.spec().interval; })
      .def_property_readonly("architecture", [](const Model& model) { return model.spec().network.text(); })
      .def_property_readonly("n_parameters",
                             [](const Model& model) { return model.spec().network.n_parameters(); })
      .def("structure",
           [](const Model& model) {
             const auto c = model.structure();
             return array_of({c.begin(), c.end()}, {dim, dim, dim});
           })
      .def("evaluate", &evaluate)
      .def("jet", &jet)
      .def("torsion", &torsion_of_model)
      .def("sample", &samples_of)
      .def("report", &report);
}

}  // namespace

PYBIND11_MODULE(_model, m) {
  translate_errors();
  declare_model(m);
  m.def("torsion_of_fields", &torsion_of_fields);
  m.def("train", &train_model);
  m.def("train_options", &train_option_names);
}

}  // namespace k7::python
