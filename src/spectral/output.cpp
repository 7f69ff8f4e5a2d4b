// SPDX-License-Identifier: Apache-2.0
#include "spectral/output.hpp"

#include <algorithm>

#include "k7/io/sample_file.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::spectral {
namespace {

/// Brings rows to the order of the input file, an even share to each rank.
class InputOrder {
 public:
  InputOrder(const std::vector<GlobalIndex>& ids, GlobalIndex n_global, const parallel::Communicator& comm)
      : comm_(comm), range_(parallel::even_rows(n_global, comm.rank(), comm.size())) {
    counts_.assign(static_cast<std::size_t>(comm.size()), 0);
    std::vector<std::size_t> owner(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      owner[i] = static_cast<std::size_t>(parallel::even_owner(ids[i], n_global, comm.size()));
      ++counts_[owner[i]];
    }
    std::vector<std::size_t> next(counts_.size(), 0);
    for (std::size_t r = 1; r < next.size(); ++r) next[r] = next[r - 1] + counts_[r - 1];
    order_.resize(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) order_[next[owner[i]]++] = i;
    std::vector<GlobalIndex> send;
    for (const std::size_t i : order_) send.push_back(ids[i]);
    std::vector<std::size_t> received;
    arrived_ = comm.exchange(send, counts_, received);
  }

  std::uint64_t begin() const { return static_cast<std::uint64_t>(range_.begin); }
  std::uint64_t count() const { return static_cast<std::uint64_t>(range_.count()); }

  /// @param value_of (row i, column c) -> number
  template <class T, class F>
  std::vector<T> bring(std::size_t width, const F& value_of) const {
    std::vector<T> send;
    send.reserve(order_.size() * width);
    for (const std::size_t i : order_)
      for (std::size_t c = 0; c < width; ++c) send.push_back(value_of(i, c));
    auto counts = counts_;
    for (std::size_t& c : counts) c *= width;
    std::vector<std::size_t> received;
    const auto rows = comm_.exchange(send, counts, received);
    std::vector<T> result(rows.size());
    for (std::size_t i = 0; i < arrived_.size(); ++i)
      std::copy_n(rows.data() + i * width, width,
                  result.data() + static_cast<std::size_t>(arrived_[i] - range_.begin) * width);
    return result;
  }

 private:
  const parallel::Communicator& comm_;
  parallel::RowRange range_;
  std::vector<std::size_t> counts_;
  std::vector<std::size_t> order_;
  std::vector<GlobalIndex> arrived_;
};

}  // namespace

void write_graph(const std::string& path, const KnnGraph& graph, int n_neighbors,
                 const parallel::Communicator& comm) {
  const InputOrder order(graph.ids, graph.n_global, comm);
  const auto k = static_cast<std::size_t>(n_neighbors);
  const io::Hdf5File::Shape shape{static_cast<std::uint64_t>(graph.n_global), k};
  io::SharedHdf5Output output(path, comm, 2 * sizeof(double) * shape[0] * shape[1]);
  parallel::agree(comm, [&] {
    output.file().create_dataset("/neighbors", shape, io::Hdf5File::Type::int64);
    output.file().create_dataset("/distance_sq", shape, io::Hdf5File::Type::float64);
  });
  {
    const auto ids =
        order.bring<GlobalIndex>(k, [&](std::size_t i, std::size_t m) { return graph.neighbor(i, m).id; });
    parallel::agree(
        comm, [&] { output.file().write_rows("/neighbors", order.begin(), order.count(), ids.data()); });
  }
  const auto squares =
      order.bring<double>(k, [&](std::size_t i, std::size_t m) { return graph.neighbor(i, m).distance_sq; });
  parallel::agree(
      comm, [&] { output.file().write_rows("/distance_sq", order.begin(), order.count(), squares.data()); });
  output.commit();
}

void write_eigenvectors(const std::string& path, const EigenPairs& pairs, const std::vector<GlobalIndex>& ids,
                        GlobalIndex n_global, const parallel::Communicator& comm) {
  const InputOrder order(ids, n_global, comm);
  const std::size_t n = pairs.values.size();
  const io::Hdf5File::Shape shape{static_cast<std::uint64_t>(n_global), n};
  io::SharedHdf5Output output(path, comm, sizeof(double) * shape[0] * (shape[1] + 1));
  parallel::agree(comm, [&] {
    output.file().create_dataset("/eigenvectors", shape, io::Hdf5File::Type::float64);
    output.file().create_dataset("/eigenvalues", {n}, io::Hdf5File::Type::float64);
  });
  const auto rows =
      order.bring<double>(n, [&](std::size_t i, std::size_t c) { return pairs.functions[i * n + c]; });
  parallel::agree(comm, [&] {
    output.file().write_rows("/eigenvectors", order.begin(), order.count(), rows.data());
    if (comm.is_root()) output.file().write_rows("/eigenvalues", 0, n, pairs.values.data());
  });
  output.commit();
}

}  // namespace k7::spectral
