// SPDX-License-Identifier: Apache-2.0
// Gradients summed between GPUs with NCCL. MPI only starts it: rank 0's id is broadcast.
#include <cuda_runtime_api.h>
#include <nccl.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "parallel/gradient_reducer.hpp"

namespace k7::parallel {
namespace {

void nccl_check(ncclResult_t code, const char* call) {
  if (code != ncclSuccess && code != ncclInProgress)
    throw Error(Fault::internal, std::string(call) + " failed: " + ncclGetErrorString(code));
}

void cuda_check(cudaError_t code, const char* call) {
  if (code != cudaSuccess)
    throw Error(Fault::internal, std::string(call) + " failed: " + cudaGetErrorString(code));
}

/// LibTorch runs on the legacy default stream unless told otherwise. Events order the two streams on the
/// device, without a host synchronisation before the reduction; the wait after it polls NCCL's asynchronous
/// error state, so that a dead peer ends the job instead of hanging it.
class NcclReducer final : public GradientReducer {
 public:
  NcclReducer(const Communicator& comm, int device) {
    ncclUniqueId id{};
    agree_on_root(comm, [&] { nccl_check(ncclGetUniqueId(&id), "ncclGetUniqueId"); });
    comm.broadcast(&id, 1);
    agree(comm, [&] { cuda_check(cudaSetDevice(device), "cudaSetDevice"); });
    nccl_check(ncclCommInitRank(&nccl_, comm.size(), id, comm.rank()), "ncclCommInitRank");
    agree(comm, [&] {
      cuda_check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
      cuda_check(cudaEventCreateWithFlags(&ready_, cudaEventDisableTiming), "cudaEventCreate");
      cuda_check(cudaEventCreateWithFlags(&done_, cudaEventDisableTiming), "cudaEventCreate");
    });
  }

  ~NcclReducer() override {
    cudaEventDestroy(done_);
    cudaEventDestroy(ready_);
    cudaStreamDestroy(stream_);
    if (nccl_ != nullptr) ncclCommDestroy(nccl_);
  }

  NcclReducer(const NcclReducer&) = delete;
  NcclReducer& operator=(const NcclReducer&) = delete;

  std::string name() const override { return "nccl"; }

  void sum(void* data, std::size_t count, ScalarType type) override {
    const ncclDataType_t nccl_type = type == ScalarType::float64 ? ncclFloat64 : ncclFloat32;
    cuda_check(cudaEventRecord(ready_, cudaStreamLegacy), "cudaEventRecord");
    cuda_check(cudaStreamWaitEvent(stream_, ready_, 0), "cudaStreamWaitEvent");
    nccl_check(ncclAllReduce(data, data, count, nccl_type, ncclSum, nccl_, stream_), "ncclAllReduce");
    cuda_check(cudaEventRecord(done_, stream_), "cudaEventRecord");
    cuda_check(cudaStreamWaitEvent(cudaStreamLegacy, done_, 0), "cudaStreamWaitEvent");
    wait_for_peers();
  }

 private:
  void wait_for_peers() {
    for (;;) {
      const cudaError_t state = cudaEventQuery(done_);
      if (state == cudaSuccess) return;
      if (state != cudaErrorNotReady) cuda_check(state, "cudaEventQuery");
      ncclResult_t error = ncclSuccess;
      nccl_check(ncclCommGetAsyncError(nccl_, &error), "ncclCommGetAsyncError");
      if (error != ncclSuccess && error != ncclInProgress) {
        ncclCommAbort(nccl_);
        nccl_ = nullptr;
        nccl_check(error, "NCCL all-reduce (a peer died or the network failed)");
      }
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }

  ncclComm_t nccl_ = nullptr;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t ready_ = nullptr;
  cudaEvent_t done_ = nullptr;
};

}  // namespace

std::string gpu_address(int device) {
  std::array<char, 64> address{};
  cuda_check(cudaDeviceGetPCIBusId(address.data(), static_cast<int>(address.size()), device),
             "cudaDeviceGetPCIBusId");
  return address.data();
}

bool nccl_available() {
  return true;
}

std::unique_ptr<GradientReducer> make_nccl_reducer(const Communicator& comm, int device) {
  return std::make_unique<NcclReducer>(comm, device);
}

}  // namespace k7::parallel
