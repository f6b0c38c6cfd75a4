#include <algorithm>
#include <memory>

#include "apps/command.h"
#include "apps/output.h"
#include "apps/pareto_text.h"
#include "common/errors.h"
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
  bool mean = false;
  bool csv = false;
};

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

/// The front that `query` gives; where several protocols would mix and none is chosen, of the last search's, by what
/// `filter` becomes.
template <class Query>
auto front_of(const Store& store, Filter& filter, const Query& query) {
  try {
    return query(filter);
  } catch (const MixedProtocols&) {
    const auto narrowed = chooses_a_protocol(filter) ? std::nullopt : of_last_search(store, filter);
    if (!narrowed) throw;
    filter = *narrowed;
    return query(filter);
  }
}

template <class Query>
void print_front(const ParetoOptions& options, const Store& store, Filter filter,
                 const std::vector<Objective>& objectives, const Query& query) {
  const bool is_chosen = chooses_a_protocol(filter);
  auto front = front_of(store, filter, query);
  const bool is_last_search = !is_chosen && filter.run;
  const std::size_t size = front.results.size();
  if (options.limit && *options.limit < size) front.results.resize(*options.limit);

  if (options.json) {
    auto document = front_json(objectives, front);
    if (is_last_search) document["of"] = {{"run", *filter.run}, {"split", filter.split.value_or("")}};
    return print_json(document);
  }
  if (options.csv) return print(front_csv(front));
  print(front_text(objectives, front, options.mix_protocols));
  if (options.quiet) return;
  if (is_last_search)
    note("of run " + std::to_string(*filter.run) + ", the last search, on its " + printable(filter.split.value_or("")) +
         " split; choose others with --run, --split, ...");
  if (front.num_considered == 0) return note("no result matches and has all objectives");
  std::string line = std::to_string(size) + " of " + std::to_string(front.num_considered) +
                     (options.mean ? " means over seeds are on the front" : " results are on the front");
  if (front.results.size() < size) line += "; the first " + std::to_string(front.results.size()) + " are shown";
  note(line);
}

void run_pareto(const ParetoOptions& options) {
  const std::vector<Objective> objectives = parse_objectives(options.objectives);
  Filter filter = options.filter;
  filter.where = parse_where(options.where);
  if (filter.space) filter.space = space_name(*filter.space);
  if (options.mean && filter.seed) throw UsageError("--seed leaves nothing to average; leave it or --mean out");
  const Store store(options.db, Store::Mode::kReadOnly);
  if (!options.run.empty()) filter.run = store.find_run(options.run);
  const Mixing mixing = options.mix_protocols ? Mixing::kAllow : Mixing::kRefuse;
  if (options.mean)
    return print_front(options, store, filter, objectives,
                       [&](const Filter& chosen) { return store.pareto_of_means(objectives, chosen, mixing); });
  print_front(options, store, filter, objectives,
              [&](const Filter& chosen) { return store.pareto(objectives, chosen, mixing); });
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
  command->add_flag(
      "--mean", options->mean,
      "The front of means: results that differ in their seeds alone become one, with standard errors over "
      "the seeds; --where then asks the means");
  command->add_option("--limit", options->limit, "Print at most so many")->check(whole_number(1, 1'000'000'000));
  command->add_flag("--csv", options->csv, "Comma-separated values with all numbers exact");
  command->callback([options] { run_pareto(*options); });
}

}  // namespace frontier
