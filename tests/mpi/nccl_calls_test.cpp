// SPDX-License-Identifier: Apache-2.0
// What the NCCL reducer asks of CUDA and NCCL, with both replaced by functions that only take notes: order on
// the streams, counts and types, and what follows when a peer dies. No GPU is needed; sums are tested where
// there is one.
#include <cuda_runtime_api.h>
#include <nccl.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "k7/base/error.hpp"
#include "parallel/gradient_reducer.hpp"
#include "test_data.hpp"

namespace {

struct Notes {
  std::vector<std::string> calls;
  std::deque<cudaError_t> event_states;   ///< answers of cudaEventQuery; then success
  std::deque<ncclResult_t> async_errors;  ///< answers of ncclCommGetAsyncError; then success
  ncclResult_t unique_id = ncclSuccess;   ///< answer of ncclGetUniqueId
  ncclResult_t all_reduce = ncclSuccess;  ///< answer of ncclAllReduce
  std::size_t count = 0;
  ncclDataType_t type = ncclInt8;
};
Notes notes;

// Handles are opaque: any addresses that differ do.
int storage[8];
const auto nccl_stream = reinterpret_cast<cudaStream_t>(&storage[0]);
const auto nccl_comm = reinterpret_cast<ncclComm_t>(&storage[1]);
int n_events = 0;

std::string name_of(cudaStream_t stream) {
  return stream == nccl_stream ? "nccl" : stream == cudaStreamLegacy ? "default" : "unknown";
}
std::string name_of(cudaEvent_t event) {
  return event == reinterpret_cast<cudaEvent_t>(&storage[2]) ? "ready" : "done";
}
template <class T>
T next(std::deque<T>& answers, T last) {
  if (answers.empty()) return last;
  const T answer = answers.front();
  answers.pop_front();
  return answer;
}

}  // namespace

extern "C" {
ncclResult_t ncclGetUniqueId(ncclUniqueId*) {
  return notes.unique_id;
}
ncclResult_t ncclCommInitRank(ncclComm_t* comm, int, ncclUniqueId, int) {
  *comm = nccl_comm;
  return ncclSuccess;
}
ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t, cudaStream_t stream) {
  notes.calls.push_back("all-reduce on " + name_of(stream) + (from == to ? ", in place" : "") +
                        (op == ncclSum ? ", sum" : ""));
  notes.count = count;
  notes.type = type;
  return notes.all_reduce;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* error) {
  notes.calls.emplace_back("poll");
  *error = next(notes.async_errors, ncclSuccess);
  return ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t) {
  notes.calls.emplace_back("abort");
  return ncclSuccess;
}
ncclResult_t ncclCommDestroy(ncclComm_t) {
  notes.calls.emplace_back("destroy");
  return ncclSuccess;
}
const char* ncclGetErrorString(ncclResult_t) {
  return "what NCCL says";
}

cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags) {
  *stream = nccl_stream;
  return flags == cudaStreamNonBlocking ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int) {
  *event = reinterpret_cast<cudaEvent_t>(&storage[2 + n_events++ % 2]);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  notes.calls.push_back("record " + name_of(event) + " on " + name_of(stream));
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int) {
  notes.calls.push_back(name_of(stream) + " waits for " + name_of(event));
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  notes.calls.push_back("query " + name_of(event));
  return next(notes.event_states, cudaSuccess);
}
cudaError_t cudaEventDestroy(cudaEvent_t) {
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) {
  return cudaSuccess;
}
const char* cudaGetErrorString(cudaError_t) {
  return "what CUDA says";
}
}

namespace k7::parallel {
namespace {

using Calls = std::vector<std::string>;
using test::world;

class NcclCalls : public testing::Test {
 protected:
  NcclCalls() { notes = Notes(); }

  static std::string error_of_sum(GradientReducer& reducer) {
    try {
      reducer.sum(storage, 5, ScalarType::float64);
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  }
  static std::ptrdiff_t times(const std::string& call) {
    return std::count(notes.calls.begin(), notes.calls.end(), call);
  }
};

TEST_F(NcclCalls, streams_are_ordered_by_events) {
  const auto reducer = make_nccl_reducer(world(), 0);
  reducer->sum(storage, 5, ScalarType::float64);
  EXPECT_EQ(notes.calls,
            (Calls{"record ready on default", "nccl waits for ready", "all-reduce on nccl, in place, sum",
                   "record done on nccl", "default waits for done", "query done"}));
}

TEST_F(NcclCalls, counts_are_elements_of_the_type) {
  const auto reducer = make_nccl_reducer(world(), 0);
  reducer->sum(storage, 669738, ScalarType::float64);
  EXPECT_EQ(notes.count, 669738U);
  EXPECT_EQ(notes.type, ncclFloat64);
  constexpr std::size_t beyond_32_bits = std::size_t{5} << 30;
  reducer->sum(storage, beyond_32_bits, ScalarType::float32);
  EXPECT_EQ(notes.count, beyond_32_bits);
  EXPECT_EQ(notes.type, ncclFloat32);
}

TEST_F(NcclCalls, waits_until_the_sum_is_there) {
  notes.event_states = {cudaErrorNotReady, cudaErrorNotReady, cudaErrorNotReady};
  notes.async_errors = {ncclSuccess, ncclInProgress};
  const auto reducer = make_nccl_reducer(world(), 0);
  EXPECT_EQ(error_of_sum(*reducer), "");
  EXPECT_EQ(times("query done"), 4);
  EXPECT_EQ(times("poll"), 3);
}

TEST_F(NcclCalls, a_dead_peer_is_an_error_and_the_communicator_is_aborted) {
  notes.event_states.assign(1000, cudaErrorNotReady);  // the sum never comes
  notes.async_errors = {ncclSuccess, ncclRemoteError};
  {
    const auto reducer = make_nccl_reducer(world(), 0);
    EXPECT_NE(error_of_sum(*reducer).find("a peer died"), std::string::npos);
  }
  EXPECT_EQ(times("poll"), 2);
  EXPECT_EQ(times("abort"), 1);
  EXPECT_EQ(times("destroy"), 0);
}

TEST_F(NcclCalls, failures_of_the_device_and_of_the_call_are_errors) {
  {
    const auto reducer = make_nccl_reducer(world(), 0);
    notes.event_states = {cudaErrorIllegalAddress};
    EXPECT_EQ(error_of_sum(*reducer), "cudaEventQuery failed: what CUDA says");
    notes.all_reduce = ncclInvalidArgument;
    EXPECT_EQ(error_of_sum(*reducer), "ncclAllReduce failed: what NCCL says");
  }
  EXPECT_EQ(times("destroy"), 1);
}

TEST_F(NcclCalls, without_an_id_no_rank_goes_on) {
  if (world().is_root()) notes.unique_id = ncclSystemError;
  EXPECT_THROW(make_nccl_reducer(world(), 0), CollectiveError);
}

}  // namespace
}  // namespace k7::parallel
