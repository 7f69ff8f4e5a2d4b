// SPDX-License-Identifier: Apache-2.0
#include "k7/parallel/communicator.hpp"

#include <array>
#include <limits>

#include "k7/base/error.hpp"

namespace k7::parallel {
namespace {

std::vector<int> displacements(const std::vector<std::size_t>& counts) {
  std::vector<int> d(counts.size());
  std::size_t offset = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    d[r] = mpi_count(offset);
    offset += counts[r];
  }
  return d;
}

std::vector<int> mpi_counts(const std::vector<std::size_t>& counts) {
  std::vector<int> c(counts.size());
  for (std::size_t r = 0; r < counts.size(); ++r) c[r] = mpi_count(counts[r]);
  return c;
}

/// A contiguous MPI type of one element, so that counts are elements and stay far below 2^31.
class ElementType {
 public:
  explicit ElementType(std::size_t bytes) {
    mpi_check(MPI_Type_contiguous(mpi_count(bytes), MPI_BYTE, &type_), "MPI_Type_contiguous");
    mpi_check(MPI_Type_commit(&type_), "MPI_Type_commit");
  }
  ~ElementType() { MPI_Type_free(&type_); }
  ElementType(const ElementType&) = delete;
  ElementType& operator=(const ElementType&) = delete;
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

}  // namespace

void mpi_check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw Error(Fault::internal, std::string(call) + " failed: " + std::string(text.data(), length));
}

int mpi_count(std::size_t n) {
  if (n > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw Error(Fault::internal,
                "one message of " + std::to_string(n) + " elements exceeds MPI's 2^31; use more ranks");
  return static_cast<int>(n);
}

Communicator::Communicator(MPI_Comm parent) {
  mpi_check(MPI_Comm_dup(parent, &comm_), "MPI_Comm_dup");
  mpi_check(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  mpi_check(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  mpi_check(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
}

Communicator::~Communicator() {
  MPI_Comm_free(&comm_);
}

void Communicator::barrier() const {
  mpi_check(MPI_Barrier(comm_), "MPI_Barrier");
}

void Communicator::sum(double* values, std::size_t n) const {
  if (size_ == 1) return;
  mpi_check(MPI_Allreduce(MPI_IN_PLACE, values, mpi_count(n), MPI_DOUBLE, MPI_SUM, comm_), "MPI_Allreduce");
}

double Communicator::sum(double value) const {
  sum(&value, 1);
  return value;
}

GlobalIndex Communicator::sum(GlobalIndex value) const {
  mpi_check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_SUM, comm_), "MPI_Allreduce");
  return value;
}

void Communicator::sum(std::vector<GlobalIndex>& values) const {
  mpi_check(MPI_Allreduce(MPI_IN_PLACE, values.data(), mpi_count(values.size()), MPI_INT64_T, MPI_SUM, comm_),
            "MPI_Allreduce");
}

double Communicator::max(double value) const {
  max(&value, 1);
  return value;
}

GlobalIndex Communicator::max(GlobalIndex value) const {
  mpi_check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MAX, comm_), "MPI_Allreduce");
  return value;
}

double Communicator::min(double value) const {
  min(&value, 1);
  return value;
}

GlobalIndex Communicator::min(GlobalIndex value) const {
  mpi_check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MIN, comm_), "MPI_Allreduce");
  return value;
}

void Communicator::min(double* values, std::size_t n) const {
  mpi_check(MPI_Allreduce(MPI_IN_PLACE, values, mpi_count(n), MPI_DOUBLE, MPI_MIN, comm_), "MPI_Allreduce");
}

void Communicator::max(double* values, std::size_t n) const {
  mpi_check(MPI_Allreduce(MPI_IN_PLACE, values, mpi_count(n), MPI_DOUBLE, MPI_MAX, comm_), "MPI_Allreduce");
}

GlobalIndex Communicator::exclusive_scan(GlobalIndex value) const {
  GlobalIndex before = 0;
  mpi_check(MPI_Exscan(&value, &before, 1, MPI_INT64_T, MPI_SUM, comm_), "MPI_Exscan");
  return rank_ == 0 ? 0 : before;  // MPI leaves rank 0's result undefined
}

void Communicator::broadcast(std::string& text, int root) const {
  std::vector<char> buffer(text.begin(), text.end());
  broadcast(buffer, root);
  text.assign(buffer.begin(), buffer.end());
}

void Communicator::broadcast_bytes(void* data, std::size_t bytes, int root) const {
  constexpr std::size_t chunk = std::size_t{1} << 30;  // below MPI's int count
  for (std::size_t offset = 0; offset < bytes; offset += chunk) {
    const std::size_t n = bytes - offset < chunk ? bytes - offset : chunk;
    mpi_check(MPI_Bcast(static_cast<char*>(data) + offset, mpi_count(n), MPI_BYTE, root, comm_), "MPI_Bcast");
  }
}

void Communicator::all_gather_bytes(const void* value, void* all, std::size_t bytes) const {
  const int n = mpi_count(bytes);
  mpi_check(MPI_Allgather(value, n, MPI_BYTE, all, n, MPI_BYTE, comm_), "MPI_Allgather");
}

std::vector<std::size_t> Communicator::exchange_counts(const std::vector<std::size_t>& counts) const {
  std::vector<std::size_t> received(counts.size());
  mpi_check(MPI_Alltoall(counts.data(), sizeof(std::size_t), MPI_BYTE, received.data(), sizeof(std::size_t),
                         MPI_BYTE, comm_),
            "MPI_Alltoall");
  return received;
}

void Communicator::exchange_bytes(const void* send, const std::vector<std::size_t>& counts, void* receive,
                                  const std::vector<std::size_t>& received, std::size_t element_size) const {
  const ElementType type(element_size);
  mpi_check(MPI_Alltoallv(send, mpi_counts(counts).data(), displacements(counts).data(), type.get(), receive,
                          mpi_counts(received).data(), displacements(received).data(), type.get(), comm_),
            "MPI_Alltoallv");
}

RowRange even_rows(GlobalIndex n_global, int rank, int size) {
  const GlobalIndex base = n_global / size;
  const GlobalIndex rest = n_global % size;
  const GlobalIndex begin = rank * base + (rank < rest ? rank : rest);
  return {begin, begin + base + (rank < rest ? 1 : 0)};
}

int even_owner(GlobalIndex row, GlobalIndex n_global, int size) {
  const GlobalIndex base = n_global / size;
  const GlobalIndex rest = n_global % size;
  const GlobalIndex long_rows = rest * (base + 1);
  return static_cast<int>(row < long_rows ? row / (base + 1) : rest + (row - long_rows) / base);
}

}  // namespace k7::parallel
