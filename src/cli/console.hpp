// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/progress.hpp"
#include "k7/base/observer.hpp"

namespace k7::cli {

/// What a program shows of the library's work: lines in the log, a progress bar on a terminal, and the signals
/// that ask for a stop.
class Console final : public Observer {
 public:
  /// @param speaks false: this process, one of many ranks, draws no bar; its log is silent already
  explicit Console(bool speaks) : speaks_(speaks) {}

  void info(const std::string& line) override;
  void warn(const std::string& line) override;
  /// Work that is done takes its bar off the screen; other work gets another bar.
  void progress(const std::string& label, std::int64_t done, std::int64_t total,
                const std::string& note) override;
  bool stop_requested() override;

 private:
  void clear();

  bool speaks_;
  std::string label_;
  std::int64_t total_ = 0;
  std::unique_ptr<ProgressBar> bar_;
};

}  // namespace k7::cli
