// Completion scripts for shells, from the commands and options that the program knows.
#include <algorithm>
#include <map>
#include <memory>

#include "apps/command.h"
#include "apps/completion_scripts.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "common/text.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

/// The words of closed sets, by option or place; for some commands others.
std::vector<std::string> words_of(const CLI::App& app, const std::string& command, const std::string& name) {
  std::vector<std::string> spaces, searchers;
  for (const auto& space : known_spaces()) spaces.push_back(space.name);
  for (const auto& searcher : known_searchers()) searchers.push_back(searcher.name);
  const std::map<std::string, std::vector<std::string>> words{
      {"--space", spaces},
      {"spaces name", spaces},
      {"--sampler", kSamplerNames},
      {"--samplers", kSamplerNames},
      {"compare --budget", {"steps", "cost", "both"}},
      {"compare --split", {"search", "test"}},
      {"--searcher", searchers},
      {"--evaluator", {"supernet", "scratch", "benchmark"}},
      {"search --evaluator", {"supernet", "benchmark"}},
      {"--broken", {"refuse", "skip"}},
      {"--format", {"onnx", "pytorch", "safetensors", "dot"}},
      {"--device", {"cpu", "cuda"}},
      {"--data", {"fashion_mnist", "mnist", "cifar10", "synthetic"}},
      {"data data", {"fashion_mnist", "mnist", "cifar10", "synthetic"}},
      {"settings command", settings_commands()},
      {"help command", command_names(app)},
      {"completion shell", known_shells()},
  };
  for (const std::string& key : {command + " " + name, name})
    if (const auto found = words.find(key); found != words.end()) return found->second;
  return {};
}

bool takes_files(const std::string& name) {
  static const std::vector<std::string> kNames{
      "--archs", "--checkpoint", "--config", "--data", "--data-path", "--db", "--from", "--html", "--import-pending",
      "--join",  "--map",        "--model",  "--out",  "--unpruned",  "data", "file",   "images"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

Values values_of(const CLI::App& app, const std::string& command, const std::string& name) {
  return {.any = true, .files = takes_files(name), .words = words_of(app, command, name)};
}

/// The first sentence or half of one.
std::string summary_of(const std::string& text) { return text.substr(0, text.find_first_of(";(\n")); }

CompletedCommand completed(const CLI::App& app, const CLI::App& command) {
  CompletedCommand result{command.get_name(), summary_of(command.get_description()), {}, {}};
  for (const CLI::Option* option : command.get_options()) {
    if (option->nonpositional()) {
      CompletedOption& added = result.options.emplace_back();
      for (const std::string& name : option->get_snames()) added.names.push_back("-" + name);
      for (const std::string& name : option->get_lnames()) added.names.push_back("--" + name);
      added.summary = summary_of(option->get_description());
      if (option->get_items_expected_max() > 0) added.values = values_of(app, command.get_name(), added.names.back());
    } else {
      result.places = values_of(app, command.get_name(), option->get_name(true));
    }
  }
  return result;
}

void print_completion(const CLI::App& app, const std::string& shell) {
  std::vector<CompletedCommand> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(completed(app, *command));
  print(completion_script(shell, commands));
}

}  // namespace

void add_completion_command(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "A script that completes commands, options and names in a shell");
  command->add_option("shell", *shell, join(known_shells()))->required();
  command->footer(
      "bash: source <(frontier completion bash), in ~/.bashrc. zsh: the same with zsh, behind compinit. fish: frontier "
      "completion fish > ~/.config/fish/completions/frontier.fish");
  command->callback([&app, shell] { print_completion(app, *shell); });
}

}  // namespace frontier
