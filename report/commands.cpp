#include "report/commands.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/options.h"
#include "common/shell.h"
#include "common/text.h"
#include "report/internal/run_lookup.h"
#include "report/quantity.h"

namespace frontier {
namespace {

/// A command line under construction.
class Line {
 public:
  explicit Line(std::string_view command) : text_("frontier " + std::string(command)) {}
  /// A value that begins with '-' is not to be taken for an option.
  Line& option(const std::string& name, const std::string& value) {
    text_ += " " + name + (value.starts_with("-") ? "=" : " ") + shell_quoted(value);
    return *this;
  }
  Line& flag(const std::string& name) {
    text_ += " " + name;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string dumped(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

bool has_teacher(const nlohmann::json& config) {
  if (!config.contains("teacher") || !config["teacher"].is_object()) return false;
  return config["teacher"].contains("checkpoint") && config["teacher"]["checkpoint"] != "";
}

/// "a.b=1" of every value in an object, as --set takes it.
void add_settings(Line& line, const nlohmann::json& settings, const std::string& path) {
  if (!settings.is_object()) {
    line.option("--set", path + "=" + dumped(settings));
    return;
  }
  for (const auto& [key, value] : settings.items()) add_settings(line, value, path + "." + key);
}

/// How the run evaluated, where it did so otherwise than by default: the settings of its configuration.
nlohmann::json evaluation_of(const Run& run) {
  const auto config = parse_json_or_discard(run.config);
  const bool has = run.kind != "train" && config.is_object() && config.contains("evaluation");
  return has ? config["evaluation"] : nlohmann::json::object();
}

std::string export_line(const Run& run, const std::string& arch, const std::string& database,
                        const std::string& letter) {
  Line line("export");
  line.option("--checkpoint", run.checkpoint);
  if (!arch.empty()) line.option("--arch", arch);
  line.option("--format", "onnx").flag("--preprocess");
  line.option("--out", "network-" + letter + ".onnx").option("--db", database);
  if (!arch.empty()) add_settings(line, evaluation_of(run), "evaluation");
  return line.text();
}

std::string measure_line(const Run& run, const std::string& arch, const std::string& database) {
  Line line("evaluate");
  line.option("--checkpoint", run.checkpoint).option("--arch", arch).option("--split", "test");
  line.option("--db", database);
  add_settings(line, evaluation_of(run), "evaluation");
  return line.text();
}

/// The network trained on its own by the settings with which the supernet was: all that are stored but the sampler, and
/// those that say how often something is saved.
std::string training_line(const Run& training, const Result& result, const std::string& database,
                          const std::string& letter) {
  const auto config = parse_json_or_discard(training.config);
  if (!config.is_object()) return "";
  Line line("evaluate");
  line.option("--evaluator", "scratch").option("--space", result.architecture.space);
  line.option("--arch", result.architecture.canonical);
  line.option("--out", "network-" + letter).option("--db", database);
  if (config.contains("seed") && config["seed"].is_number_integer()) line.option("--seed", config["seed"].dump());
  for (const char* part : {"data", "loader", "trainer", "evaluation"})
    if (config.contains(part) && config[part].is_object() && !config[part].empty())
      line.option("--set", std::string(part) + "=" + dumped(config[part]));
  if (has_teacher(config)) line.option("--set", "teacher=" + dumped(config["teacher"]));
  return line.text();
}

/// The network trained on images that Frontier knows by the table's name, as long as the table says; empty where it
/// does not know them.
std::string training_line(const Result& result, const std::string& database, const std::string& letter) {
  constexpr std::string_view kKnown[] = {"cifar10", "fashion_mnist", "mnist"};
  const Protocol& protocol = result.protocol;
  if (std::find(std::begin(kKnown), std::end(kKnown), protocol.dataset) == std::end(kKnown)) return "";
  Line line("evaluate");
  line.option("--evaluator", "scratch").option("--space", result.architecture.space);
  line.option("--arch", result.architecture.canonical).option("--data", protocol.dataset);
  const std::string epochs = protocol.fidelity.substr(0, protocol.fidelity.find(' '));
  const bool says_epochs = !epochs.empty() && epochs.size() < 6 && protocol.fidelity == epochs + " epochs" &&
                           epochs.find_first_not_of("0123456789") == std::string::npos;
  if (says_epochs) line.option("--epochs", epochs);
  return line.option("--out", "network-" + letter).option("--db", database).text();
}

std::string table_line(const Result& result, const std::string& database) {
  Line line("evaluate");
  line.option("--evaluator", "benchmark").option("--space", result.architecture.space);
  line.option("--arch", result.architecture.canonical).option("--db", database);
  return line.text();
}

bool can_be_shown(const std::string& text) { return printable(text, text.size()) == text; }

}  // namespace

std::vector<Command> commands_for(const Result& result, std::span<const Run> runs, const std::string& database,
                                  const std::string& letter) {
  std::vector<Command> commands;
  const auto add = [&](const char* purpose, const std::string& line) {
    if (!line.empty() && can_be_shown(line)) commands.push_back({purpose, line});
  };
  const std::string& evaluator = result.protocol.evaluator;
  if (evaluator == "benchmark") {
    add("Look it up", table_line(result, database));
    add("Train it alone", training_line(result, database, letter));
  }
  const Run* run = run_with(result.run, runs);
  if (run == nullptr || run->checkpoint.empty()) return commands;
  if (evaluator == "scratch") {
    add("Export as ONNX", export_line(*run, "", database, letter));
  } else if (evaluator == "supernet") {
    const std::string& arch = result.architecture.canonical;
    add("Export as ONNX", export_line(*run, arch, database, letter));
    if (const Run* training = training_of(*run, runs))
      add("Train it alone, as the supernet was", training_line(*training, result, database, letter));
    add("Measure on test images", measure_line(*run, arch, database));
  }
  return commands;
}

std::string front_command(const Panel& panel, const std::string& database, const std::optional<std::int64_t>& run) {
  const Result& any = panel.results.front();
  const Protocol& p = any.protocol;
  Line line("pareto");
  line.option("--objectives", to_text(panel.objectives)).option("--space", any.architecture.space);
  line.option("--evaluator", p.evaluator).option("--dataset", p.dataset).option("--split", p.split);
  line.option("--fidelity", p.fidelity).option("--calibration", p.calibration).option("--checkpoint", p.checkpoint);
  line.option("--seed", std::to_string(p.seed)).option("--recipe", p.recipe).option("--db", database);
  if (run) line.option("--run", std::to_string(*run));
  return can_be_shown(line.text()) ? line.text() : "";
}

}  // namespace frontier
