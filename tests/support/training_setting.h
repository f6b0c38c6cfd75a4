#pragma once

#include <filesystem>
#include <string>

#include "common/errors.h"
#include "common/files.h"
#include "jobs/torch/register.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "support/temporary_folder.h"

namespace frontier::testing_support {

class StopsAtOnce : public Observer {
 public:
  bool should_stop() override { return true; }
};

/// Trainings of a few steps on synthetic images.
struct Setting {
  testing::TemporaryFolder folder;
  Registries registries;
  Observer silent;
  std::string cheapest, dearest;

  Setting() {
    register_torch(registries);
    const auto space = make_space("mobile_cnn");
    const FeasibleSet all(*space, space->default_input(), Budget{});
    cheapest = space->to_string(all.least_macs().arch);
    dearest = space->to_string(all.most_macs().arch);
  }
  nlohmann::json config(const nlohmann::json& sampler) const {
    return {
        {"space", "mobile_cnn"},
        {"sampler", sampler},
        {"data", {{"name", "synthetic"}, {"search_size", 40}, {"synthetic", {{"train_size", 200}, {"test_size", 20}}}}},
        {"loader", {{"batch_size", 16}}},
        {"trainer", {{"steps", 4}}},
        {"evaluation", {{"calibration_images", 32}, {"calibration_batch", 32}}},
        {"final_random_subnets", 0}};
  }
  nlohmann::json fixed(const std::string& arch) const { return config({{"name", "fixed"}, {"arch", arch}}); }
  nlohmann::json taught(const std::string& teacher, const nlohmann::json& more = {}) const {
    nlohmann::json c = config({{"name", "fixed"}, {"arch", cheapest}});
    c["teacher"] = {{"checkpoint", folder / teacher}};
    if (!more.is_null()) c["teacher"].update(more);
    return c;
  }
  nlohmann::ordered_json train(const std::string& out, const nlohmann::json& config, Observer& observer,
                               const std::string& existing = "refuse", int extend = 0) {
    return registries.run("train",
                          {{"db", folder / "frontier.db"},
                           {"out", folder / out},
                           {"existing", existing},
                           {"extend", extend},
                           {"config", config},
                           {"threads", 1}},
                          observer);
  }
  std::string file(const std::string& out, const char* name) const {
    return read_file(std::filesystem::path(folder / out) / name);
  }
  nlohmann::json run_json(const std::string& out) const { return nlohmann::json::parse(file(out, "run.json")); }
};

}  // namespace frontier::testing_support
