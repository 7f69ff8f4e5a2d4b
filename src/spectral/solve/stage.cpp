// SPDX-License-Identifier: Apache-2.0
#include "spectral/solve/stage.hpp"

#include <string>

#include "spectral/solve/petsc.hpp"

namespace k7::spectral {
namespace {

/// PETSc's number of a stage, which it registers once.
PetscLogStage stage_of(const char* name) {
  const std::string title = std::string("K7 ") + name;
  PetscLogStage stage = -1;
  petsc_check(PetscLogStageGetId(title.c_str(), &stage), "PetscLogStageGetId");
  if (stage < 0) petsc_check(PetscLogStageRegister(title.c_str(), &stage), "PetscLogStageRegister");
  return stage;
}

}  // namespace

Stage::Stage(const char* name) : name_(name) {
  MPI_Pcontrol(1, name_);
  PetscBool is_there = PETSC_FALSE;
  PetscInitialized(&is_there);
  if (!is_there) return;
  petsc_check(PetscLogStagePush(stage_of(name_)), "PetscLogStagePush");
  is_logged_ = true;
}

Stage::~Stage() {
  if (is_logged_) PetscLogStagePop();
  MPI_Pcontrol(-1, name_);
}

}  // namespace k7::spectral
