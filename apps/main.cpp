#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>

#include "apps/command.h"
#include "common/errors.h"
#include "common/text.h"

namespace frontier {

void add_output_options(CLI::App& command, OutputOptions& options) {
  command.add_flag("--json", options.json, "Print one JSON document");
  command.add_flag("--quiet", options.quiet, "No progress, no notes");
}

void add_common_options(CLI::App& command, CommonOptions& options) {
  add_output_options(command, options);
  command.add_option("--db", options.db, "Results database: a path or sqlite:///path")->capture_default_str();
}

CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest) {
  return CLI::Validator(
      [=](const std::string& text) -> std::string {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (end != text.data() + text.size() || error == std::errc::invalid_argument)
          return "'" + printable(text) + "' is not a whole number";
        if (error == std::errc::result_out_of_range || value < smallest || value > largest)
          return printable(text) + " is out of range; allowed: " + std::to_string(smallest) + " to " +
                 std::to_string(largest);
        return "";
      },
      "");
}

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kInterrupted = 130;

/// One line, whatever the names in the message hold; where it goes on with a table, those lines begin with two blanks.
int complain(const std::string& message, int exit_code) {
  constexpr std::string_view kNextLine = "\n  ";
  std::string text;
  for (std::size_t begin = 0; begin <= message.size();) {
    const std::size_t end = std::min(message.find(kNextLine, begin), message.size());
    text += std::string(begin == 0 ? "" : kNextLine) + printable(message.substr(begin, end - begin), 4000);
    begin = end + kNextLine.size();
  }
  std::fprintf(stderr, "frontier: error: %s\n", text.c_str());
  return exit_code;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

/// What was wrong with the command line, with the nearest name that exists.
std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const std::string help =
      "; see " + std::string(chosen.empty() ? "frontier" : "frontier " + command.get_name()) + " --help";
  for (const std::string& text : app.remaining(true)) {
    if (text.size() > 1 && text[0] == '-')
      return unknown_name("option", text.substr(0, text.find('=')), option_names(command)) + help;
    if (chosen.empty()) return unknown_name("command", text, command_names(app)) + help;
    return "unexpected argument '" + printable(text) + "'" + help;
  }
  if (chosen.empty()) return "which command? Known: " + join(command_names(app)) + help;
  return printable(error.what(), 300) + help;
}

int run(int argc, char** argv) {
  CLI::App app("Neural architecture search: train a supernet, search it, query the results.", "frontier");
  app.set_version_flag("-V,--version", "frontier " FRONTIER_VERSION);
  app.require_subcommand(1);
  app.footer(
      "MACs are multiply-accumulates, what papers often print as FLOPs. Exit codes: 0 done, 1 failed, 2 wrong usage or "
      "input, 130 interrupted.");
  add_spaces_command(app);
  add_cost_command(app);
  add_data_command(app);
  add_train_command(app);
  add_compare_command(app);
  add_search_command(app);
  add_evaluate_command(app);
  add_prune_command(app);
  add_export_command(app);
  add_check_command(app);
  add_predict_command(app);
  add_import_command(app);
  add_report_command(app);
  add_runs_command(app);
  add_pareto_command(app);
  add_doctor_command(app);
  add_settings_command(app);
  add_completion_command(app);
  add_help_command(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {  // --help, --version
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return complain(explain(app, error), kWrongUsage);
  }
  return 0;
}

}  // namespace
}  // namespace frontier

int main(int argc, char** argv) {
  using namespace frontier;
  std::signal(SIGPIPE, SIG_IGN);  // print() meets it as an error instead
  std::signal(SIGXFSZ, SIG_IGN);  // and so does whoever writes a file that grows beyond its limit
  try {
    return run(argc, argv);
  } catch (const Interrupted& error) {
    return complain(error.what(), kInterrupted);
  } catch (const UsageError& error) {
    return complain(error.what(), kWrongUsage);
  } catch (const std::bad_alloc&) {
    return complain("out of memory", kFailed);
  } catch (const std::filesystem::filesystem_error& error) {
    return complain("cannot use " + error.path1().string() + ": " + error.code().message(), kFailed);
  } catch (const std::exception& error) {
    return complain(error.what(), kFailed);
  }
}
