// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "cli/words.hpp"
#include "io/file_tables.hpp"
#include "k7/base/build_info.hpp"

namespace k7::cli {
namespace {

/// Long names that say how to run, not what to compute: they are not part of the stored options.
bool is_meta(const std::string& name) {
  return name == "help" || name == "version" || name == "describe-files" || name == "config" ||
         name == "verbose" || name == "quiet";
}

std::string version_text(const Program& program) {
  const BuildInfo build = build_info();
  return program.name() + " " + build.version + " (" + build.git + ")\n";
}

constexpr const char* help_on_root =
    "mpirun as root, as in many containers, wants OMPI_ALLOW_RUN_AS_ROOT=1 and "
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
    "in the environment.";

constexpr const char* describe_files = "--describe-files";

[[noreturn]] void usage_error(const Program& program, const std::string& text) {
  throw CollectiveError(Fault::bad_input, text + "; see " + program.name() + " --help");
}

std::unique_ptr<CLI::App> make_app(Program& program, int& verbose, int& quiet, std::string& config) {
  auto app = std::make_unique<CLI::App>(program.summary(), program.name());
  app->get_formatter()->column_width(34);
  app->option_defaults()->always_capture_default();
  app->set_version_flag("--version", version_text(program));
  app->add_flag(describe_files,
                "Print what stands in the HDF5 files that this program writes or reads, and exit")
      ->configurable(false);
  app->footer(help_on_root);
  // Not CLI11's own config option: read_config says on which line of the file something is wrong.
  app->add_option("--config", config, "TOML file with any long option as a key; the command line wins")
      ->configurable(false);
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

ParsedOptions text_only(std::string text) {
  ParsedOptions parsed;
  parsed.text_only = true;
  parsed.text = std::move(text);
  return parsed;
}

bool holds_any(const std::vector<std::string>& words, const std::vector<std::string>& names) {
  return std::find_first_of(words.begin(), words.end(), names.begin(), names.end()) != words.end();
}

/// What an option excludes may stand in its place.
void require_positionals(const Program& program, CLI::App& app, const std::vector<Given>& given) {
  const auto is_given = [&](const CLI::Option* option) {
    return std::any_of(given.begin(), given.end(), [&](const Given& g) { return g.option == option; });
  };
  for (CLI::Option* option : app.get_options([](CLI::Option* o) { return o->get_positional(); })) {
    const auto others = option->get_excludes();
    if (!option->get_required() || is_given(option) || std::any_of(others.begin(), others.end(), is_given))
      continue;
    std::string line =
        "no " + option->get_name() + " are given: " + program.name() + " " + option->get_type_name();
    for (const CLI::Option* other : others)
      line += ", or " + program.name() + " " + other->get_name() + " " + other->get_type_name();
    throw UsageError(line);
  }
}

/// Everything that is given, checked: the command line, and of the config file what it does not give.
std::vector<Given> read_given(const Program& program, CLI::App& app, const std::vector<std::string>& words) {
  auto given = read_words(app, words);
  check_values(given);
  const auto config = std::find_if(given.begin(), given.end(),
                                   [](const Given& g) { return g.option->check_lname("config"); });
  if (config != given.end()) {
    auto from_file = read_config(app, config->values.front());
    const auto is_overridden = [&](const Given& entry) {
      return std::any_of(given.begin(), given.end(),
                         [&](const Given& g) { return g.option == entry.option; });
    };
    std::vector<Given> added;
    std::remove_copy_if(from_file.begin(), from_file.end(), std::back_inserter(added), is_overridden);
    given.insert(given.end(), added.begin(), added.end());
    check_values(given);
  }
  require_positionals(program, app, given);
  return given;
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
      usage_error(program, "nothing may follow --, as " + program.name() + " does not call PETSc");
  }
  // CLI11 gets words that are checked: its own messages are for those who know it.
  std::vector<std::string> checked;
  // The first pass finds the preset; the second starts from its values, so that later options override them.
  for (const bool final_pass : {false, true}) {
    int verbose = 0;
    int quiet = 0;
    std::string config;
    const auto app = make_app(program, verbose, quiet, config);
    if (holds_any(words, {"--help", "-h"})) return text_only(app->help());
    if (holds_any(words, {"--version"})) return text_only(version_text(program));
    if (holds_any(words, {describe_files})) return text_only(io::file_tables_text(program.name()));
    try {
      if (!final_pass) {
        checked = plain_words(read_given(program, *app, words));
        std::reverse(checked.begin(), checked.end());  // the order that CLI11 wants
      }
      for (CLI::Option* option : app->get_options()) option->required(false);  // that was checked above
      app->parse(std::vector<std::string>(checked));
    } catch (const UsageError& e) {
      usage_error(program, e.what());
    } catch (const CLI::ParseError& e) {
      usage_error(program, e.what());
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
