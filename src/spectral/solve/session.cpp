// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/session.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <limits>

#include "k7/base/error.hpp"
#include "parallel/gpus.hpp"
#include "spectral/solve/petsc.hpp"

#if defined(PETSC_HAVE_CUDA) && defined(OPEN_MPI)
#include <mpi-ext.h>
#endif

namespace k7::spectral {

namespace {

bool has_options = false;  // whether the user gave PETSc any; set by the session

/// PETSc's words for an error. @param message PetscErrorMessage, whose second text is const since PETSc 3.19
template <class Char>
std::string text_of(PetscErrorCode code, PetscErrorCode (*message)(PetscErrorCode, const char**, Char**)) {
  const char* general = nullptr;
  Char* specific = nullptr;
  message(code, &general, &specific);
  std::string text;
  if (general != nullptr) text += std::string(": ") + general;
  if (specific != nullptr && specific[0] != '\0') text += std::string(": ") + specific;
  return text;
}

#ifdef PETSC_HAVE_CUDA
void set_default(const char* option, const std::string& value) {
  petsc_check(PetscOptionsSetValue(nullptr, option, value.c_str()), "PetscOptionsSetValue");
}

/// PETSc ends the program at the first use of a GPU where MPI cannot send from one and nobody has said so.
void say_whether_mpi_knows_gpus() {
  bool knows = false;
#ifdef MPIX_CUDA_AWARE_SUPPORT
  knows = MPIX_Query_cuda_support() == 1;
#endif
  set_default("-use_gpu_aware_mpi", knows ? "1" : "0");
}

/// PETSc would count ranks over all hosts, and so choose another GPU than LibTorch does.
void say_which_gpu(const parallel::Communicator& comm) {
  const auto least = static_cast<int>(comm.min(static_cast<GlobalIndex>(parallel::visible_gpus())));
  if (const auto gpu = parallel::own_gpu(comm, least, DeviceChoice::automatic))
    set_default("-device_select_cuda", std::to_string(*gpu));
}
#endif

}  // namespace

void petsc_check(PetscErrorCode code, const char* call) {
  if (code == 0) return;
  const std::string text = std::string(call) + " failed" + text_of(code, PetscErrorMessage);
  // K7's own requests are right, so what PETSc calls a wrong one comes from an option after --, and every rank has the
  // same ones.
  constexpr std::array of_options{PETSC_ERR_ARG_UNKNOWN_TYPE, PETSC_ERR_ARG_OUTOFRANGE, PETSC_ERR_ARG_INCOMP,
                                  PETSC_ERR_ARG_WRONG,        PETSC_ERR_USER_INPUT,     PETSC_ERR_SUP};
  // Only the eigensolver's calls fail on all ranks at once.
  const bool may_be_option = std::string(call).rfind("EPS", 0) == 0 &&
                             std::find(of_options.begin(), of_options.end(), code) != of_options.end();
  if (code == PETSC_ERR_ARG_UNKNOWN_TYPE || (may_be_option && has_options))
    throw CollectiveError(Fault::bad_input, text + "; check the options after --");
  throw Error(Fault::internal, text);
}

PetscInt petsc_int(GlobalIndex n, const char* what) {
  if (n > std::numeric_limits<PetscInt>::max())
    throw InputError(std::string(what) + " " + std::to_string(n) +
                     " is too large for this PETSc; build PETSc with --with-64-bit-indices");
  return static_cast<PetscInt>(n);
}

Session::Session(const parallel::Communicator& comm, const std::string& program,
                 const std::vector<std::string>& passthrough_args) {
  has_options = !passthrough_args.empty();
  args_.push_back(program);
  args_.insert(args_.end(), passthrough_args.begin(), passthrough_args.end());
  for (auto& a : args_) argv_.push_back(a.data());
  argv_.push_back(nullptr);
  int argc = static_cast<int>(args_.size());
  char** argv = argv_.data();
  PETSC_COMM_WORLD = comm.handle();
#ifdef PETSC_HAVE_CUDA
  say_whether_mpi_knows_gpus();
  say_which_gpu(comm);
#endif
  petsc_check(SlepcInitialize(&argc, &argv, nullptr, nullptr), "SlepcInitialize");
  petsc_check(PetscPopSignalHandler(), "PetscPopSignalHandler");  // signals are the program's
  petsc_check(PetscPushErrorHandler(PetscReturnErrorHandler, nullptr), "PetscPushErrorHandler");
  // K7 reports unused options itself, before the end.
  PetscBool asked = PETSC_FALSE;
  petsc_check(PetscOptionsHasName(nullptr, nullptr, "-options_left", &asked), "PetscOptionsHasName");
  if (!asked) petsc_check(PetscOptionsSetValue(nullptr, "-options_left", "no"), "PetscOptionsSetValue");
}

Session::~Session() {
  if (std::uncaught_exceptions() == 0)
    SlepcFinalize();  // collective, so not while this rank alone may be failing
}

std::vector<std::string> Session::unused_options() {
  PetscInt n = 0;
  char** names = nullptr;
  char** values = nullptr;
  petsc_check(PetscOptionsLeftGet(nullptr, &n, &names, &values), "PetscOptionsLeftGet");
  std::vector<std::string> result;
  // PETSc's own start and end read these without marking them used.
  for (PetscInt i = 0; i < n; ++i)
    if (std::string(names[i]) != "options_left") result.push_back(std::string("-") + names[i]);
  petsc_check(PetscOptionsLeftRestore(nullptr, &n, &names, &values), "PetscOptionsLeftRestore");
  return result;
}

bool built_with_cuda() {
#if defined(PETSC_HAVE_CUDA) && defined(K7_HAVE_CUDA)
  return true;
#else
  return false;
#endif
}

}  // namespace k7::spectral
