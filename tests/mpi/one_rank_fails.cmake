# SPDX-License-Identifier: Apache-2.0
# Runs one_rank_fails on 3 ranks: it must end within 10 s, with a code that is not 0 and its message exactly once.
execute_process(COMMAND ${MPIEXEC} --oversubscribe -n 3 ${PROGRAM} -q
                RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err TIMEOUT 10)
string(REGEX MATCHALL "one_rank_fails: error: rank 1 of 3: made to fail" found "${err}")
list(LENGTH found times)
if(NOT code EQUAL 1)
  message(FATAL_ERROR "exit code ${code}, 1 is right\n${out}${err}")
endif()
if(NOT times EQUAL 1)
  message(FATAL_ERROR "the message stands there ${times} times, once is right\n${err}")
endif()
