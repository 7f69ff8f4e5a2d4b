// SPDX-License-Identifier: Apache-2.0
// k7._spectral: manifolds and spectra. It has no LibTorch in it, so that `import k7` is quick.
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/blas.hpp"
#include "io/json_file.hpp"
#include "k7/base/build_info.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/parallel/environment.hpp"
#include "k7/spectral/compute_spectrum.hpp"
#include "k7/spectral/session.hpp"
#include "python/calls.hpp"
#include "spectral/output.hpp"

namespace k7::python {
namespace {

using spectral::SpectrumOptions;
using spectral::SpectrumReport;

/// MPI, PETSc and SLEPc, from the first call that needs them to the end of Python. Each process has a session of PETSc of
/// its own, so that it may compute alone or with any others.
struct Process {
  parallel::Environment environment;
  parallel::Communicator self{MPI_COMM_SELF};
  spectral::Session session{self, "k7", {}};
};
std::unique_ptr<Process> process;

void start() {
  if (!process) process = std::make_unique<Process>();
}

void finish() {
  int is_ended = 0;
  MPI_Finalized(&is_ended);
  if (is_ended != 0)
    static_cast<void>(process.release());  // whoever ended MPI came first, and nothing can be freed any more
  else
    process.reset();
}

std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  return {text, static_cast<std::size_t>(length)};
}

/// Makes a refusal of one rank's arguments that of all. @param defect what is wrong with them; empty: nothing
void agree_on_arguments(CommAddress address, const std::string& defect) {
  const parallel::Communicator comm(comm_at(address));
  parallel::agree(comm, [&] {
    if (!defect.empty()) throw InputError(defect);
  });
}

std::unique_ptr<geometry::Manifold> make_manifold(const std::string& name,
                                                  const std::optional<geometry::Periods>& periods,
                                                  const std::array<double, 3>& radii,
                                                  const std::array<double, 2>& interval) {
  return geometry::make_manifold(name, {periods, radii, interval});
}

/// This rank's rows of n points, and their seven coordinates.
std::pair<Rows, Rows> sample(const geometry::Manifold& manifold, GlobalIndex n, std::uint64_t seed,
                             CommAddress address) {
  const parallel::Communicator comm(comm_at(address));
  const auto rows = parallel::even_rows(n, comm.rank(), comm.size());
  Rows points({rows.count(), GlobalIndex{manifold.point_size()}});
  Rows coords({rows.count(), GlobalIndex{geometry::dim}});
  const geometry::DrawKey key{seed, geometry::Stream::samples, 0};
  for (GlobalIndex i = 0; i < rows.count(); ++i)
    manifold.sample(key, static_cast<std::uint64_t>(rows.begin + i), points.mutable_data(i, 0),
                    coords.mutable_data(i, 0));
  return {points, coords};
}

/// Writes a sample file of all ranks' rows. Empty arrays stand for what it does not have.
void write_samples(const std::string& path, const geometry::Manifold& manifold, const Rows& coords,
                   const Rows& points, const Rows& metric, const Rows& phi, const Rows& weight,
                   CommAddress address, const py::object& listener) {
  const parallel::Communicator comm(comm_at(address));
  const bool has_points = manifold.point_size() != geometry::dim;
  const io::SampleBlock block{vector_of(coords), has_points ? vector_of(points) : std::vector<double>{},
                              vector_of(metric), vector_of(phi), vector_of(weight)};
  const GlobalIndex count = coords.shape(0);
  PythonObserver observer(listener);
  run(comm, observer, [&] {
    const GlobalIndex begin = comm.exclusive_scan(count);
    const auto is_somewhere = [&](const std::vector<double>& values) {
      return comm.max(static_cast<GlobalIndex>(values.size())) > 0;
    };
    const io::SampleWriter::Contents contents{comm.sum(count), has_points, is_somewhere(block.phi),
                                              is_somewhere(block.weight)};
    io::SampleWriter writer(path, comm, manifold, contents);
    parallel::agree(comm, [&] { writer.write(begin, block); });
    writer.commit();
  });
}

// ---- Spectra ----

py::list multiplets_of(const spectral::SpectrumLimit& limit) {
  py::list result;
  for (const auto& m : limit.multiplets)
    result.append(py::make_tuple(m.first, m.count, m.raw, m.limit, m.error, name_of(m.source)));
  return result;
}

/// The options by their names on the command line of k7_spectral.
io::Json record_of(const py::dict& given, int threads) {
  io::Json record = io::Json::object();
  for (const auto& [key, value] : given) {
    auto name = key.cast<std::string>();
    std::replace(name.begin(), name.end(), '_', '-');
    record[name] = py::isinstance<py::bool_>(value) ? io::Json(value.cast<bool>())
                                                    : io::Json(py::str(value).cast<std::string>());
  }
  record["threads"] = std::to_string(threads);
  return record;
}

/// What _spectra.py makes a Spectrum of.
py::dict result_of(const SpectrumReport& report, const py::dict& given, int threads,
                   const parallel::Communicator& comm) {
  py::dict result;
  const auto& values = report.pairs.values;
  const auto n = std::min(values.size(), report.limit.values.size());
  const auto size = static_cast<py::ssize_t>(n);
  result["raw"] = array_of(values, {static_cast<py::ssize_t>(values.size())});
  result["limits"] = array_of({report.limit.values.begin(), report.limit.values.begin() + size}, {size});
  result["errors"] = array_of({report.limit.errors.begin(), report.limit.errors.begin() + size}, {size});
  result["residuals"] =
      array_of(report.pairs.residuals, {static_cast<py::ssize_t>(report.pairs.residuals.size())});
  result["multiplets"] = multiplets_of(report.limit);
  result["converged"] = report.pairs.converged;
  result["tree"] =
      spectral::results_json(report, "k7.spectrum", threads, record_of(given, threads), comm).dump();
  result["table"] = spectral::spectrum_table(report);
  return result;
}

/// Options with the names that k7_spectral has for them.
SpectrumOptions options_of(const py::dict& given) {
  SpectrumOptions o;
  o.method = choice<spectral::Method>("method", given["method"].cast<std::string>());
  o.density = choice<spectral::Density>("density", given["density"].cast<std::string>());
  o.device = choice<DeviceChoice>("device", given["device"].cast<std::string>());
  o.neighbors = given["neighbors"].cast<int>();
  o.eigenvalues = given["eigenvalues"].cast<int>();
  o.accuracy = given["accuracy"].cast<double>();
  o.seed = given["seed"].cast<std::uint64_t>();
  o.threads = given["threads"].cast<int>();
  o.keep_outliers = given["keep_outliers"].cast<bool>();
  o.keep_functions = given["functions"].cast<bool>();
  if (!given["extrapolate"].is_none())
    o.limits = given["extrapolate"].cast<bool>() ? spectral::Limits::wanted : spectral::Limits::none;
  return o;
}

spectral::Prediction prediction_of(const py::dict& given) {
  return {given["h_star"].cast<double>(), given["lambda1_target"].cast<double>()};
}

/// The same number of every point's rows is there, see _spectra.py.
py::dict spectrum_of_points(const Rows& points, const Rows& metric, const std::optional<Rows>& weight,
                            const geometry::Manifold& manifold, bool says_periods, const py::dict& given,
                            CommAddress address, const py::object& listener) {
  const parallel::Communicator comm(comm_at(address));
  SpectrumOptions options;
  parallel::agree(comm, [&] { options = options_of(given); });
  options.threads = use_threads(options.threads, comm);
  const spectral::PointRows rows{points.shape(0), points.data(), metric.data(), metric.ndim() == 2,
                                 weight ? weight->data() : nullptr};
  PythonObserver observer(listener);
  SpectrumReport report;
  std::vector<double> functions;
  run(comm, observer, [&] {
    auto cloud = spectral::cloud_of(rows, manifold, says_periods, comm, observer);
    report = spectral::compute_spectrum(std::move(cloud), manifold, options, comm, observer);
    const GlobalIndex begin = comm.exclusive_scan(rows.count);
    if (!report.pairs.functions.empty() || !report.ids.empty())
      functions = spectral::functions_at(report, {begin, begin + rows.count}, comm);
  });
  report.prediction = prediction_of(given);
  py::dict result = result_of(report, given, options.threads, comm);
  if (!functions.empty())
    result["functions"] =
        array_of(functions, {rows.count, static_cast<py::ssize_t>(report.pairs.values.size())});
  return result;
}

/// @param metric from points (n, point_size) to their metrics (n, 7, 7)
py::dict spectrum_of_metric(const py::function& metric, const geometry::Manifold& manifold,
                            const py::dict& given, CommAddress address, const py::object& listener) {
  const parallel::Communicator comm(comm_at(address));
  SpectrumOptions options;
  parallel::agree(comm, [&] { options = options_of(given); });
  options.threads = use_threads(options.threads, comm);
  options.source = "metric";
  PythonObserver observer(listener);
  const auto metrics_at = [&](const std::vector<double>& points) {
    std::vector<double> metrics;
    const py::ssize_t point_size = manifold.point_size();
    const auto n = static_cast<py::ssize_t>(points.size()) / point_size;
    const bool is_good = observer.guard([&] {
      metrics = vector_of(metric(array_of(points, {n, point_size})).cast<Rows>());
    });
    if (!is_good) throw InputError("metric: " + observer.failure_text());
    return metrics;
  };
  SpectrumReport report;
  run(comm, observer,
      [&] { report = spectral::compute_spectrum(metrics_at, manifold, options, comm, observer); });
  report.prediction = prediction_of(given);
  return result_of(report, given, options.threads, comm);
}

void declare_manifold(py::module_& m) {
  py::class_<geometry::Manifold>(m, "Manifold")
      .def(py::init(&make_manifold), py::arg("name"), py::arg("periods"), py::arg("radii"),
           py::arg("interval"))
      .def_property_readonly("name", &geometry::Manifold::name)
      .def_property_readonly("frame", &geometry::Manifold::frame)
      .def_property_readonly("point_size", &geometry::Manifold::point_size)
      .def_property_readonly("periods", &geometry::Manifold::periods)
      .def_property_readonly("frame_volume", &geometry::Manifold::frame_volume)
      .def("structure",
           [](const geometry::Manifold& manifold) {
             const auto c = manifold.structure();
             return array_of({c.begin(), c.end()}, {geometry::dim, geometry::dim, geometry::dim});
           })
      .def("reference_spectrum",
           [](const geometry::Manifold& manifold, const Rows& metric, int count) {
             const geometry::Matrix7 g = Eigen::Map<const geometry::Matrix7>(metric.data());
             const auto values = manifold.reference_spectrum(g, count);
             return array_of(values, {static_cast<py::ssize_t>(values.size())});
           })
      .def("sample", &sample);
}

}  // namespace

PYBIND11_MODULE(_spectral, m) {
  translate_errors();
  m.def("start", &start);
  m.def("finish", &finish);
  m.def("mpi_library", &mpi_library);
  m.def("agree", &agree_on_arguments);
  m.def("comm_rank", [](CommAddress address) { return parallel::Communicator(comm_at(address)).rank(); });
  m.def("better_blas_core", &better_blas_core);
  m.def("write_results", [](const std::string& path, const std::string& tree) {
    io::write_results(path, io::Json::parse(tree));
  });
  declare_manifold(m);
  m.def("write_samples", &write_samples);
  m.def("spectrum_of_points", &spectrum_of_points);
  m.def("spectrum_of_metric", &spectrum_of_metric);
  m.attr("torch_folder") = K7_TORCH_FOLDER;
  m.attr("__version__") = build_info().version;
}

}  // namespace k7::python
