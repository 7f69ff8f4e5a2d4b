// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace k7 {

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

}  // namespace k7
