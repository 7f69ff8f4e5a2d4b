// SPDX-License-Identifier: Apache-2.0
//
// A limit of the address space (ulimit -v) may leave OpenBLAS no room for its buffers, 128 MiB for each thread. It
// then asks for them again and again, for ever: when it is loaded, before main, or when it is called. Where there is
// such a limit, a timer watches both, and ends the program with one line and exit code 2.
#pragma once

#include <string>

#include "k7/parallel/communicator.hpp"

namespace k7::cli {

/// To be called first in main: what watched the loading of libraries ends. Where the limit leaves too little room for
/// MPI, which would report it on a page, the program ends with one line.
void end_watch_of_loading(const std::string& program);

/// Makes threads and BLAS take now what they need, so that they do not fail later: threads, and for each of them the
/// buffers of BLAS. Does nothing where no rank has a limit. Collective.
/// @throws CollectiveError where so many threads cannot be started
void take_memory_of_threads(int threads, const parallel::Communicator& comm);

}  // namespace k7::cli
