// SPDX-License-Identifier: Apache-2.0
//
// One table of names for each enumeration, which the command line, config files, JSON, checkpoints and messages
// share. An enumeration E has a function next to it, found by its argument:
//   constexpr NameTable<E, n> names_of(E) { return {{{E::first, "first"}, ...}}; }
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace k7 {

template <class E, std::size_t n>
using NameTable = std::array<std::pair<E, const char*>, n>;

/// The name of a value.
template <class E>
std::string name_of(E value) {
  for (const auto& [entry, name] : names_of(E{}))
    if (entry == value) return name;
  return {};
}

/// The value of a name; nothing where no value has it.
template <class E>
std::optional<E> value_of(const std::string& text) {
  for (const auto& [entry, name] : names_of(E{}))
    if (text == name) return entry;
  return {};
}

/// All names, in the order of the table.
template <class E>
std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const auto& entry : names_of(E{})) names.emplace_back(entry.second);
  return names;
}

/// "a, b, c", for messages.
std::string joined(const std::vector<std::string>& words);

}  // namespace k7
