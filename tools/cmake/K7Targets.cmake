# SPDX-License-Identifier: Apache-2.0
# Helpers that every folder uses: compiler flags, one library per module, one program per file, tests.
add_library(k7_flags INTERFACE)
target_compile_options(k7_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                          -Woverloaded-virtual -Wcast-align)
if(K7_WARNINGS_AS_ERRORS)
  target_compile_options(k7_flags INTERFACE -Werror)
endif()
if(K7_SANITIZE)
  target_compile_options(k7_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer
                                            -fno-sanitize-recover=undefined)
  target_link_options(k7_flags INTERFACE -fsanitize=address,undefined)
endif()

# What this build is, for build_info(). The git revision is looked up at every build, not only when configuring.
set(K7_GENERATED "${PROJECT_BINARY_DIR}/generated")
string(TOUPPER "${CMAKE_BUILD_TYPE}" k7_build_type)
string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${k7_build_type}}" K7_BUILD_FLAGS)
configure_file("${PROJECT_SOURCE_DIR}/src/base/version.hpp.in" "${K7_GENERATED}/k7/version.hpp" @ONLY)
configure_file("${PROJECT_SOURCE_DIR}/src/base/build_values.hpp.in" "${K7_GENERATED}/build_values.hpp" @ONLY)
add_custom_target(k7_git_revision
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${K7_GENERATED}/git_revision.hpp
          -P ${PROJECT_SOURCE_DIR}/tools/cmake/git_revision.cmake
  BYPRODUCTS "${K7_GENERATED}/git_revision.hpp"
  COMMENT "Looking up the git revision")

# k7_add_module(geometry SOURCES a.cpp ... PUBLIC targets... PRIVATE targets...) makes the library target
# k7mod_geometry with the alias k7::geometry. A module sees its own headers and those of the modules that it
# links, and no others: each has an include folder of its own, which holds links to its two folders of headers,
# include/k7/NAME (public) and src/NAME (for other modules and tests).
function(k7_add_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(room "${PROJECT_BINARY_DIR}/rooms/${name}")
  file(MAKE_DIRECTORY "${room}/k7")
  file(CREATE_LINK "${PROJECT_SOURCE_DIR}/src/${name}" "${room}/${name}" SYMBOLIC)
  if(EXISTS "${PROJECT_SOURCE_DIR}/include/k7/${name}")
    file(CREATE_LINK "${PROJECT_SOURCE_DIR}/include/k7/${name}" "${room}/k7/${name}" SYMBOLIC)
  endif()
  list(TRANSFORM ARG_SOURCES PREPEND "${name}/")
  add_library(k7mod_${name} STATIC ${ARG_SOURCES})
  add_library(k7::${name} ALIAS k7mod_${name})
  target_include_directories(k7mod_${name} PUBLIC "$<BUILD_INTERFACE:${room}>")
  target_include_directories(k7mod_${name} PUBLIC "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(k7mod_${name} PUBLIC ${ARG_PUBLIC} PRIVATE $<BUILD_INTERFACE:k7_flags> ${ARG_PRIVATE})
  target_compile_features(k7mod_${name} PUBLIC cxx_std_17)
  set_target_properties(k7mod_${name} PROPERTIES EXPORT_NAME ${name})
  # Modules may go into libraries that are loaded on demand; cli goes into programs only, and shares its precompiled
  # header with them.
  if(NOT name STREQUAL "cli")
    set_target_properties(k7mod_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
endfunction()

# k7_add_program(k7_train SOURCES apps/k7_train.cpp LINK targets...)
function(k7_add_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  set(room "${PROJECT_BINARY_DIR}/rooms/apps")
  file(MAKE_DIRECTORY "${room}")
  file(CREATE_LINK "${PROJECT_SOURCE_DIR}/src/apps" "${room}/apps" SYMBOLIC)
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE "${room}")
  target_link_libraries(${name} PRIVATE k7_flags ${ARG_LINK})
endfunction()

# k7_add_test(knn_graph SOURCE mpi/knn_graph_test.cpp LINK targets... MPI_RANKS 1 2 3 4 TIMEOUT 120 LABELS mpi)
# builds one GoogleTest program and registers it once per rank count; without MPI_RANKS it runs alone.
function(k7_add_test name)
  cmake_parse_arguments(ARG "" "SOURCE;TIMEOUT" "LINK;MPI_RANKS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(test_${name} ${ARG_SOURCE})
  target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support")
  target_compile_definitions(test_${name} PRIVATE K7_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  target_link_libraries(test_${name} PRIVATE k7_flags k7_test_main ${ARG_LINK})
  if(NOT ARG_MPI_RANKS)
    add_test(NAME ${name} COMMAND test_${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
                                            ENVIRONMENT "OMP_WAIT_POLICY=passive;${K7_SANITIZER_ENVIRONMENT}")
  endif()
  foreach(ranks IN LISTS ARG_MPI_RANKS)
    set(test_name ${name}_np${ranks})
    add_test(NAME ${test_name} COMMAND ${MPIEXEC_EXECUTABLE} --oversubscribe ${MPIEXEC_NUMPROC_FLAG} ${ranks}
                                       $<TARGET_FILE:test_${name}>)
    set_tests_properties(${test_name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
                                                 PROCESSORS ${ranks} ENVIRONMENT "${K7_MPI_TEST_ENVIRONMENT}")
  endforeach()
endfunction()

# Under the sanitizers: MPI keeps memory until the end.
set(K7_SANITIZER_ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0")

# Ranks of a test share the cores, so waiting ranks must yield; containers run tests as root.
set(K7_MPI_TEST_ENVIRONMENT
    "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_mpi_yield_when_idle=1;OMPI_MCA_rmaps_base_oversubscribe=1;OMPI_MCA_btl_vader_single_copy_mechanism=none;OMP_NUM_THREADS=1;${K7_SANITIZER_ENVIRONMENT}")
