// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>

#include "k7/version.hpp"

namespace k7::cli {
namespace {

/// Long names that say how to run, not what to compute: they are not part of the stored options.
bool is_meta(const std::string& name) {
  return name == "help" || name == "version" || name == "config" || name == "verbose" || name == "quiet";
}

std::string version_text(const Program& program) {
  return program.name() + " " + version + " (" + git_revision + ")\n";
}

std::string file_of_config(const CLI::App& app) {
  const CLI::Option* option = app.get_config_ptr();
  return option != nullptr && option->count() > 0 ? option->as<std::string>() : "";
}

/// CLI11's texts for a bad option value begin with the option; this adds what help to ask for.
[[noreturn]] void usage_error(const Program& program, const CLI::App& app, const CLI::ParseError& e) {
  std::string text = e.what();
  if (dynamic_cast<const CLI::ConfigError*>(&e) != nullptr ||
      dynamic_cast<const CLI::FileError*>(&e) != nullptr)
    text =
        file_of_config(app) + ": " + text + " (a config file holds long options as keys, e.g. epochs = 100)";
  throw CollectiveError(ExitCode::bad_input, text + "; see " + program.name() + " --help");
}

std::unique_ptr<CLI::App> make_app(Program& program, int& verbose, int& quiet) {
  auto app = std::make_unique<CLI::App>(program.summary(), program.name());
  app->get_formatter()->column_width(34);
  app->option_defaults()->always_capture_default();
  app->set_version_flag("--version", version_text(program));
  app->set_config("--config", "", "TOML file with any long option as a key; the command line wins");
  app->allow_config_extras(CLI::config_extras_mode::error);
  app->add_flag("-v,--verbose", verbose, "More messages");
  app->add_flag("-q,--quiet", quiet, "Warnings and errors only");
  program.declare(*app);
  return app;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& w : words) text += (text.empty() ? "" : ",") + w;
  return text;
}

io::Json values_of(const CLI::App& app) {
  io::Json values = io::Json::object();
  for (const CLI::Option* option : app.get_options()) {
    const std::string name =
        option->get_lnames().empty() ? option->get_name(true) : option->get_lnames().front();
    if (is_meta(name)) continue;
    if (option->get_items_expected_max() == 0)
      values[name] = option->count() > 0 && option->as<bool>();
    else
      values[name] = option->count() > 0 ? joined(option->results()) : option->get_default_str();
  }
  return values;
}

}  // namespace

ParsedOptions parse_options(Program& program, int argc, char** argv) {
  ParsedOptions parsed;
  std::vector<std::string> words(argv + 1, argv + argc);
  const auto separator = std::find(words.begin(), words.end(), "--");
  if (separator != words.end()) {
    parsed.passthrough_args.assign(separator + 1, words.end());
    words.erase(separator, words.end());
    if (!program.takes_passthrough_args() && !parsed.passthrough_args.empty())
      throw CollectiveError(ExitCode::bad_input, program.name() + " takes nothing after --");
  }
  std::reverse(words.begin(), words.end());  // the order that CLI11 wants

  // The first pass finds the preset; the second starts from its values, so that later options override them.
  for (const bool final_pass : {false, true}) {
    int verbose = 0;
    int quiet = 0;
    const auto app = make_app(program, verbose, quiet);
    try {
      auto copy = words;
      app->parse(std::move(copy));
    } catch (const CLI::CallForHelp&) {
      parsed.text_only = true;
      parsed.text = app->help();
      return parsed;
    } catch (const CLI::CallForVersion&) {
      parsed.text_only = true;
      parsed.text = version_text(program);
      return parsed;
    } catch (const CLI::ParseError& e) {
      usage_error(program, *app, e);
    }
    if (!final_pass) {
      program.apply_preset();
      continue;
    }
    parsed.verbosity = verbose - quiet;
    parsed.values = values_of(*app);
  }
  return parsed;
}

}  // namespace k7::cli
