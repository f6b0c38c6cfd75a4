#include <memory>

#include "apps/command.h"
#include "apps/output.h"
#include "apps/space_options.h"
#include "common/errors.h"
#include "common/table.h"
#include "common/text.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

struct SpacesOptions : OutputOptions, BuiltFor {
  std::string name;
  std::string max_macs;
  std::string max_params;
  std::string min_macs;
  std::string min_params;
  std::int64_t draw = 0;
  std::int64_t seed = 0;
};

nlohmann::ordered_json range(std::int64_t min, std::int64_t max) { return {{"min", min}, {"max", max}}; }

void list_spaces(const SpacesOptions& options) {
  nlohmann::ordered_json document;
  document["results"] = nlohmann::ordered_json::array();
  Table table({{"space"}, {"subnets", Align::kRight}, {"MACs"}, {"input"}, {"what it is"}});
  for (const auto& info : known_spaces()) {
    const auto space = make_space(info.name);
    const FeasibleSet all(*space, space->default_input(), Budget{});
    const std::int64_t least = all.least_macs().macs, most = all.most_macs().macs;
    const std::string size = to_string(all.size());
    const bool is_long = size.size() > 9 && all.size() != kBeyondCounting;
    table.add({info.name, is_long ? format_count(std::stod(size)) : size,
               format_count(static_cast<double>(least)) + " to " + format_count(static_cast<double>(most)),
               to_string(space->default_input()), info.summary});
    nlohmann::ordered_json item;
    item["space"] = info.name;
    item["summary"] = info.summary;
    item["size"] = size;
    item["macs"] = range(least, most);
    item["built_for"] = to_string(space->default_input());
    document["results"].push_back(std::move(item));
  }
  options.json ? print_json(document) : print(table.text());
}

Budget budget_of(const SpacesOptions& options) {
  Budget budget;
  if (!options.max_macs.empty()) budget.max_macs = parse_count(options.max_macs, "--max-macs");
  if (!options.max_params.empty()) budget.max_params = parse_count(options.max_params, "--max-params");
  const auto at_least = [&](const char* price, const std::string& text, const char* option) {
    if (!text.empty()) budget.limits.push_back({.price = price, .at_least = parse_count(text, option)});
  };
  at_least("macs", options.min_macs, "--min-macs");
  at_least("params", options.min_params, "--min-params");
  return budget;
}

/// Subnets drawn uniformly from a budget, one a line, as --archs reads them.
void draw_subnets(const SpacesOptions& options) {
  const auto space = make_space(options.name);
  const InputShape input = options.input_of(*space);
  const FeasibleSet set(*space, input, budget_of(options));
  Rng rng(static_cast<std::uint64_t>(options.seed));
  nlohmann::ordered_json document = {{"space", space->name()}, {"built_for", to_string(input)}};
  document["results"] = nlohmann::ordered_json::array();
  std::string text;
  for (std::int64_t i = 0; i < options.draw; ++i) {
    const Architecture arch = set.draw(rng);
    const auto [macs, params] = set.table().macs_and_params(arch);
    text += space->to_string(arch) + "\n";
    document["results"].push_back({{"arch", space->to_string(arch)}, {"macs", macs}, {"params", params}});
  }
  options.json ? print_json(document) : print(text);
}

void show_space(const SpacesOptions& options) {
  const auto space = make_space(options.name);
  const InputShape input = options.input_of(*space);
  const Budget budget = budget_of(options);
  const FeasibleSet set(*space, input, budget);
  nlohmann::ordered_json document;
  document["space"] = space->name();
  document["built_for"] = to_string(input);
  document["decisions"] = nlohmann::ordered_json::array();
  Table table({{"decision"}, {"options"}});
  for (const auto& decision : space->decisions()) {
    document["decisions"].push_back({{"name", decision.name}, {"options", decision.options}});
    table.add({decision.name, join(decision.options)});
  }
  document["size"] = to_string(set.size());
  const Priced least = set.least_macs(), most = set.most_macs();
  document["macs"] = range(least.macs, most.macs);
  document["params"] = range(set.least_params().params, set.most_params().params);
  document["cheapest"] = space->to_string(least.arch);
  document["dearest"] = space->to_string(most.arch);
  std::string text = table.text();
  const auto line = [&](const std::string& name, const std::string& value) {
    text += name + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') + value + "\n";
  };
  text += "\n";
  line("space", space->name() + ", built for " + to_string(input));
  line("subnets", to_string(set.size()));
  line("MACs", format_count(static_cast<double>(least.macs)) + " to " + format_count(static_cast<double>(most.macs)));
  line("parameters", format_count(static_cast<double>(set.least_params().params)) + " to " +
                         format_count(static_cast<double>(set.most_params().params)));
  line("cheapest", space->to_string(least.arch));
  line("dearest", space->to_string(most.arch));
  if (!budget.is_unlimited()) {
    const CountRange count = set.count();
    document["within_budget"] = {
        {"at_least", to_string(count.at_least)}, {"at_most", to_string(count.at_most)}, {"exact", count.is_exact()}};
    line("within", to_string(budget) + ": " +
                       (count.is_exact() ? to_string(count.at_least)
                                         : to_string(count.at_least) + " to " + to_string(count.at_most)) +
                       " subnets");
  }
  options.json ? print_json(document) : print(text);
}

}  // namespace

void add_spaces_command(CLI::App& app) {
  auto options = std::make_shared<SpacesOptions>();
  CLI::App* command = app.add_subcommand("spaces", "The search spaces, or one space's decisions, size and cost range");
  command->add_option("name", options->name, "A space");
  add_output_options(*command, *options);
  add_built_for(*command, *options);
  command
      ->add_option("--max-macs", options->max_macs,
                   "Count the subnets of at most so many multiply-accumulates, e.g. 4M")
      ->check(not_empty());
  command->add_option("--max-params", options->max_params, "... of at most so many parameters")->check(not_empty());
  command->add_option("--min-macs", options->min_macs, "... of at least so many multiply-accumulates")
      ->check(not_empty());
  command->add_option("--min-params", options->min_params, "... of at least so many parameters")->check(not_empty());
  CLI::Option* draw =
      command->add_option("--draw", options->draw, "Print so many subnets, drawn uniformly from the budget, one a line")
          ->check(whole_number(1));
  command->add_option("--seed", options->seed, "Of the draws")->check(seed_number())->needs(draw);
  command->callback([options, draw] {
    if (draw->count() > 0 && options->name.empty())
      throw UsageError("--draw needs a space to draw from: frontier spaces NAME --draw ...");
    if (draw->count() > 0) return draw_subnets(*options);
    if (!options->name.empty()) return show_space(*options);
    for (const std::string& limit : {options->max_macs, options->max_params, options->min_macs, options->min_params})
      if (!limit.empty()) throw UsageError("a budget needs a space to count in: frontier spaces NAME --max-macs ...");
    list_spaces(*options);
  });
}

}  // namespace frontier
