// SPDX-License-Identifier: Apache-2.0
//
// What the user wrote, on the command line or in a config file, before it is given to CLI11: here it gets
// checked, so that every message is K7's own and says what would be right.
#pragma once

#include <CLI/CLI.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace k7::cli {

/// Words that make no sense; the text names them.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One option as it was given.
struct Given {
  CLI::Option* option = nullptr;
  std::string name;                 ///< as written: -k, --neighbors, or the key of a config file
  std::string where;                ///< "c.toml: line 3: "; empty for the command line
  std::vector<std::string> values;  ///< of a flag: none, or one
};

/// Looks the words of the command line up in what `app` declares. Throws UsageError.
std::vector<Given> read_words(CLI::App& app, const std::vector<std::string>& words);

/// Reads a config file likewise, as entries for the options of `app`. Throws UsageError.
std::vector<Given> read_config(CLI::App& app, const std::string& path);

/// Checks the values of everything given, and which options go together; brings the values into the form that
/// CLI11 converts. Throws UsageError.
void check_values(std::vector<Given>& given);

/// Words for CLI11.
std::vector<std::string> plain_words(const std::vector<Given>& given);

}  // namespace k7::cli
