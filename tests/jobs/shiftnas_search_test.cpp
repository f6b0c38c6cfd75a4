// Deployment without a search: what the generator of a trained supernet gives for a budget.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "db/store.h"
#include "jobs/torch/learned_policy.h"
#include "support/messages.h"
#include "support/training_setting.h"

namespace frontier {
namespace {

using nlohmann::json;
using testing_support::Setting;
using testing_support::StopsAtOnce;

/// Trainings with a generator, and searches of them.
struct Deployment : Setting {
  json generated(const json& sampler = json::object()) const {
    json c = config({{"name", "shiftnas"}, {"shifts", 2}});
    c["sampler"].update(sampler);
    c["held_out_fraction"] = 0.2;
    c["trainer"]["steps"] = 12;
    return c;
  }
  nlohmann::ordered_json search(const std::string& checkpoint, const json& more, Observer& observer) {
    json settings = {{"db", folder / "search.db"},
                     {"checkpoint", folder / checkpoint},
                     {"searcher", "shiftnas"},
                     {"budget", 8},
                     {"generation", 2},
                     {"threads", 1}};
    settings.update(more);
    return registries.run("search", settings, observer);
  }
  nlohmann::ordered_json search(const std::string& checkpoint, const json& more) {
    return search(checkpoint, more, silent);
  }
};

/// A third and two thirds of the way from the cheapest subnet to the dearest.
std::vector<std::int64_t> two_budgets(const SearchSpace& space, const InputShape& input) {
  const FeasibleSet all(space, input, Budget{});
  const std::int64_t least = all.least_macs().macs, span = all.most_macs().macs - least;
  return {least + span / 3, least + 2 * span / 3};
}

/// Of the subnets that a search measured, so many cost what each budget allows, or at most 3 % less. (What it reports
/// for a budget is the most accurate within it, which may be one of a smaller budget.)
void expect_measured(const std::string& db, const nlohmann::ordered_json& found, const std::string& price,
                     const std::vector<std::int64_t>& limits, std::size_t each) {
  std::map<std::string, double> costs;
  for (const Result& result : Store(db, Store::Mode::kReadOnly).results({.run = found["run"].get<std::int64_t>()}))
    costs[result.architecture.canonical] = value_of(result, price);
  EXPECT_EQ(costs.size(), each * limits.size());
  for (const std::int64_t limit : limits) {
    const auto most = static_cast<double>(limit);
    EXPECT_EQ(static_cast<std::size_t>(std::count_if(
                  costs.begin(), costs.end(),
                  [&](const auto& of_arch) { return of_arch.second >= 0.97 * most && of_arch.second <= most; })),
              each)
        << "with " << price << " up to " << limit;
  }
  ASSERT_EQ(found["results"].size(), limits.size());
  for (std::size_t i = 0; i < limits.size(); ++i) EXPECT_LE(found["results"][i]["best"][price], limits[i]);
}

TEST(ShiftNasSearch, GivesASubnetOfEachBudgetAndGoesOnToTheSame) {
  Deployment s;
  s.train("supernet", s.generated(), s.silent);
  const auto space = make_space("mobile_cnn");
  const auto limits = two_budgets(*space, space->default_input());
  // One subnet a budget, as it is deployed.
  const std::string db = s.folder / "search.db";
  expect_measured(db, s.search("supernet", {{"max_macs", limits}, {"budget", 2}}), "macs", limits, 1);
  for (const std::string objectives : {"top1:max", "top1:max,macs:min"}) {
    SCOPED_TRACE(objectives);
    const json wanted = {{"max_macs", limits}, {"objectives", objectives}};
    json stopped = wanted;
    stopped["db"] = s.folder / "stopped.db";
    stopped["resume"] = true;
    StopsAtOnce stops;
    EXPECT_THROW(s.search("supernet", stopped, stops), Interrupted);
    const auto whole = s.search("supernet", wanted);
    expect_measured(db, whole, "macs", limits, 4);
    EXPECT_EQ(s.search("supernet", stopped)["results"], whole["results"]);
  }
}

TEST(ShiftNasSearch, AsksWhatTheTrainingLeft) {
  Deployment s;
  s.train("supernet", s.generated(), s.silent);
  const Checkpoint checkpoint = load_checkpoint(s.folder / "supernet", true);
  const Prepared prepared = prepare_weights(checkpoint.run);
  const LearnedPolicy policy(prepared, sampler_state_of(checkpoint));
  EXPECT_EQ(policy.price(), "macs");
  json options = prepared.config.sampler;
  options.erase("name");
  const auto sampler = make_sampler("shiftnas", prepared.space, prepared.input, options, Rng(5));
  sampler->load(sampler_state_of(checkpoint));
  const auto& trained = dynamic_cast<const ShiftNasSampler&>(*sampler);
  EXPECT_EQ(policy.scores(2e6, nullptr), trained.scores(2e6, nullptr));
  Rng a(3), b(3);
  EXPECT_EQ(policy.scores(2e6, &a), trained.scores(2e6, &b));
  const auto fresh =
      make_sampler("shiftnas", prepared.space, prepared.input, options, prepared.stream("sampler.start"));
  EXPECT_NE(policy.scores(2e6, nullptr), dynamic_cast<const ShiftNasSampler&>(*fresh).scores(2e6, nullptr));
}

TEST(ShiftNasSearch, WhateverElseWasSetOfTheTraining) {
  Deployment s;
  json aware = s.generated();
  aware["subnet_aware"] = {{"gamma", 4}, {"momentum", "auto"}};
  aware["trainer"]["lr_schedule"] = "constant";
  s.train("aware", aware, s.silent);
  s.train("teacher", s.fixed(s.dearest), s.silent);
  json taught = s.generated();
  taught["teacher"] = {{"checkpoint", s.folder / "teacher"}};
  s.train("taught", taught, s.silent);
  const auto space = make_space("mobile_cnn");
  const auto limits = two_budgets(*space, space->default_input());
  for (const char* checkpoint : {"aware", "taught"})
    expect_measured(s.folder / "search.db", s.search(checkpoint, {{"max_macs", limits}, {"budget", 2}}), "macs", limits,
                    1);
}

TEST(ShiftNasSearch, LimitsOfTheOtherPriceHold) {
  Deployment s;
  s.train("by_params", s.generated({{"price", "params"}}), s.silent);
  const auto space = make_space("mobile_cnn");
  const FeasibleSet all(*space, space->default_input(), Budget{});
  const std::int64_t params = (all.least_params().params + all.most_params().params) / 2;
  const std::string db = s.folder / "search.db";
  expect_measured(db, s.search("by_params", {{"max_params", params}, {"budget", 1}}), "params", {params}, 1);
  const auto limits = two_budgets(*space, space->default_input());
  for (const std::int64_t limit : limits) {
    const FeasibleSet set(all, {.max_macs = limit});
    const auto best = s.search("by_params", {{"max_macs", {limit}}, {"budget", 1}})["results"][0]["best"];
    EXPECT_LE(best["macs"], limit);
    EXPECT_GE(best["params"].get<double>(), 0.96 * static_cast<double>(set.most("params").params));
  }
}

TEST(ShiftNasSearch, OfATransformer) {
  Deployment s;
  json c = s.generated();
  c["space"] = "autoformer_28";
  c["trainer"]["steps"] = 4;
  s.train("transformer", c, s.silent);
  const auto run = s.run_json("transformer");
  const auto space = make_space("autoformer_28");
  const InputShape input =
      parse_input_shape(run["config"]["input"].get<std::string>(), run["config"]["classes"].get<int>());
  const auto limits = two_budgets(*space, input);
  expect_measured(s.folder / "search.db", s.search("transformer", {{"max_macs", limits}, {"budget", 4}}), "macs",
                  limits, 2);
}

TEST(ShiftNasSearch, RefusesASupernetWithoutAGeneratorAndADamagedOne) {
  Deployment s;
  s.train("uniform", s.config({{"name", "uniform"}}), s.silent);
  EXPECT_THROWS_WITH(s.search("uniform", json::object()), UsageError,
                     "searcher 'shiftnas' asks a generator for subnets of a wanted cost, and a checkpoint of sampler "
                     "'uniform' has none; search a checkpoint of `frontier train --sampler shiftnas`");
  EXPECT_FALSE(std::filesystem::exists(s.folder / "search.db")) << "refused before a run is stored";
  EXPECT_EQ(s.search("uniform", {{"searcher", "random"}, {"budget", 1}})["results"].size(), 1U) << "others take it";
  s.train("supernet", s.generated(), s.silent);
  Checkpoint checkpoint = load_checkpoint(s.folder / "supernet", true);
  checkpoint.run["trainer"]["sampler"] = 5;
  const Prepared prepared = prepare_weights(checkpoint.run);
  EXPECT_THROWS_WITH(LearnedPolicy(prepared, sampler_state_of(checkpoint)), UsageError,
                     "the checkpoint's sampler state is not of sampler 'shiftnas'");
}

}  // namespace
}  // namespace frontier
