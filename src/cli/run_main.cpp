// SPDX-License-Identifier: Apache-2.0
#include "cli/run_main.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/blas.hpp"
#include "base/log.hpp"
#include "base/quote.hpp"
#include "base/stop_signals.hpp"
#include "cli/longest_path.hpp"
#include "cli/memory_limit.hpp"
#include "cli/options.hpp"
#include "io/hdf5_file.hpp"
#include "k7/base/build_info.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/parallel/environment.hpp"
#include "parallel/threads.hpp"

namespace k7::cli {
namespace {

/// What may be shown of an error. Much of it can come from a file, which may hold megabytes, or sequences
/// that steer a terminal.
std::string one_line(std::string text) {
  constexpr std::size_t most = 6000;
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return shortened(text, most);
}

/// Where a standard stream was closed, the next file that is opened would take its place, and what is
/// printed would end up in that file.
void keep_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
      const int opened = open("/dev/null", O_RDWR);  // the lowest number that is free
      if (opened >= 0 && opened != fd) close(opened);
    }
}

/// Why not all that was printed on standard output has arrived; empty if it has, or if the program that read
/// it has ended, as `head` does: it wanted no more. Root only.
std::string output_loss() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return {};
  // Something was lost before: whether one more line end can be written tells why.
  if (flushed && write(STDOUT_FILENO, "\n", 1) == 1) return "standard output could not be written in full";
  return errno == EPIPE ? "" : std::string("standard output cannot be written: ") + std::strerror(errno);
}

/// The exit code of a program that has done its work, when all of its output has arrived. Collective.
ExitCode check_output(const Program& program, const parallel::Communicator& comm, ExitCode code,
                      const std::string& results) {
  std::string loss = comm.is_root() ? output_loss() : "";
  if (!loss.empty()) {
    if (!results.empty()) loss += "; the results are in " + results;
    std::fprintf(stderr, "%s: error: %s\n", program.name().c_str(), one_line(loss).c_str());
  }
  const bool lost = comm.max(GlobalIndex{loss.empty() ? 0 : 1}) > 0;
  return lost && code == ExitCode::done ? ExitCode::internal_error : code;
}

/// The last door: an error that only this rank knows of ends all ranks.
[[noreturn]] void abort_all(const Program& program, const parallel::Communicator& comm, int code,
                            const std::string& text) {
  std::fprintf(stderr, "%s: error: rank %d of %d: %s\n", program.name().c_str(), comm.rank(), comm.size(),
               one_line(text).c_str());
  std::fflush(stderr);
  MPI_Abort(comm.handle(), code);
  std::abort();  // MPI_Abort does not return
}

int report_collective(const Program& program, const parallel::Communicator& comm, ExitCode code,
                      const std::string& text) {
  if (comm.is_root()) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: error: %s\n", program.name().c_str(), one_line(text).c_str());
  }
  // See hdf5_abandoned: MPI_Finalize would crash, on this rank or while this rank waits in it for another.
  // All ranks are here, so nobody is left waiting.
  if (comm.max(GlobalIndex{io::hdf5_abandoned() ? 1 : 0}) > 0) {
    std::fflush(nullptr);
    comm.barrier();
    std::_Exit(static_cast<int>(code));
  }
  return static_cast<int>(code);
}

ExitCode run_parsed(Program& program, const ParsedOptions& parsed, const parallel::Communicator& comm) {
  k7::start_log(comm.is_root(), parsed.verbosity);
  const int threads =
      program.requested_threads() > 0 ? program.requested_threads() : parallel::threads_per_rank(comm);
  take_memory_of_threads(threads, comm);
  k7::set_blas_threads(threads);
  const BuildInfo build = build_info();
  spdlog::info("{} {} ({}): {} rank{}, {} thread{} each, {}", program.name(), build.version, build.git,
               comm.size(), comm.size() == 1 ? "" : "s", threads, threads == 1 ? "" : "s", k7::blas_name());
  Context context{comm, parsed.values, parsed.passthrough_args, threads};
  return program.run(context);
}

}  // namespace

int run_main(int argc, char** argv, Program& program) {
  end_watch_of_loading(program.name());
  // A file that may not grow (ulimit -f) is then an error of writing, as on a full disk, and leaves no
  // temporary.
  std::signal(SIGXFSZ, SIG_IGN);
  // Nor does a log that nobody reads any more end the work.
  std::signal(SIGPIPE, SIG_IGN);
  keep_standard_streams();
  if (program.stops_on_signal()) k7::hold_stop_signals();
  k7::prepare_process(argv);  // may start the program again
  if (program.stops_on_signal()) k7::catch_stop_signals();
  const parallel::Environment environment(argc, argv, longest_path(argc, argv));
  const parallel::Communicator comm(MPI_COMM_WORLD);
  try {
    // Every rank parses the same words, but a config file may be there for some of them only.
    ParsedOptions parsed;
    parallel::agree(comm, [&] { parsed = parse_options(program, argc, argv); });
    if (parsed.text_only) {
      if (comm.is_root()) std::fputs(parsed.text.c_str(), stdout);
      return static_cast<int>(check_output(program, comm, ExitCode::done, ""));
    }
    const ExitCode code = run_parsed(program, parsed, comm);
    return static_cast<int>(check_output(program, comm, code, program.results()));
  } catch (const CollectiveError& e) {
    return report_collective(program, comm, exit_code(e.fault()), e.what());
  } catch (const Error& e) {
    abort_all(program, comm, static_cast<int>(exit_code(e.fault())), e.what());
  } catch (const std::bad_alloc&) {
    abort_all(program, comm, static_cast<int>(ExitCode::internal_error),
              "out of memory; use more ranks, or a machine with more memory");
  } catch (const std::exception& e) {
    abort_all(program, comm, static_cast<int>(ExitCode::internal_error), e.what());
  }
}

}  // namespace k7::cli
