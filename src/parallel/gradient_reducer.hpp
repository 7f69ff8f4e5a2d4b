// SPDX-License-Identifier: Apache-2.0
//
// Sums of gradients that are in the memory of GPUs; those of CPUs go through TreeSum.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

enum class ScalarType { float64, float32 };

/// Sums a flat buffer over all ranks, in place; every rank ends with the same bits.
class GradientReducer {
 public:
  virtual ~GradientReducer() = default;
  virtual std::string name() const = 0;

  /// Collective. `data` holds `count` elements of `type` on the reducer's device: host memory for MPI (for
  /// GPUs without NCCL), the rank's GPU for NCCL. On return the result may be used by later work of the same
  /// device.
  virtual void sum(void* data, std::size_t count, ScalarType type) = 0;
};

std::unique_ptr<GradientReducer> make_mpi_reducer(const Communicator& comm);

/// NCCL on CUDA device `device`; the communicator must outlive the reducer.
/// @throws Error when K7 was built without NCCL or NCCL cannot start
std::unique_ptr<GradientReducer> make_nccl_reducer(const Communicator& comm, int device);

/// The address of CUDA device `device` on the bus of its host, which no other GPU there has; empty in a build
/// without NCCL.
std::string gpu_address(int device);

/// Whether this build has NCCL.
bool nccl_available();

}  // namespace k7::parallel
