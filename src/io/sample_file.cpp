// SPDX-License-Identifier: Apache-2.0
#include "k7/io/sample_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/quote.hpp"
#include "io/hdf5_reader.hpp"
#include "io/shared_hdf5.hpp"
#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::io {
namespace {

using geometry::dim;

[[noreturn]] void fail(const Hdf5Reader& file, const std::string& item, const std::string& what) {
  throw InputError(file.path() + ": " + item + ": " + what);
}

[[noreturn]] void fail_row(const Hdf5Reader& file, const std::string& item, GlobalIndex row,
                           const std::string& what) {
  throw InputError(file.path() + ": " + item + " row " + std::to_string(row) + ": " + what);
}

void require_shape(const Hdf5Reader& file, const std::string& dataset, const Hdf5File::Shape& wanted) {
  if (!file.has(dataset)) fail(file, dataset, "is missing; shape " + shape_text(wanted) + " is needed");
  const auto found = file.shape(dataset);
  if (found != wanted)
    fail(file, dataset, "has shape " + shape_text(found) + "; " + shape_text(wanted) + " is needed");
  file.require_data(dataset);
}

geometry::Periods read_periods(const Hdf5Reader& file) {
  const auto values = file.numbers_attribute("/", "periods");
  if (values.size() != dim)
    fail(file, "attribute periods", "has " + std::to_string(values.size()) + " numbers; 7 are needed");
  geometry::Periods periods{};
  std::copy(values.begin(), values.end(), periods.begin());
  return periods;
}

/// Rows per block when validating and writing: a few MiB of metrics.
constexpr GlobalIndex chunk_rows = 8192;

/// Bytes of a sample file; more than any disk has where they cannot be counted.
std::uint64_t bytes_of(const SampleWriter::Contents& contents, const geometry::Manifold& manifold) {
  const int points = contents.points ? manifold.point_size() : 0;
  const std::uint64_t row = dim + dim * dim + static_cast<std::uint64_t>(points) +
                            (contents.phi ? geometry::n_phi : 0) + (contents.weight ? 1 : 0);
  const auto n = static_cast<std::uint64_t>(contents.n_points);
  constexpr std::uint64_t most = std::uint64_t{1} << 62;
  return n > most / (row * sizeof(double)) ? most : n * row * sizeof(double);
}

}  // namespace

std::string point_defect(const geometry::Manifold& manifold, const double* point) {
  for (int i = 0; i < manifold.point_size(); ++i)
    if (!std::isfinite(point[i]))
      return "entry " + std::to_string(i) + " is " + (std::isnan(point[i]) ? "NaN" : "infinite") +
             "; finite numbers are needed";
  return manifold.point_defect(point);
}

std::string weight_defect(double weight) {
  if (weight > 0.0 && std::isfinite(weight)) return {};
  return "is " + short_number(weight) + "; a positive finite sampling density is needed";
}

SampleReader::SampleReader(const std::string& path, const parallel::Communicator& comm)
    : file_(std::make_unique<Hdf5Reader>(open_on_all_ranks(path, comm))) {
  parallel::agree(comm, [&] {
    read_attributes();
    check_shapes();
  });
}

SampleReader::~SampleReader() = default;

const std::string& SampleReader::path() const {
  return file_->path();
}

void SampleReader::read_attributes() {
  if (file_->has_attribute("/", "format")) {
    const std::string format = file_->string_attribute("/", "format");
    if (format != "k7-samples")
      fail(*file_, "attribute format", "is " + k7::quoted(format) + "; 'k7-samples' is needed");
  }
  if (file_->has_attribute("/", "version")) {
    const double version = file_->number_attribute("/", "version");
    if (version != 1.0)
      fail(*file_, "attribute version", "is " + short_number(version) + "; this program reads version 1");
  }
  const bool has_manifold = file_->has_attribute("/", "manifold");
  const bool has_periods = file_->has_attribute("/", "periods");
  const std::string name = has_manifold ? file_->string_attribute("/", "manifold") : "euclidean";
  says_periods_ = has_periods || name != "euclidean";
  geometry::ManifoldParameters parameters;
  if (has_periods) parameters.periods = read_periods(*file_);
  try {
    manifold_ = geometry::make_manifold(name, parameters);
  } catch (const InputError& e) {
    fail(*file_, "attributes manifold, periods", e.what());
  }
  if (file_->has_attribute("/", "frame")) {
    const std::string frame = file_->string_attribute("/", "frame");
    if (frame != manifold_->frame())
      fail(*file_, "attribute frame",
           "is " + k7::quoted(frame) + "; manifold " + name + " needs '" + manifold_->frame() + "'");
  }
}

void SampleReader::check_shapes() {
  if (!file_->has("/coords")) fail(*file_, "/coords", "is missing; shape (N, 7) is needed");
  const auto coords = file_->shape("/coords");
  if (coords.size() != 2 || coords[1] != dim)
    fail(*file_, "/coords", "has shape " + shape_text(coords) + "; (N, 7) is needed");
  if (coords[0] == 0) fail(*file_, "/coords", "has no rows; at least 2 points are needed");
  file_->require_data("/coords");
  n_points_ = static_cast<GlobalIndex>(coords[0]);
  require_shape(*file_, "/metric", {coords[0], dim, dim});
  point_dataset_ = "/coords";
  if (manifold_->point_size() != dim) {
    point_dataset_ = "/points";
    require_shape(*file_, point_dataset_, {coords[0], static_cast<std::uint64_t>(manifold_->point_size())});
  }
  has_weights_ = file_->has("/weight");
  if (has_weights_) require_shape(*file_, "/weight", {coords[0]});
  // A read of no rows checks the types.
  double none = 0.0;
  for (const auto* dataset : {"/coords", "/metric", point_dataset_.c_str()})
    file_->read_rows(dataset, 0, 0, &none);
  if (has_weights_) file_->read_rows("/weight", 0, 0, &none);
}

void SampleReader::read_weights(GlobalIndex begin, GlobalIndex count, double* weights) const {
  file_->read_rows("/weight", begin, count, weights);
  for (GlobalIndex row = 0; row < count; ++row) {
    const std::string defect = weight_defect(weights[row]);
    if (!defect.empty()) fail_row(*file_, "/weight", begin + row, defect);
  }
}

void SampleReader::read(GlobalIndex begin, GlobalIndex count, double* points, double* metrics) const {
  const int point_size = manifold_->point_size();
  file_->read_rows(point_dataset_, begin, count, points);
  for (GlobalIndex row = 0; row < count; ++row) {
    const std::string defect = point_defect(*manifold_, points + row * point_size);
    if (!defect.empty()) fail_row(*file_, point_dataset_, begin + row, defect);
  }
  std::vector<double> full(static_cast<std::size_t>(std::min(count, chunk_rows)) * dim * dim);
  for (GlobalIndex first = 0; first < count; first += chunk_rows) {
    const GlobalIndex n = std::min(chunk_rows, count - first);
    file_->read_rows("/metric", begin + first, n, full.data());
    for (GlobalIndex row = 0; row < n; ++row) {
      const double* g = full.data() + row * dim * dim;
      const std::string defect = geometry::metric_defect(g);
      if (!defect.empty()) fail_row(*file_, "/metric", begin + first + row, defect);
      const auto packed = geometry::pack(g);
      std::copy(packed.begin(), packed.end(), metrics + (first + row) * geometry::n_sym);
    }
  }
}

SampleWriter::SampleWriter(const std::string& path, const parallel::Communicator& comm,
                           const geometry::Manifold& manifold, const Contents& contents)
    : output_(std::make_unique<SharedHdf5Output>(path, comm, bytes_of(contents, manifold))) {
  parallel::agree(comm, [&] {
    Hdf5File& file = output_->file();
    const auto n = static_cast<std::uint64_t>(contents.n_points);
    file.set_attribute("/", "format", std::string("k7-samples"));
    file.set_attribute("/", "version", std::int64_t{1});
    file.set_attribute("/", "manifold", manifold.name());
    file.set_attribute("/", "frame", manifold.frame());
    const auto periods = manifold.periods();
    file.set_attribute("/", "periods", std::vector<double>(periods.begin(), periods.end()));
    constexpr auto f64 = Hdf5File::Type::float64;
    file.create_dataset("/coords", {n, dim}, f64, chunk_rows);
    file.create_dataset("/metric", {n, dim, dim}, f64, chunk_rows);
    const auto point_size = static_cast<std::uint64_t>(manifold.point_size());
    if (contents.points) file.create_dataset("/points", {n, point_size}, f64, chunk_rows);
    if (contents.phi) file.create_dataset("/phi", {n, geometry::n_phi}, f64, chunk_rows);
    if (contents.weight) file.create_dataset("/weight", {n}, f64, chunk_rows);
  });
}

void SampleWriter::write(GlobalIndex begin, const SampleBlock& block) {
  const std::uint64_t n = block.coords.size() / dim;
  const auto put = [&](const char* dataset, const std::vector<double>& values) {
    if (!values.empty())
      output_->file().write_rows(dataset, static_cast<std::uint64_t>(begin), n, values.data());
  };
  put("/coords", block.coords);
  put("/points", block.points);
  put("/metric", block.metric);
  put("/phi", block.phi);
  put("/weight", block.weight);
}

SampleWriter::~SampleWriter() = default;

void SampleWriter::commit() {
  output_->commit();
}

}  // namespace k7::io
