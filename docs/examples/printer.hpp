// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>

#include "k7/base/observer.hpp"

/// Prints what the library tells, on one rank. Without an observer like this one the library is silent.
class Printer final : public k7::Observer {
 public:
  explicit Printer(bool speaks) : speaks_(speaks) {}
  void info(const std::string& line) override {
    if (speaks_) std::printf("%s\n", line.c_str());
  }
  void warn(const std::string& line) override { info("warning: " + line); }

 private:
  bool speaks_;
};
