#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/options.h"
#include "common/settings.h"
#include "jobs/registries.h"

namespace frontier {

/// Settings of the job "prune".
struct PruneSettings : DeviceOptions {
  std::string db = "frontier.db";
  std::string out;                  ///< a folder of its own: prune.json and a checkpoint folder a stage
  std::string existing = "refuse";  ///< where `out` holds a pruning: "refuse", "resume" or "overwrite"
  std::string unpruned;             ///< checkpoint folder of the trained network; empty: it is trained first
  std::string target;               ///< "0.5" of the unpruned network's MACs, or "20M" of them; empty: by the sampler's
  /// Of the trainings of the unpruned and of the pruned network, as for the job "train", with "sampler" for the
  /// settings of 'tas', "teacher" and "divergence" for the pruned network, and "search": what differs in the search.
  nlohmann::json config = nlohmann::json::object();
  bool print_config = false;  ///< gives the resolved configuration and does nothing else
};

template <class Fields>
void describe(Fields& f, PruneSettings& s) {
  f("db", s.db);
  f("out", s.out);
  f("existing", s.existing, {"refuse", "resume", "overwrite"});
  f("unpruned", s.unpruned);
  f("target", s.target);
  f("config", s.config);
  f("print_config", s.print_config);
  describe(f, static_cast<DeviceOptions&>(s));
}

/// The job "prune": a trained network (trained here, or given), a search by the sampler 'tas' for how wide and deep it
/// need be for a target of multiply-accumulates, and the found network trained from scratch, taught by the unpruned one
/// (Dong and Yang, arXiv 1905.09717; share 0.9, temperature 4). Each of the three is a training of its own, with a run
/// in the database and a checkpoint in a folder below `out`; what is done is in prune.json there, so that a pruning
/// goes on where it was stopped.
///
/// The document: "results", an item a network ("unpruned", "pruned") and split as evaluate gives them; "derived";
/// "target_macs"; "band" [least, most] and "in_band"; "macs_kept", the share of the unpruned network's; "top1_change"
/// by split; "checkpoint" of the pruned network; "runs" by stage.
nlohmann::ordered_json prune(const nlohmann::json& settings, Registries& registries, Observer& observer);

/// What there is to set, where `training` is of a training.
std::vector<Setting> prune_setting_list(std::vector<Setting> training);

}  // namespace frontier
