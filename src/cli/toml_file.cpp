// SPDX-License-Identifier: Apache-2.0
#include "cli/toml_file.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/quote.hpp"
#include "cli/words.hpp"
#include "io/hdf5_file.hpp"

namespace k7::cli {
namespace {

class TomlReader {
 public:
  TomlReader(std::string file, std::string text) : file_(std::move(file)), text_(std::move(text)) {
    if (text_.compare(0, 3, "\xef\xbb\xbf") == 0)
      at_ = 3;  // Windows editors begin UTF-8 files with this mark
  }

  std::vector<TomlEntry> read() {
    std::vector<TomlEntry> entries;
    for (skip_lines(); !ended(); skip_lines()) {
      entries.push_back(read_entry());
      skip_blanks();
      if (!ended() && next() != '\n' && next() != '#')
        fail(line_, k7::quoted(rest_of_line()) + " follows the value of " + shortened(entries.back().key) +
                        "; texts with blanks need quotes, lists brackets: [1, 2]");
    }
    return entries;
  }

 private:
  TomlEntry read_entry() {
    TomlEntry entry;
    entry.line = line_;
    const std::string whole_line = rest_of_line();
    if (next() == '[')
      fail(line_, k7::quoted(whole_line) + ": sections have no meaning here; write lines key = value");
    entry.key = is_quote() ? read_text() : read_bare("=");
    skip_blanks();
    if (ended() || next() != '=') fail(line_, k7::quoted(whole_line) + " is not of the form key = value");
    ++at_;
    skip_blanks();
    if (!ended() && next() == '[')
      entry.values = read_list();
    else
      entry.values = {read_value("")};
    return entry;
  }

  std::vector<std::string> read_list() {
    const int begin = line_;
    const auto check_end = [&] {
      skip_lines();
      if (ended()) fail(begin, "the list that begins here has no end, ]");
    };
    std::vector<std::string> values;
    ++at_;
    for (check_end(); next() != ']'; check_end()) {
      if (next() == '[') fail(line_, "a list in a list has no meaning here");
      values.push_back(read_value(",]"));
      check_end();
      if (next() == ',')
        ++at_;
      else if (next() != ']')
        fail(line_, k7::quoted(rest_of_line()) + ": a comma or ] must come first; the list begins on line " +
                        std::to_string(begin));
    }
    ++at_;
    return values;
  }

  std::string read_value(const std::string& ends) {
    if (!ended() && is_quote()) return read_text();
    std::string word = read_bare(ends + " \t\r");
    const bool number = !word.empty() && word.find_first_not_of("0123456789_+-.eE") == std::string::npos;
    if (number) word.erase(std::remove(word.begin(), word.end(), '_'), word.end());  // 1_000_000
    return word;
  }

  /// Up to the end of the line, a comment, or one of `ends`; without the blanks around it.
  std::string read_bare(const std::string& ends) {
    const std::size_t begin = at_;
    while (!ended() && (ends + "\n#").find(next()) == std::string::npos) ++at_;
    std::string word = text_.substr(begin, at_ - begin);
    while (!word.empty() && is_blank(word.back())) word.pop_back();
    return word;
  }

  std::string read_text() {
    const char quote = text_[at_];
    if (text_.compare(at_, 3, std::string(3, quote)) == 0)
      fail(line_, "texts of several lines have no meaning here");
    const int begin = line_;
    std::string text;
    for (++at_; !ended() && next() != quote && next() != '\n'; ++at_)
      text += quote == '"' && next() == '\\' ? read_escape() : next();
    if (ended() || next() != quote)
      fail(begin, std::string("a text that begins with ") + quote + " has no end");
    ++at_;
    return text;
  }

  char read_escape() {
    ++at_;
    if (!ended()) {
      if (next() == '"' || next() == '\\') return next();
      if (next() == 't') return '\t';
      if (next() == 'n') return '\n';
    }
    fail(line_,
         "a backslash stands before \", \\, t or n only; texts in single quotes are taken as they are");
  }

  void skip_blanks() {
    while (!ended() && is_blank(next())) ++at_;
  }

  /// Skips blanks, comments and ends of lines.
  void skip_lines() {
    for (skip_blanks(); !ended() && (next() == '\n' || next() == '#'); skip_blanks()) {
      if (next() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
      if (ended()) return;
      ++at_;
      ++line_;
    }
  }

  std::string rest_of_line() const {
    std::string rest = text_.substr(at_, text_.find('\n', at_) - at_);
    if (!rest.empty() && rest.back() == '\r') rest.pop_back();
    return rest;
  }

  [[noreturn]] void fail(int line, const std::string& text) const {
    throw UsageError(file_ + ": line " + std::to_string(line) + ": " + text);
  }

  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
  bool is_quote() const { return next() == '"' || next() == '\''; }
  bool ended() const { return at_ >= text_.size(); }
  char next() const { return text_[at_]; }

  std::string file_;
  std::string text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

/// The text of a file that may be a config file: pipes and devices, which may have no end, are not opened.
std::string read_file(const std::string& path) {
  constexpr std::uintmax_t most = 1U << 20;
  const std::string obstacle = io::read_obstacle(path);
  if (!obstacle.empty()) throw UsageError(escaped(path) + ": " + obstacle);
  std::error_code ignored;
  if (std::filesystem::file_size(path, ignored) > most)
    throw UsageError(escaped(path) + ": is over 1 MiB, too large for a config file");
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

std::vector<TomlEntry> read_toml(const std::string& path) {
  return TomlReader(escaped(path), read_file(path)).read();
}

}  // namespace k7::cli
