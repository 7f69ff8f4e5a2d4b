// SPDX-License-Identifier: Apache-2.0
//
// PETSc's objects with owners, its error codes as exceptions. Included by sources of this module only.
#pragma once

#include <slepceps.h>

#include <memory>

#include "k7/geometry/conventions.hpp"

namespace k7::spectral {

/// Throws Error with PETSc's own text when a call failed; CollectiveError (bad input) for a type, as in
/// -mat_type, that PETSc does not know.
void petsc_check(PetscErrorCode code, const char* call);

/// A number as PetscInt, which has 32 bits in most installations. @throws Error naming what is too large
PetscInt petsc_int(GlobalIndex n, const char* what);

struct VecDeleter {
  void operator()(_p_Vec* v) const { VecDestroy(&v); }
};
using VecHandle = std::unique_ptr<_p_Vec, VecDeleter>;

struct EpsDeleter {
  void operator()(_p_EPS* e) const { EPSDestroy(&e); }
};
using EpsHandle = std::unique_ptr<_p_EPS, EpsDeleter>;

}  // namespace k7::spectral
