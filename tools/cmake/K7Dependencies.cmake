# SPDX-License-Identifier: Apache-2.0
# Finds what K7 is built from; every dependency is used through an imported target. The installed package uses the
# same file: K7_NEEDS_TORCH and K7_NEEDS_PETSC then say what the components need.
if(NOT DEFINED K7_NEEDS_TORCH)
  set(K7_NEEDS_TORCH TRUE)
  set(K7_NEEDS_PETSC TRUE)
endif()

find_package(MPI REQUIRED COMPONENTS C CXX)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(PkgConfig REQUIRED)
find_package(Eigen3 3.3 REQUIRED NO_MODULE)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)

set(HDF5_PREFER_PARALLEL TRUE)
find_package(HDF5 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 at ${HDF5_INCLUDE_DIRS} was built without MPI. "
                      "Install libhdf5-openmpi-dev, or set HDF5_ROOT to a parallel HDF5.")
endif()

if(K7_NEEDS_PETSC)
  # PETSc and SLEPc ship pkg-config files; on a site without them in the search path, set PKG_CONFIG_PATH to
  # $PETSC_DIR/$PETSC_ARCH/lib/pkgconfig:$SLEPC_DIR/$PETSC_ARCH/lib/pkgconfig.
  pkg_check_modules(PETSC REQUIRED IMPORTED_TARGET petsc>=3.18)
  pkg_check_modules(SLEPC REQUIRED IMPORTED_TARGET slepc>=3.18)
  # Vector instructions chosen when the program runs: one binary for AVX2 and AVX-512 machines.
  pkg_check_modules(HIGHWAY REQUIRED IMPORTED_TARGET libhwy>=1.0.3)
endif()

if(K7_ENABLE_CUDA)
  find_package(CUDAToolkit REQUIRED)
endif()
if(K7_ENABLE_NCCL)
  find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS} REQUIRED)
  find_library(NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR} REQUIRED)
  add_library(NCCL::NCCL UNKNOWN IMPORTED)
  set_target_properties(NCCL::NCCL PROPERTIES
    IMPORTED_LOCATION "${NCCL_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${NCCL_INCLUDE_DIR}")
endif()

if(K7_NEEDS_TORCH)
  # LibTorch writes its own compiler flags into CMAKE_CXX_FLAGS of the including directory; K7 uses only the
  # target, so the caller's flags are restored.
  set(k7_saved_cxx_flags "${CMAKE_CXX_FLAGS}")
  set(k7_saved_prefix_path "${CMAKE_PREFIX_PATH}")
  # A LibTorch that was named with Torch_DIR looks for its parts in the system first, where another one may be.
  if(Torch_DIR)
    list(PREPEND CMAKE_PREFIX_PATH "${Torch_DIR}/../../..")
  endif()
  find_package(Torch 1.13 REQUIRED)
  set(CMAKE_CXX_FLAGS "${k7_saved_cxx_flags}")
  set(CMAKE_PREFIX_PATH "${k7_saved_prefix_path}")
endif()
