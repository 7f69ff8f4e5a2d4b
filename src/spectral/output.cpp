// SPDX-License-Identifier: Apache-2.0
#include "spectral/output.hpp"

#include <algorithm>
#include <limits>

#include "base/memory.hpp"
#include "io/json_file.hpp"
#include "io/shared_hdf5.hpp"
#include "k7/parallel/agree.hpp"
#include "parallel/route.hpp"

namespace k7::spectral {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Brings rows to the order of the input.
class InputOrder {
 public:
  /// @param ids (n_local) input rows
  /// @param range the input rows that this rank wants; all ranks want all of them, in the order of the ranks
  InputOrder(const std::vector<GlobalIndex>& ids, const parallel::RowRange& range,
             const parallel::Communicator& comm)
      : range_(range), route_(owners(ids, comm.all_gather(range.begin)), comm), arrived_(route_.forth(ids)) {}

  std::uint64_t begin() const { return static_cast<std::uint64_t>(range_.begin); }
  std::uint64_t count() const { return static_cast<std::uint64_t>(range_.count()); }

  /// @param value_of (row i, column c) -> number
  /// @param missing what rows of points that were left out get
  template <class F, class T>
  std::vector<T> bring(std::size_t width, T missing, const F& value_of) const {
    const auto rows = route_.bring(width, value_of);
    std::vector<T> result(static_cast<std::size_t>(range_.count()) * width, missing);
    for (std::size_t i = 0; i < arrived_.size(); ++i)
      std::copy_n(rows.data() + i * width, width,
                  result.data() + static_cast<std::size_t>(arrived_[i] - range_.begin) * width);
    return result;
  }

 private:
  static std::vector<int> owners(const std::vector<GlobalIndex>& ids,
                                 const std::vector<GlobalIndex>& begins) {
    std::vector<int> owner;
    owner.reserve(ids.size());
    // The last rank that begins at or before the row: those that begin there too have none.
    for (const GlobalIndex id : ids)
      owner.push_back(static_cast<int>(std::upper_bound(begins.begin(), begins.end(), id) - begins.begin()) -
                      1);
    return owner;
  }

  parallel::RowRange range_;
  parallel::Route route_;
  std::vector<GlobalIndex> arrived_;
};

parallel::RowRange even_share(GlobalIndex n_rows, const parallel::Communicator& comm) {
  return parallel::even_rows(n_rows, comm.rank(), comm.size());
}

}  // namespace

void write_graph(const std::string& path, const KnnGraph& graph, int n_neighbors,
                 const parallel::Communicator& comm) {
  const InputOrder order(graph.ids, even_share(graph.n_rows, comm), comm);
  const auto k = static_cast<std::size_t>(n_neighbors);
  const io::Hdf5File::Shape shape{static_cast<std::uint64_t>(graph.n_rows), k};
  io::SharedHdf5Output output(path, comm, 2 * sizeof(double) * shape[0] * shape[1]);
  parallel::agree(comm, [&] {
    output.file().create_dataset("/neighbors", shape, io::Hdf5File::Type::int64);
    output.file().create_dataset("/distance_sq", shape, io::Hdf5File::Type::float64);
  });
  {
    const auto ids = order.bring(k, GlobalIndex{-1},
                                 [&](std::size_t i, std::size_t m) { return graph.neighbor(i, m).id; });
    parallel::agree(
        comm, [&] { output.file().write_rows("/neighbors", order.begin(), order.count(), ids.data()); });
  }
  const auto squares = order.bring(k, nan, [&](std::size_t i, std::size_t m) {
    return graph.length_sq * graph.neighbor(i, m).distance_sq;
  });
  parallel::agree(
      comm, [&] { output.file().write_rows("/distance_sq", order.begin(), order.count(), squares.data()); });
  output.commit();
}

std::uint64_t eigenvector_bytes(GlobalIndex n_rows, std::size_t n_functions) {
  constexpr std::size_t places = geometry::dim + 3;
  return sizeof(double) * (static_cast<std::uint64_t>(n_rows) * (n_functions + places) + n_functions);
}

void write_eigenvectors(const std::string& path, const EigenPairs& pairs, const std::vector<GlobalIndex>& ids,
                        GlobalIndex n_rows, const Places& places, const parallel::Communicator& comm) {
  const InputOrder order(ids, even_share(n_rows, comm), comm);
  const std::size_t n = pairs.values.size();
  const io::Hdf5File::Shape shape{static_cast<std::uint64_t>(n_rows), n};
  io::SharedHdf5Output output(path, comm, eigenvector_bytes(n_rows, n));
  parallel::agree(comm, [&] {
    auto& file = output.file();
    file.create_dataset("/eigenvectors", shape, io::Hdf5File::Type::float64);
    file.create_dataset("/eigenvalues", {n}, io::Hdf5File::Type::float64);
    file.create_dataset("/coords", {shape[0], geometry::dim}, io::Hdf5File::Type::float64);
    file.create_dataset("/projection", {shape[0], 3}, io::Hdf5File::Type::float64);
    file.set_attribute("/projection", "projection", places.projection);
  });
  const auto rows =
      order.bring(n, nan, [&](std::size_t i, std::size_t c) { return pairs.functions[i * n + c]; });
  parallel::agree(comm, [&] {
    output.file().write_rows("/eigenvectors", order.begin(), order.count(), rows.data());
    output.file().write_rows("/coords", order.begin(), order.count(), places.coords.data());
    output.file().write_rows("/projection", order.begin(), order.count(), places.projected.data());
    if (comm.is_root()) output.file().write_rows("/eigenvalues", 0, n, pairs.values.data());
  });
  output.commit();
}

io::Json results_json(const SpectrumReport& report, const std::string& program, int threads,
                      const io::Json& given, const parallel::Communicator& comm) {
  io::Json json;
  json["metadata"] = io::metadata_json(program);
  json.update(spectrum_json(report));
  json["parallel"] = io::parallel_json(comm.size(), threads, report.on_gpu ? "cuda" : "cpu");
  json["parallel"]["peak_memory_mib"] = comm.all_gather(peak_memory_mib());
  json["parallel"]["halo_points"] = comm.all_gather(report.n_halo);
  json["options"] = given;
  return json;
}

std::vector<double> functions_at(const SpectrumReport& report, const parallel::RowRange& rows,
                                 const parallel::Communicator& comm) {
  const std::size_t n = report.pairs.values.size();
  return InputOrder(report.ids, rows, comm).bring(n, nan, [&](std::size_t i, std::size_t c) {
    return report.pairs.functions[i * n + c];
  });
}

}  // namespace k7::spectral
