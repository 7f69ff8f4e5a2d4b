// SPDX-License-Identifier: Apache-2.0
// NCCL sums on GPUs against the exact sums; one GPU per rank, so more ranks than GPUs are skipped too.
#include <cuda_runtime_api.h>

#include "parallel/gradient_reducer.hpp"
#include "test_data.hpp"

namespace k7::parallel {
namespace {

using test::world;

TEST(NcclReducer, sums_device_buffers) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess) devices = 0;
  const GlobalIndex least = world().min(GlobalIndex{devices});
  if (least == 0) GTEST_SKIP() << "no CUDA device";
  if (least < world().size()) GTEST_SKIP() << "fewer GPUs than ranks";
  ASSERT_EQ(cudaSetDevice(world().rank()), cudaSuccess);
  const auto reducer = make_nccl_reducer(world(), world().rank());
  for (const std::size_t n : {std::size_t{1}, std::size_t{669738}}) {
    std::vector<double> host(n);
    for (std::size_t i = 0; i < n; ++i) host[i] = static_cast<double>(i) * (world().rank() + 1);
    void* buffer = nullptr;
    ASSERT_EQ(cudaMalloc(&buffer, n * sizeof(double)), cudaSuccess);
    ASSERT_EQ(cudaMemcpy(buffer, host.data(), n * sizeof(double), cudaMemcpyHostToDevice), cudaSuccess);
    reducer->sum(buffer, n, ScalarType::float64);
    ASSERT_EQ(cudaMemcpy(host.data(), buffer, n * sizeof(double), cudaMemcpyDeviceToHost), cudaSuccess);
    cudaFree(buffer);
    const int p = world().size();
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(host[i], static_cast<double>(i) * p * (p + 1) / 2);
  }
}

}  // namespace
}  // namespace k7::parallel
