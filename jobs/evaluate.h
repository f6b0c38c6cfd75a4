#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/options.h"
#include "jobs/registries.h"
#include "jobs/session.h"

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
  nlohmann::json table = nlohmann::json::object();  ///< benchmark: only numbers of this "dataset", "split", "fidelity"
  std::string split = "search";                     ///< supernet: "search" or "test"
  std::string out;                  ///< scratch: checkpoint folder, of several architectures a folder in it each
  std::string existing = "refuse";  ///< scratch, where `out` holds a checkpoint: "refuse", "resume" or "overwrite"
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
  describe(f, static_cast<DeviceOptions&>(s));
}

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
