// SPDX-License-Identifier: Apache-2.0
#include "k7/parallel/signals.hpp"

#include <csignal>

namespace k7::parallel {
namespace {

volatile std::sig_atomic_t stop_signal = 0;

extern "C" void remember_signal(int number) {
  stop_signal = number;
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = remember_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGUSR1, &action, nullptr);
}

bool stop_requested_here() {
  return stop_signal != 0;
}

bool stop_requested(const Communicator& comm) {
  return comm.max(GlobalIndex{stop_requested_here() ? 1 : 0}) > 0;
}

}  // namespace k7::parallel
