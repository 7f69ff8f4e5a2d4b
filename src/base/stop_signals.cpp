// SPDX-License-Identifier: Apache-2.0
#include "base/stop_signals.hpp"

#include <csignal>
#include <initializer_list>

namespace k7 {
namespace {

volatile std::sig_atomic_t stop_signal = 0;

extern "C" void k7_remember_signal(int number) {
  stop_signal = number;
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGUSR1}) sigaddset(&set, number);
  return set;
}

}  // namespace

void hold_stop_signals() {
  const sigset_t set = stop_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = k7_remember_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGUSR1, &action, nullptr);
  const sigset_t set = stop_signals();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

bool stop_requested_here() {
  return stop_signal != 0;
}

}  // namespace k7
