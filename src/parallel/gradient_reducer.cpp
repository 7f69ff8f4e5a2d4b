// SPDX-License-Identifier: Apache-2.0
#include "parallel/gradient_reducer.hpp"

#include "k7/base/error.hpp"

namespace k7::parallel {
namespace {

class MpiReducer final : public GradientReducer {
 public:
  explicit MpiReducer(const Communicator& comm) : comm_(comm) {}
  std::string name() const override { return "mpi"; }

  void sum(void* data, std::size_t count, ScalarType type) override {
    if (comm_.size() == 1) return;
    const MPI_Datatype mpi_type = type == ScalarType::float64 ? MPI_DOUBLE : MPI_FLOAT;
    mpi_check(MPI_Allreduce(MPI_IN_PLACE, data, mpi_count(count), mpi_type, MPI_SUM, comm_.handle()),
              "MPI_Allreduce");
  }

 private:
  const Communicator& comm_;
};

}  // namespace

std::unique_ptr<GradientReducer> make_mpi_reducer(const Communicator& comm) {
  return std::make_unique<MpiReducer>(comm);
}

#ifndef K7_HAVE_NCCL
bool nccl_available() {
  return false;
}

std::string gpu_address(int) {
  return {};
}

std::unique_ptr<GradientReducer> make_nccl_reducer(const Communicator&, int) {
  throw InputError("this K7 was built without NCCL; use --comm mpi, or configure with --preset cuda");
}
#endif

}  // namespace k7::parallel
