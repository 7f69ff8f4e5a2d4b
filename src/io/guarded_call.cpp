// SPDX-License-Identifier: Apache-2.0
#include "io/guarded_call.hpp"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

#include <array>

namespace k7::io {
namespace {

constexpr int cpu_seconds = 5;
constexpr std::array<int, 3> guarded_signals{SIGSEGV, SIGBUS, SIGPROF};

// A signal handler sees nothing but globals.
sigjmp_buf way_out;
pthread_t guarded_thread;

void leave(int signal) {
  if (pthread_equal(pthread_self(), guarded_thread) != 0) siglongjmp(way_out, signal);
  if (signal == SIGPROF) {
    pthread_kill(guarded_thread, signal);  // the timer is the process's, any thread may be told
    return;
  }
  // A fault of another thread has nothing to do with the call.
  ::signal(signal, SIG_DFL);
  raise(signal);
}

/// Puts the handlers and the timer in place, and what was there back.
class Guard {
 public:
  Guard() {
    guarded_thread = pthread_self();
    struct sigaction action {};
    action.sa_handler = leave;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < guarded_signals.size(); ++i)
      sigaction(guarded_signals[i], &action, &before_[i]);
    set_timer(cpu_seconds);
  }
  ~Guard() {
    set_timer(0);
    for (std::size_t i = 0; i < guarded_signals.size(); ++i)
      sigaction(guarded_signals[i], &before_[i], nullptr);
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  static void set_timer(int seconds) {
    itimerval timer{};
    timer.it_value.tv_sec = seconds;
    setitimer(ITIMER_PROF, &timer, nullptr);
  }

  std::array<struct sigaction, guarded_signals.size()> before_{};
};

}  // namespace

CallEnd guarded_call(const std::function<void()>& work) {
  const Guard guard;
  switch (sigsetjmp(way_out, 1)) {
    case 0:
      work();
      return CallEnd::returned;
    case SIGPROF:
      return CallEnd::endless;
    default:
      return CallEnd::crashed;
  }
}

}  // namespace k7::io
