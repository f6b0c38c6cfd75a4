#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/command.h"
#include "apps/output.h"
#include "common/table.h"
#include "common/text.h"
#include "db/store.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

struct ParetoOptions : CommonOptions {
  std::string objectives = "top1:max,macs:min";
  std::string where;
  std::string run;
  Filter filter;
  std::optional<std::size_t> limit;
  bool mix_protocols = false;
  bool csv = false;
};

double value_of(const Result& result, const std::string& name) {
  if (name == "macs") return static_cast<double>(result.architecture.macs);
  if (name == "params") return static_cast<double>(result.architecture.params);
  if (name == "seconds") return result.seconds;
  return result.metrics.at(name);
}

std::string text_table(const std::vector<Objective>& objectives, const Front& front, bool with_protocol) {
  std::vector<std::string> numbers;
  for (const Objective& objective : objectives) numbers.push_back(objective.name);
  for (const char* name : {"macs", "params"})
    if (std::find(numbers.begin(), numbers.end(), name) == numbers.end()) numbers.emplace_back(name);
  std::vector<Table::Column> columns;
  for (const std::string& name : numbers) columns.push_back({name, Align::kRight});
  columns.push_back({"run", Align::kRight});
  columns.push_back({"space"});
  if (with_protocol)
    columns.insert(columns.end(), {{"evaluator"}, {"dataset"}, {"split"}, {"fidelity"}, {"seed", Align::kRight}});
  columns.push_back({"arch"});
  Table table(std::move(columns));
  for (const Result& result : front.results) {
    std::vector<std::string> cells;
    for (const std::string& name : numbers) cells.push_back(readable(name, value_of(result, name)));
    cells.push_back(result.run ? std::to_string(*result.run) : "-");
    cells.push_back(result.architecture.space);
    const Protocol& protocol = result.protocol;
    if (with_protocol)
      cells.insert(cells.end(), {protocol.evaluator, protocol.dataset, protocol.split, protocol.fidelity,
                                 std::to_string(protocol.seed)});
    cells.push_back(result.architecture.arch);
    table.add(std::move(cells));
  }
  return table.text();
}

std::string csv(const Front& front) {
  std::set<std::string> metrics;
  for (const Result& result : front.results)
    for (const auto& [name, value] : result.metrics) metrics.insert(name);
  std::vector<std::string> cells = {"space", "arch", "canonical", "built_for", "macs", "params"};
  cells.insert(cells.end(), metrics.begin(), metrics.end());
  for (const char* name : {"evaluator", "dataset", "split", "fidelity", "calibration", "checkpoint", "seed", "seconds",
                           "run", "created", "recipe"})
    cells.emplace_back(name);
  std::string text = csv_line(cells);
  for (const Result& result : front.results) {
    const auto& [space, canonical, built_for, arch, macs, params] = result.architecture;
    cells = {space, arch, canonical, built_for, std::to_string(macs), std::to_string(params)};
    for (const std::string& name : metrics) {
      const auto found = result.metrics.find(name);
      cells.push_back(found == result.metrics.end() ? "" : exact(found->second));
    }
    const Protocol& p = result.protocol;
    cells.insert(cells.end(),
                 {p.evaluator, p.dataset, p.split, p.fidelity, p.calibration, p.checkpoint, std::to_string(p.seed),
                  exact(result.seconds), result.run ? std::to_string(*result.run) : "", result.created, p.recipe});
    text += csv_line(cells);
  }
  return text;
}

nlohmann::ordered_json json_document(const std::vector<Objective>& objectives, const Front& front) {
  nlohmann::ordered_json document;
  document["objectives"] = nlohmann::ordered_json::array();
  for (const Objective& objective : objectives)
    document["objectives"].push_back({{"name", objective.name}, {"direction", to_string(objective.direction)}});
  document["considered"] = front.num_considered;
  document["results"] = nlohmann::ordered_json::array();
  for (const Result& result : front.results) document["results"].push_back(to_json(result));
  return document;
}

bool chooses_a_protocol(const Filter& f) {
  return f.run || f.evaluator || f.dataset || f.split || f.fidelity || f.calibration || f.checkpoint || f.seed ||
         f.recipe;
}

/// What the last search was about, where nobody says: its own numbers, of the split that it searched. None without one.
std::optional<Filter> of_last_search(const Store& store, const Filter& filter) {
  Filter narrowed = filter;
  for (const Run& run : store.runs({.kind = "search", .space = filter.space}))
    if (run.num_results > 0) narrowed.run = run.id;
  if (!narrowed.run) return std::nullopt;
  const auto tables = store.tables(narrowed);
  const auto most = std::max_element(tables.begin(), tables.end(),
                                     [](const auto& a, const auto& b) { return a.num_results < b.num_results; });
  if (most != tables.end()) narrowed.split = most->protocol.split;
  return narrowed;
}

/// The front; where several protocols would mix and none is chosen, of the last search's, by what `filter` becomes.
Front front_of(const Store& store, const std::vector<Objective>& objectives, Filter& filter, Mixing mixing) {
  try {
    return store.pareto(objectives, filter, mixing);
  } catch (const MixedProtocols&) {
    const auto narrowed = chooses_a_protocol(filter) ? std::nullopt : of_last_search(store, filter);
    if (!narrowed) throw;
    filter = *narrowed;
    return store.pareto(objectives, filter, mixing);
  }
}

void run_pareto(const ParetoOptions& options) {
  const std::vector<Objective> objectives = parse_objectives(options.objectives);
  Filter filter = options.filter;
  filter.where = parse_where(options.where);
  if (filter.space) filter.space = space_name(*filter.space);
  const Store store(options.db, Store::Mode::kReadOnly);
  if (!options.run.empty()) filter.run = store.find_run(options.run);
  const bool is_chosen = chooses_a_protocol(filter);
  Front front = front_of(store, objectives, filter, options.mix_protocols ? Mixing::kAllow : Mixing::kRefuse);
  const bool is_last_search = !is_chosen && filter.run;
  const std::size_t size = front.results.size();
  if (options.limit && *options.limit < size) front.results.resize(*options.limit);

  if (options.json) {
    auto document = json_document(objectives, front);
    if (is_last_search) document["of"] = {{"run", *filter.run}, {"split", filter.split.value_or("")}};
    return print_json(document);
  }
  if (options.csv) return print(csv(front));
  print(text_table(objectives, front, options.mix_protocols));
  if (options.quiet) return;
  if (is_last_search)
    note("of run " + std::to_string(*filter.run) + ", the last search, on its " + printable(filter.split.value_or("")) +
         " split; choose others with --run, --split, ...");
  if (front.num_considered == 0) return note("no result matches and has all objectives");
  std::string line = std::to_string(size) + " of " + std::to_string(front.num_considered) + " results are on the front";
  if (front.results.size() < size) line += "; the first " + std::to_string(front.results.size()) + " are shown";
  note(line);
}

}  // namespace

void add_pareto_command(CLI::App& app) {
  auto options = std::make_shared<ParetoOptions>();
  CLI::App* command = app.add_subcommand("pareto", "The results that no other result beats in every objective");
  add_common_options(*command, *options);
  command
      ->add_option("--objectives", options->objectives,
                   "name:min or name:max, joined by commas; macs, params, seconds or a metric")
      ->capture_default_str();
  command->add_option("--where", options->where, "Conditions joined by 'and', like 'macs<=4M and top1>0.9'");
  command->add_option("--run", options->run, "Only what this run measured or reused: its id or name");
  Filter& filter = options->filter;
  command->add_option("--space", filter.space, "Only this search space");
  command->add_option("--evaluator", filter.evaluator, "Only numbers of this evaluator");
  command->add_option("--dataset", filter.dataset, "Only numbers on this data set");
  command->add_option("--split", filter.split, "Only numbers on this split, e.g. search or test");
  command->add_option("--fidelity", filter.fidelity, "Only numbers of this fidelity");
  command->add_option("--calibration", filter.calibration, "Only numbers of this batch-norm calibration");
  command->add_option("--checkpoint", filter.checkpoint, "Only numbers with these inherited weights (fingerprint)");
  command->add_option("--seed", filter.seed, "Only numbers of this seed")->check(seed_number());
  command->add_option("--recipe", filter.recipe, "Only numbers trained with these settings (checksum)");
  command->add_flag("--mix-protocols", options->mix_protocols, "Allow numbers measured in different ways in one front");
  command->add_option("--limit", options->limit, "Print at most so many")->check(whole_number(1, 1'000'000'000));
  command->add_flag("--csv", options->csv, "Comma-separated values with all numbers exact");
  command->callback([options] { run_pareto(*options); });
}

}  // namespace frontier
