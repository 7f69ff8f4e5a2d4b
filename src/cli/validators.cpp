// SPDX-License-Identifier: Apache-2.0
#include "k7/cli/validators.hpp"

#include <cmath>
#include <cstdlib>
#include <string>

namespace k7::cli {
namespace {

bool parse(const std::string& word, double& value) {
  char* end = nullptr;
  value = std::strtod(word.c_str(), &end);
  return !word.empty() && *end == '\0' && std::isfinite(value);
}

}  // namespace

CLI::Validator positive() {
  return {[](std::string& word) {
            double value = 0.0;
            return parse(word, value) && value > 0.0 ? std::string() : word + ": a number above 0 is needed";
          },
          "> 0"};
}

CLI::Validator non_negative() {
  return {[](std::string& word) {
            double value = 0.0;
            return parse(word, value) && value >= 0.0 ? std::string()
                                                      : word + ": 0 or a number above 0 is needed";
          },
          ">= 0"};
}

}  // namespace k7::cli
