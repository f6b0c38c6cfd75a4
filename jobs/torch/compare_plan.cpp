#include "jobs/torch/compare_plan.h"

#include <algorithm>
#include <set>

#include "common/errors.h"
#include "common/files.h"
#include "common/text.h"
#include "jobs/torch/prepare.h"
#include "jobs/torch/training.h"
#include "search_spaces/cost_bins.h"

namespace frontier {
namespace {

using nlohmann::json;

constexpr int kMostMisses = 100'000;  ///< draws in a row that give nothing new: there is no more, or next to none

/// The arm's settings as a training reads them, of so many steps.
json with_steps(json config, std::int64_t steps) {
  config["epochs"] = 0;
  replace_values(config, {{"trainer", {{"steps", steps}}}});
  return config;
}

/// Reads an arm and tells what a step of it costs.
PlannedArm probe(const ArmConfig& arm, const ComparePlan& plan, std::int64_t probe_steps, at::Device device,
                 Observer& observer) {
  json config = with_steps(arm.config, plan.steps);
  config["seed"] = plan.seeds.front();
  Training training(config, "", "refuse", device);
  if (training.only_subnet())
    throw UsageError("it trains one network alone, and there are no subnets of it to measure");
  const Training::StepCost cost = training.probe(probe_steps, arm.name, observer);
  if (!(cost.macs > 0)) throw Error("arm '" + arm.name + "' trained nothing in its probe");
  PlannedArm planned{arm.name, training.resolved(), cost.macs, cost.seconds};
  planned.config.erase("seed");
  return planned;
}

/// Subnets of one bin, all different.
ComparedBin draw(const SearchSpace& space, const CostBins& bins, std::size_t bin, std::int64_t count, Rng& rng) {
  ComparedBin drawn{*bins.window(bin).at_least, *bins.window(bin).at_most, {}, {}};
  std::set<std::string> seen;
  const auto refuse = [&](const std::string& how_many) {
    throw UsageError("per_bin = " + std::to_string(count) + " is more than the subnets of " +
                     std::to_string(drawn.least) + " to " + std::to_string(drawn.most) +
                     " multiply-accumulates, which are " + how_many + "; lower per_bin or bins");
  };
  const BigCount most = bins.subnets(bin).estimate().at_most;
  if (most < static_cast<BigCount>(count)) refuse("at most " + to_string(most));
  for (int misses = 0; std::ssize(seen) < count;) {
    const Architecture arch = bins.draw(bin, rng);
    if (!seen.insert(space.to_string(arch)).second) {
      if (++misses == kMostMisses) refuse("not many more than the " + std::to_string(seen.size()) + " that were found");
      continue;
    }
    misses = 0;
    drawn.archs.push_back(space.to_string(arch));
    drawn.macs.push_back(bins.price(arch));
  }
  return drawn;
}

void draw_list(ComparePlan& plan, const CompareConfig& compare, const Training& training, Observer& observer) {
  const SearchSpace& space = training.space();
  const CostBins bins(space, training.input(), {.price = "macs", .bins = compare.bins, .scale = compare.scale});
  plan.dearest = bins.most();
  Rng rng = Rng(static_cast<std::uint64_t>(compare.list_seed)).domain("compare.list");
  for (std::size_t bin = 0; bin < bins.size(); ++bin) plan.bins.push_back(draw(space, bins, bin, compare.per_bin, rng));
  if (std::ssize(plan.bins) < compare.bins)
    observer.note("of " + std::to_string(compare.bins) + " bins " + std::to_string(plan.bins.size()) +
                  " hold subnets of '" + space.name() + "' that are found by drawing; the others are left out");
}

/// The shared training as one of a single network: without what is for samplers alone, and from fresh weights.
json own_config(const CompareConfig& compare, std::int64_t seed, std::int64_t steps) {
  json config = with_steps(shared_config(compare), steps);
  for (const char* key : {"sampler", "arch_fraction", "held_out_fraction", "start", "subnet_aware", "shrinking"})
    config.erase(key);
  if (!config.contains(json::json_pointer("/teacher/checkpoint"))) config.erase("divergence");
  config["seed"] = seed;
  return config;
}

void plan_own(ComparePlan& plan, const CompareConfig& compare, at::Device device) {
  const auto most = static_cast<std::int64_t>(plan.bins.size()) * compare.per_bin;
  if (compare.own == 0) return;
  if (compare.own == 1 || compare.own > most)
    throw UsageError("own = " + std::to_string(compare.own) + ": allowed are 0, and 2 to the " + std::to_string(most) +
                     " subnets that are measured (bins times per_bin)");
  for (const auto& [bin, place] : spread_over_bins(static_cast<std::size_t>(compare.own), plan.bins.size()))
    plan.own.push_back(bin * static_cast<std::size_t>(compare.per_bin) + place);
  plan.own_config = own_config(compare, plan.seeds.front(), plan.steps);
  json config = plan.own_config;
  config["sampler"] = {{"name", "fixed"}, {"arch", plan.bins.front().archs.front()}};
  plan.own_config = Training(config, "", "refuse", device).resolved();  // which refuses what is wrong
  plan.own_config.erase("sampler");
}

}  // namespace

ComparePlan make_plan(const CompareConfig& compare, at::Device device, Observer& observer) {
  const std::vector<ArmConfig> arms = read_arms(compare);
  filled_in(compare);  // refuses what is wrong before the data is loaded
  ComparePlan plan;
  plan.seeds = read_seeds(compare.seeds);
  plan.split = compare.split;
  for (const char* budget : {"steps", "cost"})
    if (compare.budget == budget || compare.budget == "both") plan.budgets.emplace_back(budget);
  {
    json config = arms.front().config;
    config["seed"] = plan.seeds.front();
    const Training first(config, "", "refuse", device);
    plan.space = first.space().name();
    plan.steps = first.config().trainer.steps;
    draw_list(plan, compare, first, observer);
  }
  plan_own(plan, compare, device);
  for (const ArmConfig& arm : arms) {
    try {
      plan.arms.push_back(probe(arm, plan, compare.probe_steps, device, observer));
    } catch (const UsageError& error) {
      throw UsageError("arm '" + arm.name + "': " + error.what());
    }
  }
  for (PlannedArm& arm : plan.arms)
    arm.cost_steps = steps_of_equal_cost(plan.steps, plan.arms.front().macs_a_step, arm.macs_a_step);
  return plan;
}

std::string part_name(const PlannedArm& arm, std::int64_t steps, std::int64_t seed) {
  return arm.name + "-" + std::to_string(steps) + "steps-seed" + std::to_string(seed);
}

std::vector<std::string> listed(const ComparePlan& plan) {
  std::vector<std::string> archs;
  for (const ComparedBin& bin : plan.bins) archs.insert(archs.end(), bin.archs.begin(), bin.archs.end());
  return archs;
}

std::vector<ComparePart> parts_of(const ComparePlan& plan) {
  std::vector<ComparePart> parts;
  std::set<std::string> names;
  for (const std::int64_t seed : plan.seeds)
    for (const std::string& budget : plan.budgets)
      for (std::size_t a = 0; a < plan.arms.size(); ++a) {
        const PlannedArm& arm = plan.arms[a];
        const std::int64_t steps = plan.steps_of(arm, budget);
        const std::string name = part_name(arm, steps, seed);
        if (!names.insert(name).second) continue;
        parts.push_back({.name = name,
                         .title = arm.name + ", " + std::to_string(steps) + " steps, seed " + std::to_string(seed),
                         .arm = a,
                         .steps = steps,
                         .seed = seed,
                         .macs = arm.macs_a_step * static_cast<double>(steps),
                         .seconds = arm.seconds_a_step * static_cast<double>(steps)});
      }
  const std::vector<std::string> archs = listed(plan);
  std::vector<std::int64_t> macs;
  for (const ComparedBin& bin : plan.bins) macs.insert(macs.end(), bin.macs.begin(), bin.macs.end());
  for (const std::size_t place : plan.own) {
    const PlannedArm& first = plan.arms.front();
    const auto images = plan.own_config.at("loader").at("batch_size").get<double>();
    const double cost = static_cast<double>(macs.at(place)) * images * static_cast<double>(plan.steps);
    parts.push_back({.name = "own-" + crc32_hex(archs.at(place)),
                     .title = "from scratch: " + archs.at(place),
                     .own = place,
                     .steps = plan.steps,
                     .seed = plan.seeds.front(),
                     .macs = cost,
                     .seconds = cost * first.seconds_a_step / first.macs_a_step});
  }
  return parts;
}

}  // namespace frontier
