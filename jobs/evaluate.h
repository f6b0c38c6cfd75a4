#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/options.h"
#include "jobs/registries.h"
#include "jobs/session.h"
#include "jobs/stored_benchmark.h"

namespace frontier {

/// Settings of the job "evaluate". Those that have no effect on the evaluator are refused.
struct EvaluateSettings : DeviceOptions {
  std::string evaluator = "supernet";
  std::string db = "frontier.db";
  std::vector<std::string> archs;  ///< in the space's notation or as JSON
  std::string archs_file;          ///< one a line; empty: none
  std::string checkpoint;          ///< supernet: the folder that train wrote
  /// scratch: of the training, as for the job "train"; supernet: "evaluation" alone; "space" for all
  nlohmann::json config = nlohmann::json::object();
  TableChoice table;                ///< benchmark: only numbers of this data set, split, fidelity, seed
  std::string split = "search";     ///< supernet: "search" or "test"
  std::string out;                  ///< scratch: checkpoint folder, of several architectures a folder in it each
  std::string existing = "refuse";  ///< scratch, where `out` holds a checkpoint: "refuse", "resume" or "overwrite"
  bool print_config = false;        ///< gives the resolved configuration and does nothing else
};

template <class Fields>
void describe(Fields& f, EvaluateSettings& s) {
  f("evaluator", s.evaluator);
  f("db", s.db);
  f("archs", s.archs);
  f("archs_file", s.archs_file);
  f("checkpoint", s.checkpoint);
  f("config", s.config);
  f("table", s.table);
  f("split", s.split);
  f("out", s.out);
  f("existing", s.existing, {"refuse", "resume", "overwrite"});
  f("print_config", s.print_config);
  describe(f, static_cast<DeviceOptions&>(s));
}

/// Parts of the configuration that have an effect on an evaluator; of scratch all but the sampler.
inline const std::vector<std::string> kSupernetConfig{"space", "evaluation"}, kBenchmarkConfig{"space", "seed"};
/// What there is to set of an evaluation, where `training` is of a training: by evaluator.
std::vector<Setting> evaluate_setting_list(const std::vector<Setting>& training);

/// The job "evaluate": an item of `results` a measurement, as `frontier evaluate --json` prints it.
nlohmann::ordered_json evaluate(const nlohmann::json& settings, Registries& registries, Observer& observer);
/// Its part for a recorded benchmark: what is stored; measures and stores nothing.
nlohmann::ordered_json look_up_in_benchmark(const nlohmann::json& settings);
/// Its part for the subnets of a checkpoint that `open` opens.
nlohmann::ordered_json evaluate_session(const nlohmann::json& settings, const OpenSession& open, Observer& observer);

/// One measurement as the job prints it.
nlohmann::ordered_json measured_item(const SearchSpace& space, const InputShape& input, const Architecture& arch,
                                     const std::string& split, const Measurement& measured);

}  // namespace frontier
