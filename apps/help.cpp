#include <memory>

#include "apps/command.h"
#include "apps/output.h"
#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

/// What --help prints, of the program where no command is named.
void print_help(const CLI::App& app, const std::string& name) {
  constexpr auto kMode = CLI::AppFormatMode::Normal;
  if (name.empty()) return print(app.get_formatter()->make_help(&app, app.get_name(), kMode));
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (command->get_name() == name)
      return print(command->get_formatter()->make_help(command, app.get_name() + " " + name, kMode));
  throw UsageError(unknown_name("command", name, command_names(app)));
}

}  // namespace

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

void add_help_command(CLI::App& app) {
  const auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("help", "What --help prints: of the program, or of a command");
  command->add_option("command", *name, "A command");
  command->callback([&app, name] { print_help(app, *name); });
}

}  // namespace frontier
