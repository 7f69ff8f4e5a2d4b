// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace k7::cli {

/// One `key = value` of a config file.
struct TomlEntry {
  int line = 0;  ///< on which it begins, from 1
  std::string key;
  std::vector<std::string> values;  ///< the words of a list; else one
};

/// Reads the part of TOML that options need: keys with numbers, texts, true, false and lists of them. Texts
/// without quotes are taken too where they have no blanks. Throws UsageError with the file and the line.
std::vector<TomlEntry> read_toml(const std::string& path);

}  // namespace k7::cli
