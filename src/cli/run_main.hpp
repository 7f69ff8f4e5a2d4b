// SPDX-License-Identifier: Apache-2.0
//
// The frame of every program: BLAS, MPI, log, options, and the one door through which errors leave.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/exit_code.hpp"
#include "io/json_file.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::cli {

/// What a program gets from its frame.
struct Context {
  const parallel::Communicator& comm;
  io::Json options;                           ///< every option with the value in use
  std::vector<std::string> passthrough_args;  ///< what followed "--"
  int threads;                                ///< threads of this rank
};

/// A program: how it declares its options, and what it does with them.
class Program {
 public:
  virtual ~Program() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;
  /// Declares options on `app`, bound to members that already hold their defaults.
  virtual void declare(CLI::App& app) = 0;
  /// Called after a first pass over the command line, before the second: lets --preset change the defaults.
  virtual void apply_preset() {}
  /// Requested threads per rank; 0 = the rank's share of the node's cores.
  virtual int requested_threads() const { return 0; }
  /// Whether arguments after "--" are accepted.
  virtual bool takes_passthrough_args() const { return false; }
  /// Whether SIGTERM and SIGUSR1 only ask for a stop (k7::stop_requested_here), from the start on.
  virtual bool stops_on_signal() const { return false; }
  /// Where the results are after run(), for the case that standard output is lost; empty: nowhere else.
  virtual std::string results() const { return {}; }
  /// The work itself. Throws on failure.
  virtual ExitCode run(Context& context) = 0;
};

/// Runs a program from main(): parses the options, runs it, turns exceptions into one line on stderr and an
/// exit code. A CollectiveError is printed by rank 0 and returned by all ranks; any other exception ends the
/// whole job through MPI_Abort.
int run_main(int argc, char** argv, Program& program);

}  // namespace k7::cli
