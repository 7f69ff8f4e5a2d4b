// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "k7/parallel/communicator.hpp"

namespace k7::parallel {

/// Seconds since an object was made.
class Stopwatch {
 public:
  Stopwatch() : start_(std::chrono::steady_clock::now()) {}
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_;
};

/// "1h 02m", "3m 07s" or "4.2 s".
std::string human_time(double seconds);
/// "1.2 M", "340 k": a count with a unit prefix, three digits.
std::string human_count(double n);

/// A progress bar on stderr of rank 0, drawn only when stderr is a terminal. Not collective.
class ProgressBar {
 public:
  ProgressBar(const Communicator& comm, std::string label, std::int64_t total, bool enabled = true);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Redraws at most ten times a second.
  void update(std::int64_t done, const std::string& note = {});
  /// Takes the bar off the screen, so that a log line can be printed.
  void clear();

 private:
  std::string label_;
  std::int64_t total_;
  bool visible_;
  Stopwatch watch_;
  double last_draw_ = -1.0;
};

}  // namespace k7::parallel
