// What there is to set, from the descriptions that read it: for people, as JSON, and as the page docs/settings.md.
#include "common/settings.h"

#include <algorithm>
#include <memory>
#include <set>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr const char* kPageHead =
    "# Settings\n\n"
    "What `--set NAME=VALUE` and `--config FILE` take, by command. A file is JSON; the names are its keys, a dot is "
    "one "
    "object in another:\n`{\"trainer\": {\"lr\": 0.05}}` is `--set trainer.lr=0.05`. `--config` goes first, then "
    "`--set`, "
    "then the options of the command line.\n`frontier train --print-config ...` (also `search`, `evaluate`) prints "
    "what "
    "comes of them, with all defaults, for `--config`.\n\n"
    "This page is what `frontier settings --markdown` prints (`scripts/settings.sh` renews it), from the descriptions "
    "that read the settings.\n";

struct SettingsOptions {
  std::string command;
  bool json = false, markdown = false;
};

/// Settings that are there under one condition.
struct Group {
  std::string condition;  ///< "sampler.name=darts"; empty: always
  std::vector<Setting> settings;
};

std::string condition_of(const Setting& setting) {
  if (setting.only_with.empty()) return "";
  const std::string sign = setting.only_with.starts_with("--") ? " " : "=";
  return setting.only_with + sign + allowed_text({.name = "", .kind = "", .choices = setting.values});
}

/// By condition, in the order in which they come first.
std::vector<Group> groups_of(const std::vector<Setting>& settings) {
  std::vector<Group> groups;
  for (const Setting& setting : settings) {
    const std::string condition = condition_of(setting);
    auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.condition == condition; });
    if (found == groups.end()) found = groups.insert(groups.end(), {condition, {}});
    found->settings.push_back(setting);
  }
  return groups;
}

std::string default_text(const Setting& setting) {
  return setting.default_value.is_null() ? "none" : plain_number(setting.default_value);
}

std::string text_of(const std::string& command, const std::vector<Setting>& settings) {
  std::string text = "Settings of frontier " + command + ": --set NAME=VALUE, or as JSON in --config FILE\n";
  for (const Group& group : groups_of(settings)) {
    text += group.condition.empty() ? "\n" : "\nwith " + group.condition + ":\n";
    for (const Setting& setting : group.settings)
      text += "  " + setting.name + ": " + allowed_text(setting) + "; default " + default_text(setting) + "\n      " +
              setting.meaning + "\n";
  }
  return text;
}

/// A cell of a table in Markdown.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? "\\|" : std::string(1, c);
  return escaped;
}

/// The key by which a setting of one command is the same as one of another.
std::string identity(const Setting& setting) {
  return setting.name + to_json(setting)["default"].dump() + allowed_text(setting) + setting.meaning;
}

/// @param described what the page has already; its names alone are repeated.
std::string section(const std::string& command, const std::vector<Setting>& settings,
                    std::set<std::string>& described) {
  std::string text = "\n## " + command + "\n";
  std::vector<std::string> added;
  for (const Group& group : groups_of(settings)) {
    std::vector<std::string> known;
    std::string rows;
    for (const Setting& setting : group.settings) {
      if (described.contains(identity(setting))) {
        known.push_back("`" + setting.name + "`");
        continue;
      }
      added.push_back(identity(setting));
      rows += "| `" + setting.name + "` | " + cell(allowed_text(setting)) + " | `" + cell(default_text(setting)) +
              "` | " + cell(setting.meaning) + " |\n";
    }
    text += "\n";
    if (!group.condition.empty()) text += "With `" + group.condition + "`:\n\n";
    if (!rows.empty()) text += "| setting | what it may be | default | |\n| --- | --- | --- | --- |\n" + rows;
    if (!rows.empty() && !known.empty()) text += "\n";
    if (!known.empty()) text += "As above: " + join(known) + ".\n";
  }
  described.insert(added.begin(), added.end());
  return text;
}

void run_settings(const SettingsOptions& options) {
  Registries registries = program_registries({});
  std::vector<std::string> commands = settings_commands();
  if (!options.command.empty()) commands = {options.command};
  nlohmann::ordered_json document = {{"results", nlohmann::ordered_json::array()}};
  std::string text = options.markdown ? kPageHead : "";
  std::set<std::string> described;
  for (const std::string& command : commands) {
    const auto settings = registries.setting_list(command);
    for (const Setting& setting : settings) {
      nlohmann::ordered_json item = {{"command", command}};
      item.update(to_json(setting));
      document["results"].push_back(std::move(item));
    }
    if (options.markdown) {
      text += section(command, settings, described);
    } else {
      text += (text.empty() ? "" : "\n") + text_of(command, settings);
    }
  }
  options.json ? print_json(document) : print(text);
}

}  // namespace

const std::vector<std::string>& settings_commands() {
  static const std::vector<std::string> commands{"train", "compare", "search", "evaluate",
                                                 "prune", "data",    "export"};  // as on the page
  return commands;
}

void add_settings_command(CLI::App& app) {
  auto options = std::make_shared<SettingsOptions>();
  CLI::App* command =
      app.add_subcommand("settings", "Every setting with what it may be, its default and what it means");
  command->add_option("command", options->command, "Only those of " + join(settings_commands()) + " (default: all)");
  CLI::Option* json = command->add_flag("--json", options->json, "Print one JSON document");
  command->add_flag("--markdown", options->markdown, "Print the page docs/settings.md")->excludes(json);
  command->callback([options] { run_settings(*options); });
}

}  // namespace frontier
