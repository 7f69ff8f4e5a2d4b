# SPDX-License-Identifier: Apache-2.0
# Packages of K7: what installed files may say about the machine that built them, and Debian packages by CPack.

# Files that others install name no folder of the machine that built them, neither in messages nor for debuggers.
add_compile_options("-ffile-prefix-map=${PROJECT_BINARY_DIR}=build" "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.")

# The linker finds Debian's own libraries without being told where.
if(EXISTS /etc/debian_version)
  set(k7_others ${TORCH_LIBRARY} ${PETSC_LINK_LIBRARIES} ${SLEPC_LINK_LIBRARIES} ${MPI_CXX_LIBRARIES} ${HDF5_C_LIBRARIES}
                ${NCCL_LIBRARY} ${CUDA_cudart_LIBRARY})
  list(FILTER k7_others EXCLUDE REGEX "^/usr/lib/([a-z0-9_]+-linux-gnu[a-z0-9]*|petscdir|slepcdir)/")
  if(NOT k7_others)
    set(CMAKE_INSTALL_RPATH_USE_LINK_PATH OFF)
  endif()
endif()

# pkg-config files: libraries in the order in which they are linked, for who builds without CMake.
file(RELATIVE_PATH K7_PC_TO_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" K7_PC_TO_PREFIX "${K7_PC_TO_PREFIX}")
set(K7_PC_CFLAGS ${MPI_CXX_INCLUDE_DIRS})
list(TRANSFORM K7_PC_CFLAGS PREPEND -I)
list(APPEND K7_PC_CFLAGS ${TORCH_CXX_FLAGS})
set(K7_PC_LIBS ${HDF5_C_LIBRARIES} ${MPI_CXX_LIBRARIES} ${OpenMP_CXX_FLAGS} -ldl)
if(K7_ENABLE_NCCL)
  list(APPEND K7_PC_CFLAGS -DK7_HAVE_NCCL)
  list(PREPEND K7_PC_LIBS ${NCCL_LIBRARY} ${CUDA_cudart_LIBRARY})
endif()
list(REMOVE_ITEM K7_PC_LIBS "")
# The compiler's library comes before LibTorch's, as in CMakeLists.txt.
get_filename_component(k7_torch_folder "${TORCH_LIBRARY}" DIRECTORY)
set(K7_PC_TORCH_LIBS "-Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state -L${k7_torch_folder} -ltorch -ltorch_cpu -lc10")
list(JOIN K7_PC_CFLAGS " " K7_PC_CFLAGS)
list(JOIN K7_PC_LIBS " " K7_PC_LIBS)
foreach(name IN ITEMS k7-spectral k7-train)
  configure_file(tools/cmake/${name}.pc.in "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endforeach()

# Debian packages, by `cpack -G DEB` in a build folder: k7 is what users run, k7-dev what others build with.
set(CMAKE_INSTALL_DOCDIR "${CMAKE_INSTALL_DATAROOTDIR}/doc/k7")
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME programs)
set(CPACK_COMPONENTS_ALL programs dev)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME k7)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(K7_PACKAGE_CONTACT "K7 maintainers <maintainers@k7.invalid>" CACHE STRING "Who answers for Debian packages")
set(CPACK_PACKAGE_CONTACT "${K7_PACKAGE_CONTACT}")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/tools/packaging/debian/documents.cmake")

set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME k7)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAMS_DESCRIPTION
"K7 looks for metrics with holonomy G2 on spaces of seven dimensions: a
neural network gives a 3-form, whose torsion training lowers. It then
computes the smallest eigenvalues of the Laplace operator of what it
learned. All programs run alone or distributed with MPI.")
# Libraries are added by dpkg-shlibdeps; these are what nothing links to: mpirun, and what k7_report and the converters import.
# LibTorch is content with any BLAS, and the OpenMP flavour is the one for it (docs/install.md). Matplotlib's fonttools wants
# munkres or SciPy, and the latter brings the pthread flavour, which Debian then prefers; apt takes what comes first.
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS
    "openmpi-bin, libopenblas0-openmp, python3, python3-munkres, python3-numpy, python3-h5py, python3-matplotlib")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SUGGESTS "k7-dev, slurm-client")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME k7-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_DESCRIPTION
"Headers, static libraries, and the CMake package K7 with the targets
k7::geometry, k7::io, k7::g2, k7::model, k7::train and k7::spectral.")
# What K7Dependencies.cmake finds for them.
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "cmake (>= 3.25), g++, pkg-config, libopenmpi-dev, libhdf5-openmpi-dev, libeigen3-dev (>= 3.3), \
libfmt-dev, libspdlog-dev, nlohmann-json3-dev, zlib1g-dev, libpetsc-real-dev (>= 3.18), libslepc-real-dev (>= 3.18), \
libhwy-dev (>= 1.0.3), libtorch-dev (>= 1.13)")
include(CPack)
