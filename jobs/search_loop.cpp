#include "jobs/search_loop.h"

#include <algorithm>
#include <cstdio>

#include "common/errors.h"
#include "common/options.h"
#include "common/statistics.h"
#include "common/text.h"

namespace frontier {

std::vector<Budget> budgets_of(const nlohmann::json& config) {
  std::vector<Budget> budgets;
  for (const auto& max_macs : config["max_macs"])
    budgets.push_back({.max_macs = max_macs.get<std::int64_t>(), .max_params = std::nullopt});
  if (budgets.empty()) budgets.emplace_back();
  for (auto& budget : budgets) {
    if (config.contains("max_params")) budget.max_params = config["max_params"].get<std::int64_t>();
    for (const char* price : {"macs", "params"})
      if (const std::string key = std::string("min_") + price; config.contains(key))
        budget.limits.push_back({.price = price, .at_least = config[key].get<std::int64_t>()});
  }
  return budgets;
}

SearchProblem problem_of(const SearchPlan& plan, const FeasibleSet& feasible, std::size_t num_objectives) {
  return {plan.space.get(), &feasible, num_objectives, plan.among.get(), plan.policy};
}

Rng rng_of_search(std::int64_t seed) { return Rng(static_cast<std::uint64_t>(seed)).split(0x736561); }

/// What a run of the loop works with.
struct SearchLoop::Context {
  RunResults& results;
  SearchSource& source;
  Observer& observer;
  std::int64_t committed = 0;  ///< evaluations
  /// Of an earlier process: how many evaluations it committed, and its random state then. Up to there all is replayed.
  std::int64_t replayed = 0;
  std::string replayed_rng = {};
};

SearchLoop::SearchLoop(const SearchPlan& plan)
    : plan_(plan),
      objectives_(parse_objectives(plan.config["objectives"].get<std::string>())),
      table_(plan.space->cost_table(plan.input)),
      budgets_(budgets_of(plan.config)),
      rng_(rng_of_search(plan.config["seed"].get<std::int64_t>())) {
  for (const auto& budget : budgets_) {
    sets_.push_back(sets_.empty() ? std::make_unique<FeasibleSet>(*plan.space, plan.input, budget)
                                  : std::make_unique<FeasibleSet>(*sets_.front(), budget));
    const std::int64_t most = sets_.back()->most_macs().macs;  // of the space
    most_macs_.push_back(std::min(budget.max_macs.value_or(most), most));
    const auto fits = [&](const Architecture& arch) { return sets_.back()->contains(arch); };
    if (plan.among && std::none_of(plan.among->begin(), plan.among->end(), fits))
      throw UsageError("nothing in the table has " + to_string(budget));
  }
}

void SearchLoop::run(RunResults& results, SearchSource& source, Observer& observer) {
  Context context{results, source, observer};
  read_state(context);
  observer.begin("search", context.replayed, plan_.config["budget"].get<std::int64_t>(), "subnets");
  tell_work(context);
  for (; budget_ < budgets_.size(); ++budget_) search_budget(context);
  context.results.commit([&] { save_state(context, /*finished=*/true); });
  observer.end();
}

nlohmann::ordered_json SearchLoop::report(SearchSource& source) const {
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (std::size_t b = 0; b < budgets_.size(); ++b) {
    const Known* best = best_within(b);
    nlohmann::ordered_json item;
    if (budgets_[b].max_macs) item["max_macs"] = *budgets_[b].max_macs;
    if (budgets_[b].max_params) item["max_params"] = *budgets_[b].max_params;
    for (const Limit& limit : budgets_[b].limits) item["min_" + limit.price] = *limit.at_least;
    item["evaluated"] =
        std::count_if(known_.begin(), known_.end(), [&](const Known& k) { return sets_[b]->contains(k.arch); });
    if (best == nullptr) throw Error("the search found nothing within " + to_string(budgets_[b]));
    const std::string arch = plan_.space->to_string(best->arch);
    item["best"] = {{"arch", arch},
                    {"canonical", arch},
                    {"space", plan_.space->name()},
                    {"macs", table_.macs(best->arch)},
                    {"params", table_.params(best->arch)},
                    {"metrics", best->metrics},
                    {"standard_errors", standard_errors(best->metrics)}};
    source.report(best->arch, item["best"]);
    results.push_back(std::move(item));
  }
  return results;
}

double SearchLoop::value_of(const Objective& objective, const Known& known) const {
  double value = 0;
  if (objective.name == "macs") {
    value = static_cast<double>(table_.macs(known.arch));
  } else if (objective.name == "params") {
    value = static_cast<double>(table_.params(known.arch));
  } else if (const auto it = known.metrics.find(objective.name); it != known.metrics.end()) {
    value = it->second;
  } else {
    std::vector<std::string> names{"macs", "params"};
    for (const auto& [name, number] : known.metrics) names.push_back(name);
    throw UsageError(unknown_name("objective", objective.name, names));
  }
  return minimised(objective, value);
}

Evaluated SearchLoop::evaluated(const Known& known) const {
  Evaluated result{known.arch, {}};
  for (const auto& objective : objectives_) result.objectives.push_back(value_of(objective, known));
  return result;
}

/// The first objective decides, then the cost: of equally good subnets the cheapest.
std::pair<double, std::int64_t> SearchLoop::rank(const Known& known) const {
  return {value_of(objectives_.front(), known), table_.macs(known.arch)};
}

const SearchLoop::Known* SearchLoop::best_within(std::size_t budget) const {
  const Known* best = nullptr;
  for (const auto& known : known_)
    if (sets_[budget]->contains(known.arch) && (best == nullptr || rank(known) < rank(*best))) best = &known;
  return best;
}

void SearchLoop::search_budget(Context& context) {
  const nlohmann::json& config = plan_.config;
  const std::int64_t total = config["budget"].get<std::int64_t>(), parts = static_cast<std::int64_t>(budgets_.size());
  const std::int64_t generation = config["generation"].get<std::int64_t>();
  const std::int64_t end = total * (static_cast<std::int64_t>(budget_) + 1) / parts;
  const auto searcher =
      plan_.searcher->make(problem_of(plan_, *sets_[budget_], objectives_.size()), config["searcher_options"]);
  std::vector<Evaluated> earlier;
  for (const auto& known : known_)
    if (sets_[budget_]->contains(known.arch)) earlier.push_back(evaluated(known));
  searcher->tell(earlier);
  best_.reset();
  if (const Known* found = best_within(budget_)) best_ = static_cast<std::size_t>(found - known_.data());
  while (done_ < end) {
    const auto archs = searcher->ask(static_cast<std::size_t>(std::min(generation, end - done_)), rng_);
    if (archs.empty()) break;
    take(archs, context.source.measure(archs), *searcher);
    after_generation(context, end);
  }
  if (context.committed < done_ && done_ > context.replayed) commit(context);
  done_ = end;
}

void SearchLoop::take(std::span<const Architecture> archs, std::span<const Measurement> measured, Searcher& searcher) {
  std::vector<Evaluated> told;
  for (std::size_t i = 0; i < archs.size(); ++i) {
    known_.push_back({archs[i], measured[i].metrics});
    told.push_back(evaluated(known_.back()));
    if (!best_ || rank(known_.back()) < rank(known_[*best_])) best_ = known_.size() - 1;
  }
  searcher.tell(told);
  done_ += static_cast<std::int64_t>(archs.size());
}

void SearchLoop::after_generation(Context& context, std::int64_t end) {
  if (done_ == context.replayed) check_replayed(context);
  const Objective& objective = objectives_.front();
  const double shown = minimised(objective, value_of(objective, known_[*best_]));  // back to what is measured
  const bool stop = context.observer.should_stop();
  if (done_ > context.replayed) {
    context.results.add({done_, "search/best_" + objective.name, shown});
    if (stop || done_ >= end || done_ - context.committed >= context.source.commit_every()) commit(context);
    char detail[64];
    std::snprintf(detail, sizeof detail, "best %s %.4g", objective.name.c_str(), shown);
    tell_work(context);
    context.observer.progress(done_, detail);
  }
  if (stop)
    throw Interrupted("stopped after " + std::to_string(done_) +
                      " subnets; run the same command with --resume to go on");
}

/// A subnet counts as the dearest of its budget, so that the time left allows for dearer budgets that come later.
void SearchLoop::tell_work(const Context& context) const {
  if (!context.source.runs_networks()) return;
  const std::int64_t total = plan_.config["budget"].get<std::int64_t>(),
                     parts = static_cast<std::int64_t>(budgets_.size());
  const std::int64_t measured = std::max(done_, context.replayed);
  double done = 0, all = 0;
  for (std::int64_t b = 0; b < parts; ++b) {
    const std::int64_t begin = total * b / parts, end = total * (b + 1) / parts;
    const double macs = static_cast<double>(most_macs_[static_cast<std::size_t>(b)]);
    all += macs * static_cast<double>(end - begin);
    done += macs * static_cast<double>(std::clamp(measured, begin, end) - begin);
  }
  context.observer.work(done, all);
}

/// The results and the state that follows from them are one commit: a killed search goes on as if it had not been.
void SearchLoop::commit(Context& context) {
  context.source.record();
  const double total = plan_.config["budget"].get<double>();
  const bool is_stored = context.results.commit([&] {
    save_state(context, false);
    context.results.store().update_run(context.results.run(), {.progress = static_cast<double>(done_) / total});
  });
  if (is_stored) context.committed = done_;
}

void SearchLoop::save_state(Context& context, bool finished) {
  const nlohmann::json state = {{"done", done_}, {"rng", rng_.state()}, {"finished", finished}};
  context.results.store().put_run_state(context.results.run(), "search", state.dump());
}

namespace {
std::string state_name(std::int64_t run) { return "the stored state of run " + std::to_string(run); }
}  // namespace

void SearchLoop::read_state(Context& context) const {
  const std::string name = state_name(context.results.run());
  const auto text = context.results.store().get_run_state(context.results.run(), "search");
  if (!text) return;
  const nlohmann::json state = parse_json(*text, name);
  try {
    context.replayed = context.committed = state.at("done").get<std::int64_t>();
    context.replayed_rng = state.at("rng").get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    throw UsageError(name + " is not as this version writes it (" + error.what() +
                     "); search without --resume to start anew");
  }
}

void SearchLoop::check_replayed(const Context& context) const {
  if (rng_.state() == context.replayed_rng) return;
  throw UsageError(state_name(context.results.run()) + " does not follow from what is stored: after " +
                   std::to_string(done_) +
                   " subnets the search is elsewhere (results that were deleted, or another version of the searcher); "
                   "search without --resume to start anew");
}

}  // namespace frontier
