// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/base/names.hpp"

namespace k7::parallel {

/// How numbers travel between ranks; automatic: NCCL where they are on GPUs and this build has it, else MPI.
enum class Transport { automatic, mpi, nccl };
constexpr NameTable<Transport, 3> names_of(Transport) {
  return {{{Transport::automatic, "auto"}, {Transport::mpi, "mpi"}, {Transport::nccl, "nccl"}}};
}

}  // namespace k7::parallel
