// SPDX-License-Identifier: Apache-2.0
#include "io/reader_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <utility>
#include <vector>

#include "k7/base/error.hpp"

namespace k7::io {
namespace {

// A message is its length, eight bytes, and then its bytes; the first byte of an answer is one of these or
// the exit code of an error.
constexpr char answered = 0;

bool send_all(int socket, const char* data, std::size_t n) {
  while (n > 0) {
    const ssize_t sent = ::send(socket, data, n, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data += sent;
    n -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool receive_all(int socket, char* data, std::size_t n) {
  while (n > 0) {
    const ssize_t got = ::recv(socket, data, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    data += got;
    n -= static_cast<std::size_t>(got);
  }
  return true;
}

bool send_message(int socket, const std::string& bytes) {
  const std::uint64_t n = bytes.size();
  std::array<char, sizeof(n)> head{};
  std::memcpy(head.data(), &n, sizeof(n));
  return send_all(socket, head.data(), head.size()) && send_all(socket, bytes.data(), bytes.size());
}

bool receive_message(int socket, std::size_t most, std::string& bytes) {
  std::uint64_t n = 0;
  std::array<char, sizeof(n)> head{};
  if (!receive_all(socket, head.data(), head.size())) return false;
  std::memcpy(&n, head.data(), sizeof(n));
  if (n > most) return false;
  bytes.resize(n);
  return receive_all(socket, bytes.data(), n);
}

std::vector<int> open_files() {
  std::vector<int> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored))
    files.push_back(std::atoi(entry.path().filename().c_str()));
  return files;
}

/// Closes all files but one. The connections of MPI and the lock of a run folder are among them: a copy that
/// outlives this process by a moment must not hold them.
void close_others(int kept) {
#ifdef SYS_close_range
  constexpr unsigned highest = ~0U;
  const bool closed = (kept <= 3 || syscall(SYS_close_range, 3U, static_cast<unsigned>(kept) - 1, 0U) == 0) &&
                      syscall(SYS_close_range, static_cast<unsigned>(kept) + 1, highest, 0U) == 0;
#else
  constexpr bool closed = false;
#endif
  // Older kernels: those that are open, by their list.
  if (!closed)
    for (const int fd : open_files())
      if (fd > 2 && fd != kept) ::close(fd);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (const int standard : {0, 1, 2}) ::dup2(nowhere, standard);
  if (nowhere > 2) ::close(nowhere);
}

void reset_signals() {
  // A fault ends the process, whatever this program or its libraries do about theirs.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU}) ::signal(fault, SIG_DFL);
  // These ask the whole program to stop, and it decides when.
  for (const int stop : {SIGTERM, SIGUSR1, SIGUSR2, SIGINT, SIGHUP, SIGQUIT}) ::signal(stop, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void settle(int socket, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it ended before that took effect
  reset_signals();
  close_others(socket);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // If a damaged file makes it take all memory, it is the one to go.
  const int score = ::open("/proc/self/oom_score_adj", O_WRONLY);
  if (score >= 0) {
    [[maybe_unused]] const ssize_t ignored = ::write(score, "1000", 4);
    ::close(score);
  }
}

std::string answer_to(const ReaderProcess::Serve& serve, const std::string& request) {
  try {
    return answered + serve(request);
  } catch (const Error& e) {
    return static_cast<char>(e.fault()) + std::string(e.what());
  } catch (const std::bad_alloc&) {
    return static_cast<char>(Fault::internal) +
           std::string("out of memory while a file was read; use a machine with more memory");
  } catch (const std::exception& e) {
    return static_cast<char>(Fault::internal) + std::string(e.what());
  }
}

[[noreturn]] void serve_until_closed(int socket, const std::function<ReaderProcess::Serve()>& start) {
  constexpr std::size_t longest_request = std::size_t{1} << 20;
  try {
    const ReaderProcess::Serve serve = start();
    std::string request;
    while (receive_message(socket, longest_request, request) &&
           send_message(socket, answer_to(serve, request))) {
    }
  } catch (...) {
    _exit(1);
  }
  _exit(0);  // without the ends that the program's libraries have prepared: they are this process's alone
}

}  // namespace

ReaderProcess::ReaderProcess(const std::function<Serve()>& start) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw Error(Fault::internal, std::string("no connection to a second process: ") + std::strerror(errno));
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    settle(ends[1], parent);
    serve_until_closed(ends[1], start);
  }
  const int reason = errno;
  ::close(ends[1]);
  socket_ = ends[0];
  if (pid_ > 0) return;
  ::close(socket_);
  throw Error(Fault::internal,
              std::string("no second process can be started to read files: ") + std::strerror(reason));
}

ReaderProcess::ReaderProcess(ReaderProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::exchange(other.socket_, -1)), end_(other.end_) {}

ReaderProcess::~ReaderProcess() {
  if (socket_ >= 0) ::close(socket_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);  // it may be busy, and has nothing to lose
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

ReaderProcess::End ReaderProcess::reap() {
  ::shutdown(socket_, SHUT_RDWR);  // one that still runs ends now
  int status = 0;
  constexpr int patience = 100;  // times 10 ms
  for (int i = 0; i < patience && waitpid(pid_, &status, WNOHANG) == 0; ++i) {
    if (i + 1 == patience) {
      ::kill(pid_, SIGKILL);
      while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
    } else {
      usleep(10000);
    }
  }
  pid_ = -1;
  if (!WIFSIGNALED(status)) return End::crashed;
  if (WTERMSIG(status) == SIGXCPU) return End::endless;
  return WTERMSIG(status) == SIGKILL ? End::killed : End::crashed;
}

std::string ReaderProcess::call(const std::string& request, std::size_t most, End& end) {
  constexpr std::size_t longest_error = std::size_t{1} << 16;
  std::string answer;
  end = end_;
  if (end_ != End::none) return answer;
  if (!send_message(socket_, request) ||
      !receive_message(socket_, std::max(most, longest_error) + 1, answer) || answer.empty()) {
    end = end_ = reap();
    return {};
  }
  const char code = answer.front();
  answer.erase(0, 1);
  if (code == static_cast<char>(Fault::bad_input)) throw InputError(answer);
  if (code != answered) throw Error(static_cast<Fault>(code), answer);
  return answer;
}

void allow_processor_seconds(double seconds) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  rlimit limit{};
  getrlimit(RLIMIT_CPU, &limit);
  const auto total = static_cast<rlim_t>(std::ceil(seconds)) +
                     static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1;
  limit.rlim_cur = std::min(total, limit.rlim_max);
  setrlimit(RLIMIT_CPU, &limit);
}

}  // namespace k7::io
