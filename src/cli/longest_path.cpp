// SPDX-License-Identifier: Apache-2.0
#include "cli/longest_path.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "cli/toml_file.hpp"
#include "cli/words.hpp"
#include "io/atomic_file.hpp"

namespace k7::cli {
namespace {

/// What stands in one word: -oFILE and --out=FILE hold the name of a file too.
std::vector<std::string> parts_of(const std::string& word) {
  std::vector<std::string> parts{word};
  const std::size_t equals = word.find('=');
  if (equals != std::string::npos) parts.push_back(word.substr(equals + 1));
  if (word.size() > 2 && word[0] == '-') parts.push_back(word.substr(2));
  return parts;
}

/// The values of a config file; none where it cannot be read, which is told when the options are.
std::vector<std::string> config_values(const std::string& path) {
  std::vector<std::string> values;
  try {
    for (const TomlEntry& entry : read_toml(path))
      values.insert(values.end(), entry.values.begin(), entry.values.end());
  } catch (const UsageError&) {
    values.clear();
  }
  return values;
}

}  // namespace

std::size_t longest_path(int argc, char** argv) {
  const std::string option = "--config";
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto parts = parts_of(word);
    names.insert(names.end(), parts.begin(), parts.end());
    std::vector<std::string> values;
    if (word == option && i + 1 < argc) values = config_values(argv[i + 1]);
    if (word.compare(0, option.size() + 1, option + "=") == 0)
      values = config_values(word.substr(option.size() + 1));
    names.insert(names.end(), values.begin(), values.end());
  }
  if (const char* folder = std::getenv("TMPDIR")) names.emplace_back(folder);
  std::size_t longest = 0;
  for (const std::string& name : names)
    longest = std::max({longest, name.size(), io::write_target(name).size()});
  std::error_code no_folder;
  return longest + std::filesystem::current_path(no_folder).native().size();
}

}  // namespace k7::cli
