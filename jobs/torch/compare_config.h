#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/options.h"
#include "jobs/device.h"

namespace frontier {

/// What decides a comparison.
struct CompareConfig {
  nlohmann::json config = nlohmann::json::object();  ///< TrainConfig that all arms share
  nlohmann::json arms = nlohmann::json::array();     ///< ArmOptions each; the others are compared with the first
  nlohmann::json seeds = 3;                          ///< how many, from 0 on; or a list
  std::string budget = "both";                       ///< "steps", "cost" or "both"
  std::int64_t probe_steps = 200;                    ///< by which an arm's cost is told before it is trained
  std::int64_t bins = 8;                             ///< of multiply-accumulates, as CostBins divides them
  std::string scale = "linear";                      ///< of the bins: "linear" or "log"
  std::int64_t per_bin = 5;                          ///< subnets of a bin that are measured
  std::int64_t list_seed = 0;                        ///< draws them
  std::string split = "test";                        ///< that they are measured on: "search" or "test"
  std::int64_t own = 0;                              ///< of them, so many are trained from scratch, too
};

template <class Fields>
void describe(Fields& f, CompareConfig& c) {
  f("config", c.config, "The training that all arms share: settings of train, without sampler and seed as a rule.");
  f("arms", c.arms,
    "What is compared, the first with all others: a list of objects with name, sampler (a name, or an object) and, "
    "where wanted, arch_fraction, held_out_fraction, loader, start, teacher, divergence, subnet_aware, shrinking and "
    "trainer, which go before those of config.");
  f("seeds", c.seeds, "How many trainings an arm, with the seeds from 0 on; or a list of seeds.");
  f("budget", c.budget, {"steps", "cost", "both"},
    "What is the same for all arms: optimiser steps, training cost (images times multiply-accumulates, forward), or "
    "one after the other.");
  f("probe_steps", c.probe_steps, 1, 1'000'000,
    "Steps of a training that is thrown away, by which an arm's cost a step is told.");
  f("bins", c.bins, 1, 100, "Bins of cost between the cheapest subnet and the dearest.");
  f("scale", c.scale, {"linear", "log"}, "linear: bins of one width; log: of one ratio of their ends.");
  f("per_bin", c.per_bin, 1, 10'000, "Subnets of each bin that every supernet is asked about.");
  f("list_seed", c.list_seed, 0, std::int64_t{1} << 53, "Draws those subnets.");
  f("split", c.split, {"search", "test"}, "Images that they are measured on.");
  f("own", c.own, 0, 1'000'000,
    "Of those subnets, so many are trained from scratch, too, for Kendall's tau of inherited accuracies; 0: none.");
}

/// Settings of the job "compare".
struct CompareSettings : CompareConfig, DeviceOptions {
  std::string db = "frontier.db";
  std::string name;           ///< of the run; may be empty
  std::string out;            ///< folder of the comparison: a checkpoint folder a training, and compare.json
  bool resume = false;        ///< `out` holds a comparison: goes on with it
  bool dry_run = false;       ///< says what is done and what is left, and does nothing else
  bool print_config = false;  ///< gives the resolved CompareConfig of a new comparison and does nothing else
};

template <class Fields>
void describe(Fields& f, CompareSettings& s) {
  describe(f, static_cast<CompareConfig&>(s));
  f("db", s.db);
  f("name", s.name);
  f("out", s.out);
  f("resume", s.resume);
  f("dry_run", s.dry_run);
  f("print_config", s.print_config);
  describe(f, static_cast<DeviceOptions&>(s));
}

/// One arm as the user describes it: what it has goes before the shared configuration.
struct ArmOptions {
  std::string name;  ///< empty: the sampler's
  nlohmann::json sampler, arch_fraction, held_out_fraction, loader, start, teacher, divergence, subnet_aware, shrinking,
      trainer;
};

template <class Fields>
void describe(Fields& f, ArmOptions& o) {
  f("name", o.name);
  f("sampler", o.sampler);
  f("arch_fraction", o.arch_fraction);
  f("held_out_fraction", o.held_out_fraction);
  f("loader", o.loader);
  f("start", o.start);
  f("teacher", o.teacher);
  f("divergence", o.divergence);
  f("subnet_aware", o.subnet_aware);
  f("shrinking", o.shrinking);
  f("trainer", o.trainer);
}

/// An arm read: its name, and its configuration without seed.
struct ArmConfig {
  std::string name;
  nlohmann::json config;
};

/// The configuration that all arms share, with its space filled in. @throws UsageError where it is no object or has a
/// seed.
nlohmann::json shared_config(const CompareConfig& compare);
/// @throws UsageError where there is none, two have one name, or one has settings that all arms must share.
std::vector<ArmConfig> read_arms(const CompareConfig& compare);
/// The seeds meant. @throws UsageError where there is none, or one twice.
std::vector<std::int64_t> read_seeds(const nlohmann::json& seeds);

/// With every default of the comparison's own and of the shared training filled in, but for what follows from the data:
/// equal settings are equal then. @throws UsageError for settings that are wrong.
nlohmann::json filled_in(const CompareConfig& compare);

}  // namespace frontier
