// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/validators.hpp"
#include "k7/base/names.hpp"

namespace k7::cli {

/// An option whose value is one of the names of an enumeration; its default is what `variable` holds.
template <class E>
CLI::Option* add_choice(CLI::App& app, const std::string& name, E& variable, const std::string& description) {
  auto* option = app.add_option(
      name,
      [&variable](const CLI::results_t& words) {
        const auto value = value_of<E>(words.front());
        if (value) variable = *value;
        return value.has_value();
      },
      description);
  option->type_name("TEXT")->default_str(name_of(variable));
  return option->transform(one_of(all_names<E>()));
}

}  // namespace k7::cli
