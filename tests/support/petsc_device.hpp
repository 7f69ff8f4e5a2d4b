// SPDX-License-Identifier: Apache-2.0
// What PETSc sees of GPUs; needs a session.
#pragma once

#include <petscdevice.h>

namespace k7::test {

/// Whether PETSc can compute on a GPU of this machine: PETSc fails where it was built without CUDA, and where there is no
/// device or no driver.
inline bool petsc_sees_cuda() {
  return PetscDeviceInitialize(PETSC_DEVICE_CUDA) == 0 && PetscDeviceInitialized(PETSC_DEVICE_CUDA);
}

}  // namespace k7::test
