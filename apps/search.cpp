#include <algorithm>
#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/run_recorder.h"
#include "apps/stored_evaluator.h"
#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/text.h"
#include "search_spaces/registry.h"
#include "searchers/searcher.h"

namespace frontier {
namespace {

struct SearchOptions : CommonOptions, EngineOptions {
  std::string checkpoint, searcher = "nsga2", max_macs, max_params, objectives, name, config_file;
  std::vector<std::string> assignments;
  std::int64_t budget = 600, generation = 32, seed = 0;
  bool resume = false;
};

/// The settings that decide a search; equal settings on equal weights are the same search.
nlohmann::json resolved_config(const SearchOptions& options, const SupernetSession& session,
                               const nlohmann::json& extra) {
  nlohmann::json config = {{"checkpoint", session.fingerprint()}, {"space", session.space()},
                           {"searcher", options.searcher},        {"budget", options.budget},
                           {"generation", options.generation},    {"seed", options.seed},
                           {"objectives", options.objectives}};
  config["max_macs"] = nlohmann::json::array();
  if (!options.max_macs.empty()) config["max_macs"] = parse_limits(options.max_macs, "--max-macs");
  std::vector<std::int64_t> macs = config["max_macs"].get<std::vector<std::int64_t>>();
  std::sort(macs.begin(), macs.end());
  config["max_macs"] = macs;
  if (!options.max_params.empty()) config["max_params"] = parse_count(options.max_params, "--max-params");
  config["searcher_options"] =
      resolved_searcher_options(options.searcher, extra.value("searcher", nlohmann::json::object()));
  config["evaluation"] = extra.value("evaluation", nlohmann::json::object());
  return config;
}

std::vector<Budget> budgets_of(const nlohmann::json& config) {
  std::vector<Budget> budgets;
  for (const auto& max_macs : config["max_macs"])
    budgets.push_back({.max_macs = max_macs.get<std::int64_t>(), .max_params = std::nullopt});
  if (budgets.empty()) budgets.emplace_back();
  if (config.contains("max_params"))
    for (auto& budget : budgets) budget.max_params = config["max_params"].get<std::int64_t>();
  return budgets;
}

/// One search: its budgets one after another, everything found so far told to the next.
class Search {
 public:
  /// @throws UsageError for a budget that nothing fits.
  Search(const SearchOptions& options, SupernetSession& session, Store& store, const nlohmann::json& config)
      : options_(options),
        session_(session),
        store_(store),
        config_(config),
        space_(make_space(session.space())),
        objectives_(parse_objectives(config["objectives"].get<std::string>())),
        table_(space_->cost_table(session.input())),
        budgets_(budgets_of(config)),
        rng_(Rng(static_cast<std::uint64_t>(options.seed)).split(0x736561)) {
    for (const auto& budget : budgets_)
      sets_.push_back(std::make_unique<FeasibleSet>(*space_, session.input(), budget));
  }

  /// @param run where results and state are stored, and from where an unfinished search goes on.
  void run(std::int64_t run) {
    run_ = run;
    evaluator_.emplace(session_, *space_, table_, store_, run_, config_["checkpoint"].get<std::string>());
    Progress progress("search", config_["budget"].get<std::int64_t>(), "subnets", options_.quiet);
    restore();
    progress.start_at(done_);
    for (; budget_ < budgets_.size(); ++budget_) search_budget(progress);
    save_state(/*finished=*/true);
  }

  nlohmann::ordered_json report() {
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (std::size_t b = 0; b < budgets_.size(); ++b) {
      const Known* best = best_within(b);
      nlohmann::ordered_json item;
      if (budgets_[b].max_macs) item["max_macs"] = *budgets_[b].max_macs;
      if (budgets_[b].max_params) item["max_params"] = *budgets_[b].max_params;
      item["evaluated"] =
          std::count_if(known_.begin(), known_.end(), [&](const Known& k) { return sets_[b]->contains(k.arch); });
      if (best == nullptr) throw Error("the search found nothing within " + to_string(budgets_[b]));
      const auto test = evaluator_->evaluate("test", std::span(&best->arch, 1)).front();
      item["best"] = {{"arch", space_->to_string(best->arch)},
                      {"canonical", space_->to_string(best->arch)},
                      {"space", space_->name()},
                      {"macs", table_.macs(best->arch)},
                      {"params", table_.params(best->arch)},
                      {"metrics", best->metrics},
                      {"test_metrics", test.metrics}};
      results.push_back(std::move(item));
    }
    return results;
  }

 private:
  struct Known {
    Architecture arch;
    std::map<std::string, double> metrics;
  };

  double value_of(const Objective& objective, const Known& known) const {
    const double value = objective.name == "macs"     ? static_cast<double>(table_.macs(known.arch))
                         : objective.name == "params" ? static_cast<double>(table_.params(known.arch))
                                                      : metric(known, objective.name);
    return objective.direction == Direction::kMax ? -value : value;
  }
  static double metric(const Known& known, const std::string& field) {
    const auto it = known.metrics.find(field);
    if (it != known.metrics.end()) return it->second;
    std::vector<std::string> names{"macs", "params"};
    for (const auto& [name, value] : known.metrics) names.push_back(name);
    throw UsageError(unknown_name("objective", field, names));
  }
  Evaluated evaluated(const Known& known) const {
    Evaluated result{known.arch, {}};
    for (const auto& objective : objectives_) result.objectives.push_back(value_of(objective, known));
    return result;
  }
  /// The first objective decides, then the cost: of equally good subnets the cheapest.
  std::pair<double, std::int64_t> rank(const Known& known) const {
    return {value_of(objectives_.front(), known), table_.macs(known.arch)};
  }
  const Known* best_within(std::size_t budget) const {
    const Known* best = nullptr;
    for (const auto& known : known_)
      if (sets_[budget]->contains(known.arch) && (best == nullptr || rank(known) < rank(*best))) best = &known;
    return best;
  }

  void search_budget(Progress& progress) {
    const std::int64_t total = config_["budget"].get<std::int64_t>(),
                       parts = static_cast<std::int64_t>(budgets_.size());
    const std::int64_t end = total * (static_cast<std::int64_t>(budget_) + 1) / parts;
    const auto searcher =
        make_searcher(config_["searcher"].get<std::string>(), {space_.get(), sets_[budget_].get(), objectives_.size()},
                      config_["searcher_options"]);
    if (!searcher_state_.is_null()) {
      searcher->load(searcher_state_);
      searcher_state_ = nullptr;
    } else {
      std::vector<Evaluated> earlier;
      for (const auto& known : known_)
        if (sets_[budget_]->contains(known.arch)) earlier.push_back(evaluated(known));
      searcher->tell(earlier);
    }
    while (done_ < end) {
      const auto archs = searcher->ask(
          static_cast<std::size_t>(std::min(config_["generation"].get<std::int64_t>(), end - done_)), rng_);
      if (archs.empty()) break;
      const auto measured = evaluator_->measure("search", archs);
      std::vector<Evaluated> told;
      for (std::size_t i = 0; i < archs.size(); ++i) {
        known_.push_back({archs[i], measured[i].metrics});
        told.push_back(evaluated(known_.back()));
      }
      searcher->tell(told);
      done_ += static_cast<std::int64_t>(archs.size());
      // The results and the state that follows from them are one commit: a killed search goes on as if it had not been.
      Store::Transaction transaction(store_);
      evaluator_->record();
      searcher_state_ = searcher->save();
      save_state(false);
      searcher_state_ = nullptr;
      store_.update_run(run_, {.progress = static_cast<double>(done_) / static_cast<double>(total)});
      const Known* best = best_within(budget_);
      const CurvePoint point{done_, "search/best_" + objectives_.front().name,
                             best->metrics.contains(objectives_.front().name)
                                 ? best->metrics.at(objectives_.front().name)
                                 : value_of(objectives_.front(), *best)};
      store_.add_points(run_, std::span(&point, 1));
      transaction.commit();
      char detail[64];
      std::snprintf(detail, sizeof detail, "best %s %.4g", objectives_.front().name.c_str(), point.value);
      progress.update(done_, detail);
      if (interrupted())
        throw Interrupted("stopped after " + std::to_string(done_) +
                          " subnets; run the same command with --resume to go on");
    }
    done_ = end;
  }

  void save_state(bool finished) {
    nlohmann::json known = nlohmann::json::array();
    for (const auto& k : known_) known.push_back({{"choices", k.arch.choices}, {"metrics", k.metrics}});
    const nlohmann::json state = {{"budget", budget_},           {"done", done_},  {"rng", rng_.state()},
                                  {"searcher", searcher_state_}, {"known", known}, {"finished", finished}};
    store_.put_run_state(run_, "search", state.dump());
  }

  void restore() {
    const auto text = store_.get_run_state(run_, "search");
    if (!text) return;
    const std::string name = "the stored state of run " + std::to_string(run_);
    const nlohmann::json state = parse_json(*text, name);
    try {
      restore_from(state);
    } catch (const nlohmann::json::exception& error) {
      throw UsageError(name + " is not as this version writes it (" + error.what() +
                       "); search without --resume to start anew");
    }
  }

  void restore_from(const nlohmann::json& state) {
    budget_ = state.at("budget").get<std::size_t>();
    done_ = state.at("done").get<std::int64_t>();
    rng_ = Rng::from_state(state.at("rng").get<std::string>());
    searcher_state_ = state.at("searcher");
    for (const auto& item : state.at("known")) {
      Known known{{item.at("choices").get<std::vector<std::uint16_t>>()},
                  item.at("metrics").get<std::map<std::string, double>>()};
      space_->validate(known.arch);
      known_.push_back(std::move(known));
    }
  }

  const SearchOptions& options_;
  SupernetSession& session_;
  Store& store_;
  const nlohmann::json& config_;
  std::int64_t run_ = 0;
  std::shared_ptr<const SearchSpace> space_;
  std::vector<Objective> objectives_;
  CostTable table_;
  std::optional<StoredEvaluator> evaluator_;
  std::vector<Budget> budgets_;
  std::vector<std::unique_ptr<FeasibleSet>> sets_;
  std::vector<Known> known_;
  Rng rng_;
  nlohmann::json searcher_state_;
  std::size_t budget_ = 0;
  std::int64_t done_ = 0;
};

/// The run to go on with: the latest of these settings. One that is finished only reports again.
std::optional<std::int64_t> last_run(const Store& store, const nlohmann::json& config) {
  std::optional<std::int64_t> found;
  for (const auto& run : store.runs({.kind = "search"})) {
    if (nlohmann::json::parse(run.config, nullptr, false) != config) continue;
    found = run.id;
  }
  return found;
}

void run_search(SearchOptions options) {
  nlohmann::json extra = nlohmann::json::object();
  if (!options.config_file.empty()) extra = parse_json(read_file(options.config_file), options.config_file);
  for (const auto& assignment : options.assignments) set_option(extra, assignment);
  if (!extra.is_object()) throw UsageError("the configuration must be a JSON object");
  for (const auto& [key, value] : extra.items()) {
    const std::vector<std::string> known{"searcher", "evaluation"};
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw UsageError(unknown_name("search setting", key, known));
    if (!value.is_object()) throw UsageError("search setting '" + key + "' must be an object");
  }
  if (options.objectives.empty()) options.objectives = options.searcher == "nsga2" ? "top1:max,macs:min" : "top1:max";
  parse_objectives(options.objectives);
  if (!options.max_macs.empty()) parse_limits(options.max_macs, "--max-macs");
  resolved_searcher_options(options.searcher, extra.value("searcher", nlohmann::json::object()));

  const auto engine = load_engine(options);
  const auto session = engine->open(options.checkpoint, extra.value("evaluation", nlohmann::json()));
  const nlohmann::json config = resolved_config(options, *session, extra);
  for (const auto& objective : parse_objectives(options.objectives)) {
    std::vector<std::string> names = session->metrics();
    names.insert(names.end(), {"macs", "params"});
    if (std::find(names.begin(), names.end(), objective.name) == names.end())
      throw UsageError(unknown_name("objective", objective.name, names));
  }
  Store store(options.db, Store::Mode::kReadWrite);
  const std::optional<std::int64_t> known = options.resume ? last_run(store, config) : std::nullopt;
  Search search(options, *session, store, config);  // refuses its budgets before a run is stored
  std::int64_t run = 0;
  if (known) {
    run = *known;
    store.resume_run(run);
    if (!options.quiet) note("going on with run " + std::to_string(run));
  } else {
    run = store.begin_run({.kind = "search",
                           .name = options.name,
                           .space = session->space(),
                           .config = config.dump(),
                           .seed = options.seed,
                           .version = FRONTIER_VERSION,
                           .checkpoint = options.checkpoint});
  }
  catch_interrupts();
  const auto job = [&]() -> nlohmann::ordered_json {
    search.run(run);
    nlohmann::ordered_json document;
    document["run"] = run;
    document["checkpoint"] = options.checkpoint;
    document["searcher"] = options.searcher;
    document["results"] = search.report();
    return document;
  };
  const auto document =
      close_after(job, [&](RunState state, const std::string& message) { close_run(store, run, state, message); });
  if (options.json) return print_json(document);
  Table table({{"budget", Align::kRight},
               {"MACs", Align::kRight},
               {"parameters", Align::kRight},
               {"search split", Align::kRight},
               {"test", Align::kRight},
               {"best subnet"}});
  for (const auto& item : document["results"]) {
    const auto& best = item["best"];
    const auto shown = [&](const char* which) {
      return best[which].contains("top1") ? readable("top1", best[which]["top1"].get<double>()) : "-";
    };
    table.add({item.contains("max_macs") ? format_count(item["max_macs"].get<double>()) : "-",
               format_count(best["macs"].get<double>()), format_count(best["params"].get<double>()), shown("metrics"),
               shown("test_metrics"), best["arch"].get<std::string>()});
  }
  print("run " + std::to_string(run) + "\n" + table.text());
}

}  // namespace

void add_search_command(CLI::App& app) {
  auto options = std::make_shared<SearchOptions>();
  CLI::App* command = app.add_subcommand("search", "Search a trained supernet for the best subnets within budgets");
  add_common_options(*command, *options);
  add_engine_options(*command, *options);
  command->add_option("--checkpoint", options->checkpoint, "The folder that train wrote")->required();
  command->add_option("--searcher", options->searcher, "random, evolution or nsga2")->capture_default_str();
  command->add_option("--max-macs", options->max_macs, "Budgets in multiply-accumulates, e.g. 2M,4M,8M")
      ->check(not_empty());
  command->add_option("--max-params", options->max_params, "Budget in parameters, for all of them")->check(not_empty());
  command->add_option("--budget", options->budget, "Subnets to evaluate, all budgets together")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}))
      ->capture_default_str();
  command->add_option("--generation", options->generation, "Subnets evaluated together")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}))
      ->capture_default_str();
  command->add_option("--objectives", options->objectives,
                      "e.g. top1:max,macs:min (default for nsga2); the first one picks the best");
  command->add_option("--seed", options->seed, "Seed of the proposals")->capture_default_str();
  command->add_option("--name", options->name, "A name for the run");
  command->add_option("--config", options->config_file, "Settings as JSON: searcher, evaluation");
  command->add_option("--set", options->assignments, "One setting, e.g. searcher.population=64; may be repeated")
      ->take_all();
  command->add_flag("--resume", options->resume, "Go on with the last run of the same settings");
  command->callback([options] { run_search(*options); });
}

}  // namespace frontier
