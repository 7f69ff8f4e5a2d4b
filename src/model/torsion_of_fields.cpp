// SPDX-License-Identifier: Apache-2.0
#include "k7/model/torsion_of_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "io/field_file.hpp"
#include "io/json_file.hpp"
#include "io/shared_hdf5.hpp"
#include "k7/base/error.hpp"
#include "k7/g2/torsion_fields.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/parallel/agree.hpp"
#include "model/output_path.hpp"

namespace k7::model {
namespace {

using geometry::dim;
using geometry::n_phi;

constexpr GlobalIndex block_rows = 4096;

const std::vector<double>& values_of(const std::vector<g2::PointField>& fields, std::string_view name) {
  for (const auto& field : fields)
    if (field.name == name) return field.values;
  throw Error(Fault::internal, "the torsion fields lack " + std::string(name));
}

/// Mean, maximum and minimum of the reported quantities over the rows where phi is a G2-structure.
class Summary {
 public:
  /// @param begin number of the first row of `fields`
  void add(const std::vector<g2::PointField>& fields, GlobalIndex begin) {
    const std::vector<double>& positive = values_of(fields, "positive");
    for (std::size_t i = 0; i < positive.size(); ++i)
      if (positive[i] == 0.0)
        first_not_positive_ = std::min(first_not_positive_, begin + static_cast<GlobalIndex>(i));
    for (std::size_t q = 0; q < names.size(); ++q) add_quantity(q, fields, positive);
    for (const double x : positive) sums_.back() += x;
  }

  /// Adds up all ranks. Collective.
  void reduce(const parallel::Communicator& comm) {
    comm.sum(sums_.data(), sums_.size());
    comm.max(maxima_.data(), maxima_.size());
    comm.min(minima_.data(), minima_.size());
    first_not_positive_ = comm.min(first_not_positive_);
  }

  GlobalIndex first_not_positive() const { return first_not_positive_; }

  io::Json json(GlobalIndex n_points) const {
    const double n = sums_.back();
    io::Json json{{"points", n_points}, {"positive_fraction", n / static_cast<double>(n_points)}};
    if (n == 0.0) return json;
    for (std::size_t q = 0; q < names.size(); ++q)
      json[names[q]] = {{"mean", sums_[q] / n}, {"max", maxima_[q]}, {"min", minima_[q]}};
    // The determinant may leave the range of numbers where its root does not.
    const bool is_in_range = std::isnormal(json["det_g"]["min"].get<double>()) &&
                             std::isfinite(json["det_g"]["mean"].get<double>());
    json.erase(is_in_range ? "sqrt_det_g" : "det_g");
    return json;
  }

 private:
  static constexpr std::array<const char*, 8> names{"norm2_dphi", "norm2_dpsi", "norm2_tau0", "norm2_tau1",
                                                    "norm2_tau2", "norm2_tau3", "det_g",      "sqrt_det_g"};

  void add_quantity(std::size_t q, const std::vector<g2::PointField>& fields,
                    const std::vector<double>& positive) {
    const bool det = names[q] == std::string("det_g");
    const std::vector<double>& values = values_of(fields, det ? "sqrt_det_g" : names[q]);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (positive[i] == 0.0) continue;
      const double x = det ? values[i] * values[i] : values[i];
      sums_[q] += x;
      maxima_[q] = std::max(maxima_[q], x);
      minima_[q] = std::min(minima_[q], x);
    }
  }

  static constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> sums_ = std::vector<double>(names.size() + 1, 0.0);  ///< the last: positive rows
  std::vector<double> maxima_ = std::vector<double>(names.size(), -infinity);
  std::vector<double> minima_ = std::vector<double>(names.size(), infinity);
  GlobalIndex first_not_positive_ = std::numeric_limits<GlobalIndex>::max();
};

std::uint64_t output_bytes(const std::vector<g2::PointField>& layout, std::uint64_t n_rows) {
  std::uint64_t row_bytes = 0;
  for (const auto& field : layout) row_bytes += sizeof(double) * static_cast<std::uint64_t>(field.width);
  constexpr std::uint64_t most = std::uint64_t{1} << 62;  // more than any disk has
  return n_rows > most / row_bytes ? most : row_bytes * n_rows;
}

void create_datasets(io::Hdf5File& file, const std::vector<g2::PointField>& layout, std::uint64_t n_rows) {
  file.set_attribute("/", "format", std::string("k7-torsion"));
  file.set_attribute("/", "version", std::int64_t{1});
  for (const auto& field : layout) {
    io::Hdf5File::Shape shape{n_rows};
    if (field.rank == 1) shape.push_back(static_cast<std::uint64_t>(field.width));
    if (field.rank == 2) shape.insert(shape.end(), {dim, dim});
    file.create_dataset("/" + field.name, shape, io::Hdf5File::Type::float64, block_rows);
  }
}

/// Computes every row and writes the output, complete or not at all. Collective.
void write_fields(const io::FieldReader& reader, const std::string& out, const parallel::Communicator& comm,
                  Observer& observer, Summary& summary) {
  const auto n_rows = static_cast<std::uint64_t>(reader.n_rows());
  // The fields of one row tell names and shapes; the zero form is as good as any.
  const auto layout = g2::torsion_fields(std::vector<double>(n_phi, 0.0),
                                         std::vector<double>(dim * n_phi, 0.0), reader.structure());
  io::SharedHdf5Output output(out, comm, output_bytes(layout, n_rows));
  parallel::agree(comm, [&] { create_datasets(output.file(), layout, n_rows); });
  const auto rows = parallel::even_rows(reader.n_rows(), comm.rank(), comm.size());
  parallel::agree(comm, [&] {
    std::vector<double> phi;
    std::vector<double> derivatives;
    for (GlobalIndex begin = rows.begin; begin < rows.end; begin += block_rows) {
      const GlobalIndex n = std::min(block_rows, rows.end - begin);
      reader.read(begin, n, phi, derivatives);
      const auto fields = g2::torsion_fields(phi, derivatives, reader.structure());
      for (const auto& field : fields)
        output.file().write_rows("/" + field.name, static_cast<std::uint64_t>(begin),
                                 static_cast<std::uint64_t>(n), field.values.data());
      summary.add(fields, begin);
      observer.progress("torsion", begin + n - rows.begin, rows.count(), "");
    }
  });
  output.commit();
}

}  // namespace

nlohmann::ordered_json torsion_of_fields(const std::string& fields, const std::string& out,
                                         const parallel::Communicator& comm, Observer& observer) {
  const io::FieldAddress address(fields);
  const io::FieldReader reader(address, comm);
  parallel::agree_on_root(comm, [&] { require_output(out, address.path, "the input"); });
  Summary summary;
  write_fields(reader, out, comm, observer, summary);
  summary.reduce(comm);
  io::Json report = summary.json(reader.n_rows());
  const double fraction = report["positive_fraction"].get<double>();
  if (fraction < 1.0)
    observer.warn(
        fmt::format("{:.0f} of {} rows are not G2-structures, the first is row {}; they hold NaN in {}",
                    std::round((1.0 - fraction) * static_cast<double>(reader.n_rows())), reader.n_rows(),
                    summary.first_not_positive(), out));
  return report;
}

}  // namespace k7::model
