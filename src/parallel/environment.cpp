// SPDX-License-Identifier: Apache-2.0
#include "k7/parallel/environment.hpp"

#include <mpi.h>

#include <stdexcept>

namespace k7::parallel {

Environment::Environment(int& argc, char**& argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  if (provided < MPI_THREAD_FUNNELED) throw std::runtime_error("this MPI library does not support threads");
}

Environment::~Environment() {
  MPI_Finalize();
}

}  // namespace k7::parallel
