// SPDX-License-Identifier: Apache-2.0
#include "cli/words.hpp"

#include <algorithm>
#include <cctype>

#include "base/quote.hpp"
#include "cli/nearest.hpp"
#include "cli/toml_file.hpp"

namespace k7::cli {
namespace {

bool is_flag(const CLI::Option& option) {
  return option.get_items_expected_max() == 0;
}
bool is_list(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}
bool is_repeatable(const CLI::Option& option) {
  return option.check_lname("verbose") || option.check_lname("quiet");
}

/// Every name of every option, as it is written on the command line.
std::vector<std::string> option_names(CLI::App& app, const std::string& dashes) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options([](CLI::Option*) { return true; }))
    for (const auto& name : option->get_lnames()) names.push_back(dashes + name);
  return names;
}

/// -3 and -.5 are values; - alone is a name.
bool looks_like_option(const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return false;
  return std::isdigit(static_cast<unsigned char>(word[1])) == 0 && word[1] != '.';
}

/// Goes through the words from left to right.
class Scanner {
 public:
  Scanner(CLI::App& app, const std::vector<std::string>& words) : app_(app), words_(words) {}

  std::vector<Given> scan() {
    while (at_ < words_.size()) {
      const std::string word = words_[at_++];
      if (!looks_like_option(word))
        add_positional(word);
      else if (word[1] == '-')
        add_long(word);
      else
        add_short(word);
    }
    return std::move(given_);
  }

 private:
  void add_positional(const std::string& word) {
    if (word.empty()) throw UsageError("an empty word is no name of a file");
    for (CLI::Option* option : app_.get_options([](CLI::Option* o) { return o->get_positional(); })) {
      const auto before =
          std::find_if(given_.begin(), given_.end(), [option](const Given& g) { return g.option == option; });
      if (before != given_.end())
        throw UsageError(k7::quoted(word) + " is one word too many: the " + option->get_name() +
                         " are already " + k7::quoted(before->values.front()));
      given_.push_back({option, option->get_name(), "", {word}});
      return;
    }
    throw UsageError(k7::quoted(word) + " is one word too many: no option before it takes it");
  }

  void add_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    CLI::Option* option = find(name);
    Given given{option, name, "", {}};
    if (equals != std::string::npos)
      given.values = {word.substr(equals + 1)};
    else if (!is_flag(*option))
      take_values(given);
    add(std::move(given));
  }

  /// -k 8, -k8, -k=8; flags may stand together, -vv.
  void add_short(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const std::string name{'-', word[i]};
      if (app_.get_option_no_throw(name) == nullptr && i == 1) find(word);  // shows the whole word
      Given given{find(name), name, "", {}};
      std::string rest = word.substr(i + 1);
      const bool equals = !rest.empty() && rest[0] == '=';
      if (equals) rest.erase(0, 1);
      const bool ends = equals || !is_flag(*given.option);
      if (equals || (ends && !rest.empty()))
        given.values = {rest};
      else if (ends)
        take_values(given);
      add(std::move(given));
      if (ends) return;
    }
  }

  /// The words that follow an option: one, or of a list all up to the next option.
  void take_values(Given& given) {
    while (at_ < words_.size() && !names_option(words_[at_])) {
      given.values.push_back(words_[at_++]);
      if (!is_list(*given.option)) return;
    }
    if (given.values.empty()) throw UsageError(given.name + " needs a value");
  }

  bool names_option(const std::string& word) const {
    if (!looks_like_option(word)) return false;
    return word[1] == '-' || app_.get_option_no_throw(word.substr(0, 2)) != nullptr;
  }

  CLI::Option* find(const std::string& name) {
    CLI::Option* option = app_.get_option_no_throw(name);
    if (option != nullptr) return option;
    // One dash is a frequent slip, and short names are too short to be guessed.
    const std::string text = name[1] == '-' ? name : "-" + name;
    throw UsageError(shortened(name) + " is not an option" + suggestion(text, option_names(app_, "--")));
  }

  void add(Given given) {
    for (const auto& before : given_) {
      if (before.option != given.option || is_repeatable(*given.option)) continue;
      throw UsageError(given.name + " is given twice" +
                       (before.name == given.name ? "" : "; " + before.name + " is the same option"));
    }
    given_.push_back(std::move(given));
  }

  CLI::App& app_;
  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  std::vector<Given> given_;
};

/// "--epochs", or "c.toml: line 3: epochs".
std::string title(const Given& given) {
  return given.where + given.name;
}

std::vector<std::string> split(const std::vector<std::string>& words) {
  std::vector<std::string> parts;
  for (const auto& word : words) {
    std::size_t begin = 0;
    for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
      end = word.find(',', begin);
      parts.push_back(CLI::detail::trim_copy(word.substr(begin, end - begin)));
    }
  }
  return parts;
}

/// A flag's value is written true or false; CLI11's other words for them stay.
void check_flag(Given& given) {
  if (given.values.empty()) return;
  std::string& word = given.values.front();
  const auto is_one_of = [&](const std::vector<std::string>& words) {
    return given.values.size() == 1 && std::find(words.begin(), words.end(), word) != words.end();
  };
  if (is_one_of({"true", "on", "yes", "1"}))
    word = "true";
  else if (is_one_of({"false", "off", "no", "0"}))
    word = "false";
  else if (!is_repeatable(*given.option) || !is_one_of({"2", "3", "4", "5"}))
    throw UsageError(title(given) + ": " + k7::quoted(word) + " is neither true nor false");
}

/// What the option's own check finds wrong; it may bring the word into another form.
std::string defect(CLI::Option& option, std::string& word) {
  const CLI::Validator* check = nullptr;
  try {
    check = option.get_validator(0);
  } catch (const CLI::OptionNotFound&) {
    return {};  // a word of any kind, a file name
  }
  return (*check)(word);
}

void check_value(Given& given) {
  if (std::all_of(given.values.begin(), given.values.end(), [](const auto& v) { return v.empty(); }))
    throw UsageError(title(given) + " needs a value");
  if (is_list(*given.option))
    given.values = split(given.values);
  else if (given.values.size() > 1)
    throw UsageError(title(given) + ": takes one value, not a list");
  for (auto& word : given.values) {
    const std::string text = defect(*given.option, word);
    if (!text.empty()) throw UsageError(title(given) + ": " + text);
  }
}

/// A short name with the long one that --help explains: "-N (--points)".
std::string full_title(const Given& given) {
  const bool is_short = given.name.size() == 2 && !given.option->get_lnames().empty();
  return title(given) + (is_short ? " (--" + given.option->get_lnames().front() + ")" : "");
}

void check_exclusion(const std::vector<Given>& given) {
  for (const auto& one : given)
    for (const auto& other : given)
      if (one.option->get_excludes().count(other.option) > 0)
        throw UsageError(full_title(one) + " and " + full_title(other) +
                         " exclude each other; give one of them");
}

}  // namespace

std::vector<Given> read_words(CLI::App& app, const std::vector<std::string>& words) {
  return Scanner(app, words).scan();
}

std::vector<Given> read_config(CLI::App& app, const std::string& path) {
  std::vector<Given> given;
  for (auto& entry : read_toml(path)) {
    const std::string file = escaped(path) + ": ";
    const std::string where = file + "line " + std::to_string(entry.line) + ": ";
    CLI::Option* option = nullptr;
    for (const char* dashes : {"--", "-", ""})
      if (option == nullptr && !entry.key.empty()) option = app.get_option_no_throw(dashes + entry.key);
    if (option == nullptr || !option->get_configurable()) {
      const std::string nearest = suggestion(entry.key, option_names(app, ""));
      throw UsageError(where + k7::quoted(entry.key) + " is not an option" +
                       (nearest.empty() ? "; any long option is a key, e.g. seed = 1" : nearest));
    }
    for (const auto& before : given)
      if (before.option == option)
        throw UsageError(where + entry.key + " is given twice, first in " +
                         before.where.substr(file.size(), before.where.size() - file.size() - 2));
    given.push_back({option, entry.key, where, std::move(entry.values)});
  }
  return given;
}

void check_values(std::vector<Given>& given) {
  for (auto& one : given) is_flag(*one.option) ? check_flag(one) : check_value(one);
  check_exclusion(given);
}

std::vector<std::string> plain_words(const std::vector<Given>& given) {
  std::vector<std::string> words;
  std::vector<std::string> positionals;
  for (const auto& one : given) {
    if (one.option->get_positional()) {
      positionals.push_back(one.values.front());
      continue;
    }
    // An option name may be a negative one (--no-images), which is set to the contrary.
    std::string name = one.option->get_lnames().front();
    const std::string key = one.name.substr(std::min(one.name.find_first_not_of('-'), one.name.size()));
    const bool negative = is_flag(*one.option) && one.option->check_fname(key);
    std::string value = is_flag(*one.option) ? "true" : "";
    for (std::size_t i = 0; i < one.values.size(); ++i) value = (i == 0 ? "" : value + ",") + one.values[i];
    if (negative) value = value == "true" ? "false" : "true";
    words.push_back("--" + name + "=" + value);
  }
  words.emplace_back("--");  // what follows are no options, whatever it begins with
  words.insert(words.end(), positionals.begin(), positionals.end());
  return words;
}

}  // namespace k7::cli
