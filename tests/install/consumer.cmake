# SPDX-License-Identifier: Apache-2.0
# cmake -DBUILD=DIR -DEXAMPLES=DIR -DWORK=DIR -DMPIEXEC=PROGRAM -DCXX=COMPILER -DLIBDIR=lib -P consumer.cmake: installs
# K7 into WORK/prefix, copies the examples away from the source tree, builds them against the installation alone, and
# runs each.
function(run what)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${WORK}" RESULT_VARIABLE code OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what} failed with ${code}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(expect pattern)
  if(NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "'${pattern}' is not in:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
run("installation" ${CMAKE_COMMAND} --install "${BUILD}" --prefix "${WORK}/prefix")
file(COPY "${EXAMPLES}/" DESTINATION "${WORK}/examples")
run("configuration" ${CMAKE_COMMAND} -S examples -B build -G Ninja -DCMAKE_BUILD_TYPE=Release
    "-DCMAKE_PREFIX_PATH=${WORK}/prefix" -DCMAKE_CXX_FLAGS=-Werror)
run("build" ${CMAKE_COMMAND} --build build)

set(mpirun ${MPIEXEC} --oversubscribe -n 2)
run("sample_torus" ${mpirun} build/sample_torus torus.h5 300)
expect("300 points in torus.h5")
run("spectrum_of_cloud" ${mpirun} build/spectrum_of_cloud 2000)
expect("lambda_1 in the limit: (0\\.[89]|1\\.[01])[0-9]+ \\+-")
run("torsion_of_field" build/torsion_of_field)
string(REGEX MATCHALL "= [0-9.]+, exact [0-9.]+" pairs "${output}")
list(LENGTH pairs count)
if(NOT count EQUAL 5)
  message(FATAL_ERROR "five lines are needed:\n${output}")
endif()
foreach(pair IN LISTS pairs)
  if(NOT pair MATCHES "= ([0-9.]+), exact ([0-9.]+)" OR NOT CMAKE_MATCH_1 STREQUAL CMAKE_MATCH_2)
    message(FATAL_ERROR "the torsion differs from its closed form: ${pair}")
  endif()
endforeach()
run("train_small_form" ${mpirun} build/train_small_form run)
expect("500 points in run/samples.h5")

# The same without CMake: pkg-config has the libraries in their order.
set(ENV{PKG_CONFIG_PATH} "${WORK}/prefix/${LIBDIR}/pkgconfig:$ENV{PKG_CONFIG_PATH}")
foreach(pair IN ITEMS k7-spectral,spectrum_of_cloud k7-train,train_small_form)
  string(REPLACE "," ";" pair "${pair}")
  list(GET pair 0 library)
  list(GET pair 1 example)
  run("flags" pkg-config --cflags --libs ${library})
  separate_arguments(flags UNIX_COMMAND "${output}")
  run("g++" ${CXX} -O1 examples/${example}.cpp -o plain_${example} ${flags})
endforeach()
run("plain_spectrum_of_cloud" ./plain_spectrum_of_cloud 2000)
expect("lambda_1 in the limit: (0\\.[89]|1\\.[01])[0-9]+ \\+-")
run("plain_train_small_form" ./plain_train_small_form plain_run)
expect("500 points in plain_run/samples.h5")

# The installed program finds the library that it loads for --model, and then no model.
execute_process(COMMAND prefix/bin/k7_spectral --model none.h5 WORKING_DIRECTORY "${WORK}" RESULT_VARIABLE code
                OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT code EQUAL 2)
  message(FATAL_ERROR "a missing model ended with ${code}:\n${output}")
endif()
expect("none.h5: cannot be opened")
