// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace k7::cli {

/// Characters of the longest path that a program may open: those of the command line, of the config file that it
/// names and of $TMPDIR, and what symbolic links of these names lead to, with the current folder before them.
/// Needs no MPI; words that make no sense are counted too, and refused later.
std::size_t longest_path(int argc, char** argv);

}  // namespace k7::cli
