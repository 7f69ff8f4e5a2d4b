// SPDX-License-Identifier: Apache-2.0
#include "k7/parallel/environment.hpp"

#include <mpi.h>

#include <cstdlib>
#include <stdexcept>

namespace k7::parallel {
namespace {

/// K7 opens files through MPI without shared file pointers. Open MPI prepares them all the same, in most of its
/// components by a file whose name it derives from the path: lockedfile writes beyond its memory where the path has
/// more than 240 characters. The component individual makes no file until such a pointer is used, and works on any
/// number of nodes. Other MPI libraries do not know this variable.
void choose_shared_file_pointers() {
  constexpr int keep_what_the_user_chose = 0;
  setenv("OMPI_MCA_sharedfp", "individual", keep_what_the_user_chose);
}

}  // namespace

Environment::Environment(int& argc, char**& argv) {
  choose_shared_file_pointers();
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  if (provided < MPI_THREAD_FUNNELED) throw std::runtime_error("this MPI library does not support threads");
}

Environment::~Environment() {
  MPI_Finalize();
}

}  // namespace k7::parallel
