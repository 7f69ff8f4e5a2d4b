// SPDX-License-Identifier: Apache-2.0
#include "cli/console.hpp"

#include <spdlog/spdlog.h>

#include "base/stop_signals.hpp"

namespace k7::cli {

void Console::info(const std::string& line) {
  clear();
  spdlog::info("{}", line);
}

void Console::warn(const std::string& line) {
  clear();
  spdlog::warn("{}", line);
}

void Console::progress(const std::string& label, std::int64_t done, std::int64_t total,
                       const std::string& note) {
  if (!bar_ || label != label_ || total != total_) {
    bar_.reset();  // off the screen before the next one is drawn
    bar_ = std::make_unique<ProgressBar>(label, total, speaks_);
    label_ = label;
    total_ = total;
  }
  bar_->update(done, note);
  if (done >= total) bar_.reset();
}

bool Console::stop_requested() {
  return stop_requested_here();
}

/// So that a line can be printed; the bar is drawn again by what comes next.
void Console::clear() {
  if (bar_) bar_->clear();
}

}  // namespace k7::cli
