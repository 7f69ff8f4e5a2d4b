// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/run_main.hpp"

namespace k7::cli {

struct ParsedOptions {
  bool text_only = false;  ///< --help, --version or --describe-files: print `text` and stop
  std::string text;
  int verbosity = 0;
  io::Json values;
  std::vector<std::string> passthrough_args;
};

/// Parses the command line and the --config file into the program's members: defaults < preset < file <
/// command line. Throws CollectiveError (exit code 2), the same on every rank, when the words make no sense.
ParsedOptions parse_options(Program& program, int argc, char** argv);

}  // namespace k7::cli
