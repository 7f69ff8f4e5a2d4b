// SPDX-License-Identifier: Apache-2.0
#include "base/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace k7 {

std::string human_time(double seconds) {
  std::array<char, 40> text{};
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (seconds < 59.95)
    std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  else if (whole < 3600)
    std::snprintf(text.data(), text.size(), "%lldm %02llds", whole / 60, whole % 60);
  else
    std::snprintf(text.data(), text.size(), "%lldh %02lldm", whole / 3600, whole % 3600 / 60);
  return text.data();
}

std::string human_count(double n) {
  constexpr std::array<const char*, 5> prefix{"", " k", " M", " G", " T"};
  std::size_t p = 0;
  while (n >= 999.5 && p + 1 < prefix.size()) {
    n /= 1000.0;
    ++p;
  }
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.3g%s", n, prefix[p]);
  return text.data();
}

ProgressBar::ProgressBar(std::string label, std::int64_t total, bool enabled)
    : label_(std::move(label)), total_(total), visible_(enabled && isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::update(std::int64_t done, const std::string& note) {
  if (!visible_) return;
  const double now = watch_.seconds();
  if (last_draw_ >= 0.0 && now - last_draw_ < 0.1 && done < total_) return;
  last_draw_ = now;
  constexpr int width = 28;
  const double share = total_ > 0 ? static_cast<double>(done) / static_cast<double>(total_) : 1.0;
  const int filled = std::clamp(static_cast<int>(share * width), 0, width);
  const std::string left = share > 0.0 ? human_time(now * (1.0 - share) / share) : "?";
  std::fprintf(stderr, "\r\033[K%s [%s%s] %3.0f%%  %s left  %s", label_.c_str(),
               std::string(filled, '#').c_str(), std::string(width - filled, '.').c_str(), 100.0 * share,
               left.c_str(), note.c_str());
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (visible_ && last_draw_ >= 0.0) std::fputs("\r\033[K", stderr);
}

}  // namespace k7
