// SPDX-License-Identifier: Apache-2.0
#include "k7/parallel/environment.hpp"

#include <mpi.h>

#include <cstdlib>
#include <stdexcept>

namespace k7::parallel {
namespace {

/// K7 opens files through MPI without shared file pointers. Open MPI prepares them all the same, in most of its
/// components by a file whose name it derives from the path: lockedfile writes beyond its memory where the path has
/// more than 240 characters. The component individual does not, but may leave files behind when a program ends with
/// an error, so that it is chosen for long paths only. Other MPI libraries do not know this variable.
void choose_shared_file_pointers(std::size_t longest_path) {
  constexpr std::size_t safe = 200;
  constexpr int keep_what_the_user_chose = 0;
  if (longest_path > safe) setenv("OMPI_MCA_sharedfp", "individual", keep_what_the_user_chose);
}

}  // namespace

Environment::Environment(int& argc, char**& argv, std::size_t longest_path) {
  choose_shared_file_pointers(longest_path);
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  if (provided < MPI_THREAD_FUNNELED) throw std::runtime_error("this MPI library does not support threads");
}

Environment::Environment() {
  int is_started = 0;
  MPI_Initialized(&is_started);
  is_owner_ = is_started == 0;
  if (!is_owner_) return;
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  if (provided < MPI_THREAD_SERIALIZED) throw std::runtime_error("this MPI library does not support threads");
}

Environment::~Environment() {
  int is_ended = 0;
  MPI_Finalized(&is_ended);
  if (is_owner_ && is_ended == 0) MPI_Finalize();
}

}  // namespace k7::parallel
