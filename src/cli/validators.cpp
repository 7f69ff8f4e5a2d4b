// SPDX-License-Identifier: Apache-2.0
#include "cli/validators.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/quote.hpp"
#include "cli/nearest.hpp"

namespace k7::cli {
namespace {

std::string formatted(const char* format, long double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// Short, and never more than the number itself.
std::string limit_text(long double value) {
  constexpr long double readable = 1e10L;
  if (value < readable) return formatted("%.0Lf", value);
  const long double unit = std::pow(10.0L, std::floor(std::log10(value)) - 1.0L);
  return formatted("%.1Le", std::floor(value / unit) * unit);
}

/// What is wrong with a word as a number, at most `most`; empty if nothing.
std::string number_defect(const std::string& word, long double most, long double& value) {
  char* end = nullptr;
  value = std::strtold(word.c_str(), &end);
  if (word.empty() || end != word.c_str() + word.size() || std::isnan(value))
    return k7::quoted(word) + " is not a number";
  if (value > most) return k7::quoted(word) + " is too large; at most " + limit_text(most);
  return {};
}

/// A real number, for which `bound` holds.
CLI::Validator real(bool (*bound)(long double), const std::string& needed, const std::string& description) {
  return {[bound, needed](std::string& word) {
            long double value = 0.0L;
            const auto most = static_cast<long double>(std::numeric_limits<double>::max());
            std::string defect = number_defect(word, most, value);
            // What is below the smallest double would become zero.
            if (defect.empty() && !bound(static_cast<double>(value)))
              defect = k7::quoted(word) + " is too small; " + needed + " is needed";
            return defect;
          },
          description};
}

}  // namespace

CLI::Validator positive() {
  return real([](long double value) { return value > 0.0L; }, "a number above 0", "> 0");
}

CLI::Validator non_negative() {
  return real([](long double value) { return value >= 0.0L; }, "0 or a number above 0", ">= 0");
}

CLI::Validator whole(long double least, long double most) {
  return {[least, most](std::string& word) -> std::string {
            long double value = 0.0L;
            std::string defect = number_defect(word, most, value);
            if (!defect.empty()) return defect;
            if (value != std::floor(value)) return k7::quoted(word) + " is not a whole number";
            if (value < least)
              return k7::quoted(word) + " is too small; at least " + formatted("%.0Lf", least);
            word = formatted("%.0Lf", value + 0.0L);  // -0 becomes 0
            return {};
          },
          ">= " + formatted("%.0Lf", least)};
}

CLI::Validator one_of(std::vector<std::string> names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
  std::string description = "{" + list + "}";
  return {[names = std::move(names), list](std::string& word) -> std::string {
            if (std::find(names.begin(), names.end(), word) != names.end()) return {};
            return k7::quoted(word) + " is none of " + list + suggestion(word, names);
          },
          std::move(description)};
}

}  // namespace k7::cli
