// SPDX-License-Identifier: Apache-2.0
#include "cli/memory_limit.hpp"

#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/blas.hpp"
#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::cli {
namespace {

constexpr int ample = 3;  // seconds of processor time for what takes a tenth of one

constexpr unsigned patience = 10;  // seconds that silent ranks leave to the one that speaks

// What the timer's handler writes; empty on ranks that leave it to another one.
std::array<char, 300> last_line{};

// What else ends a program for which an exception is too much.
std::terminate_handler usual_end = nullptr;

rlim_t address_space_limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

bool has_limit() {
  return address_space_limit() != RLIM_INFINITY;
}

void end_with_last_line(int /*signal*/) {
  constexpr int bad_usage = 2;
  // The launcher ends all ranks after the first: the one that speaks must be that.
  if (last_line[0] == '\0') ::sleep(patience);
  if (::write(STDERR_FILENO, last_line.data(), std::strlen(last_line.data())) < 0) _exit(bad_usage);
  _exit(bad_usage);
}

void set_timer(int seconds) {
  itimerval timer{};
  timer.it_value.tv_sec = seconds;
  setitimer(ITIMER_PROF, &timer, nullptr);
}

/// Whether this is the first process of a job on its node, as far as launchers tell.
/// @param variables of the environment, which getenv does not find before the libraries' own starts
bool is_first_on_node(char* const* variables) {
  for (; *variables != nullptr; ++variables)
    for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK=", "MPI_LOCALRANKID=", "SLURM_LOCALID="}) {
      const std::size_t length = std::strlen(name);
      if (std::strncmp(*variables, name, length) == 0) return std::strcmp(*variables + length, "0") == 0;
    }
  return true;
}

void set_last_line(const char* program, bool speaks) {
  last_line[0] = '\0';
  if (speaks)
    std::snprintf(
        last_line.data(), last_line.size(),
        "%s: error: the limit of the address space (ulimit -v %llu) leaves too little room; BLAS alone takes "
        "128 MiB for each thread (--threads, OMP_NUM_THREADS): raise it\n",
        program, static_cast<unsigned long long>(address_space_limit() / 1024));
}

void watch(const char* program, bool speaks) {
  set_last_line(program, speaks);
  struct sigaction action {};
  action.sa_handler = end_with_last_line;
  sigaction(SIGPROF, &action, nullptr);
  set_timer(ample);
}

// The address sanitizer wants more address space than any limit leaves, and starts later than this.
#if !defined(__SANITIZE_ADDRESS__)
/// Runs before the libraries' own starts.
void watch_loading(int /*argc*/, char** argv, char** environment) {
  if (!has_limit()) return;
  const char* slash = std::strrchr(argv[0], '/');
  watch(slash != nullptr ? slash + 1 : argv[0], is_first_on_node(environment));
  usual_end = std::set_terminate([] { end_with_last_line(0); });  // no memory for what a library makes
}
__attribute__((section(".preinit_array"), used)) void (*const before_libraries)(int, char**,
                                                                                char**) = watch_loading;
#endif

/// Starts threads and ends them. @throws InputError where they cannot be started
void try_threads(int count) {
  std::atomic<bool> all_started{false};
  std::vector<std::thread> started;
  std::string reason;
  try {
    for (int i = 0; i < count; ++i)
      started.emplace_back([&] {
        while (!all_started) std::this_thread::yield();
      });
  } catch (const std::system_error& e) {
    reason = e.code().message();
  }
  all_started = true;
  for (auto& thread : started) thread.join();
  if (!reason.empty())
    throw InputError("only " + std::to_string(started.size() + 1) + " threads can be started (" + reason +
                     "); raise the limits (ulimit -v, ulimit -u), or take fewer --threads");
}

/// One product of matrices on each thread, and one on all of them.
void call_blas(int threads) {
  using Multiply =
      void (*)(const char*, const char*, const int*, const int*, const int*, const double*, const double*,
               const int*, const double*, const int*, const double*, double*, const int*);
  const auto multiply = reinterpret_cast<Multiply>(dlsym(RTLD_DEFAULT, "dgemm_"));
  if (multiply == nullptr) return;
  constexpr int n = 256;
  constexpr double one = 1.0;
  const std::vector<double> a(n * n, 1.0);
  std::vector<double> products(static_cast<std::size_t>(threads) * n * n, 0.0);
  const auto product = [&](int thread) {
    multiply("N", "N", &n, &n, &n, &one, a.data(), &n, a.data(), &n, &one,
             products.data() + static_cast<std::size_t>(thread) * n * n, &n);
  };
  product(0);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int i = 0; i < threads; ++i) product(i);
}

}  // namespace

void end_watch_of_loading(const std::string& program) {
  if (!has_limit()) return;
  set_timer(0);
  if (usual_end != nullptr) std::set_terminate(usual_end);
  constexpr std::size_t needed = std::size_t{96} << 20;  // of MPI with its threads: 50 MiB
  void* room = mmap(nullptr, needed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    set_last_line(program.c_str(), is_first_on_node(environ));
    end_with_last_line(0);
  }
  munmap(room, needed);
}

void take_memory_of_threads(int threads, const parallel::Communicator& comm) {
  const bool limited = has_limit();
  const auto speaker = comm.min(static_cast<GlobalIndex>(limited ? comm.rank() : comm.size()));
  if (speaker == comm.size()) return;
  parallel::agree(comm, [&] {
    if (limited) try_threads(threads - 1);
  });
  if (limited) {
    watch(program_invocation_short_name, comm.rank() == speaker);
    set_blas_threads(threads);
    call_blas(threads);
    set_timer(0);
  }
  comm.barrier();
}

}  // namespace k7::cli
