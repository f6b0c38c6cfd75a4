#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace frontier {

/// What every command takes.
struct OutputOptions {
  bool json = false;
  bool quiet = false;
};

/// --json and --quiet. `options` must outlive the parsing, here and below.
void add_output_options(CLI::App& command, OutputOptions& options);

/// Of the commands that read or write results.
struct CommonOptions : OutputOptions {
  std::string db = "frontier.db";
};

/// --json, --quiet and --db.
void add_common_options(CLI::App& command, CommonOptions& options);

/// For an option of which an empty value would silently mean "not given".
inline CLI::Validator not_empty() {
  return CLI::Validator(
      [](const std::string& text) {
        return text.empty() ? "the value is empty; leave the option out, or give one" : "";
      },
      "");
}

/// For a whole number: read as a whole, so that nothing is cut off, clamped or wrapped. Without limits where those that
/// read the settings know them.
CLI::Validator whole_number(std::int64_t smallest = std::numeric_limits<std::int64_t>::min(),
                            std::int64_t largest = std::numeric_limits<std::int64_t>::max());
/// Seeds are doubles in other programs' JSON: up to 2^53 none is changed on the way.
inline CLI::Validator seed_number() { return whole_number(0, std::int64_t{1} << 53); }

/// The commands of the program.
std::vector<std::string> command_names(const CLI::App& app);
/// Those that take --set.
const std::vector<std::string>& settings_commands();

// One function a subcommand, in the file of its name. Each adds its options and a callback that does the work; the
// callback reports by exceptions (common/errors.h), which main() turns into a line on stderr and an exit code.
void add_check_command(CLI::App& app);
void add_compare_command(CLI::App& app);
void add_completion_command(CLI::App& app);
void add_predict_command(CLI::App& app);
void add_prune_command(CLI::App& app);
void add_cost_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_doctor_command(CLI::App& app);
void add_evaluate_command(CLI::App& app);
void add_export_command(CLI::App& app);
void add_help_command(CLI::App& app);
void add_import_command(CLI::App& app);
void add_pareto_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_runs_command(CLI::App& app);
void add_search_command(CLI::App& app);
void add_settings_command(CLI::App& app);
void add_spaces_command(CLI::App& app);
void add_train_command(CLI::App& app);

}  // namespace frontier
