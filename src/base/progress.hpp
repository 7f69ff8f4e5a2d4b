// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/stopwatch.hpp"

namespace k7 {

/// "1h 02m", "3m 07s" or "4.2 s".
std::string human_time(double seconds);
/// "1.2 M", "340 k": a count with a unit prefix, three digits.
std::string human_count(double n);

/// A progress bar on stderr, drawn only when stderr is a terminal.
class ProgressBar {
 public:
  ProgressBar(std::string label, std::int64_t total, bool enabled = true);
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

}  // namespace k7
