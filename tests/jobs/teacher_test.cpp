// A trained network as the teacher of another training.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>

#include "common/errors.h"
#include "common/files.h"
#include "jobs/torch/register.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

class StopsAtOnce : public Observer {
 public:
  bool should_stop() override { return true; }
};

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
  nlohmann::json taught(const std::string& teacher, const nlohmann::json& more = {}) const {
    nlohmann::json c = config({{"name", "fixed"}, {"arch", cheapest}});
    c["teacher"] = {{"checkpoint", folder / teacher}};
    if (!more.is_null()) c["teacher"].update(more);
    return c;
  }
  nlohmann::ordered_json train(const std::string& out, const nlohmann::json& config, Observer& observer,
                               const std::string& existing = "refuse") {
    return registries.run("train",
                          {{"db", folder / "frontier.db"},
                           {"out", folder / out},
                           {"existing", existing},
                           {"config", config},
                           {"threads", 1}},
                          observer);
  }
  std::string file(const std::string& out, const char* name) const {
    return read_file(std::filesystem::path(folder / out) / name);
  }
  nlohmann::json resolved_teacher(const std::string& out) const {
    return nlohmann::json::parse(file(out, "run.json"))["config"]["teacher"];
  }
};

TEST(Teacher, ASupernetsLargestSubnetTeachesAndResumingIsExact) {
  Setting s;
  s.train("supernet", s.config({{"name", "uniform"}}), s.silent);
  s.train("straight", s.taught("supernet"), s.silent);
  EXPECT_EQ(s.resolved_teacher("straight")["arch"], s.dearest);
  EXPECT_EQ(s.resolved_teacher("straight")["weights"].get<std::string>().size(), 8U);
  StopsAtOnce stops;
  EXPECT_THROW(s.train("stopped", s.taught("supernet"), stops), Interrupted);
  s.train("stopped", nlohmann::json::object(), s.silent, "resume");
  EXPECT_EQ(s.file("straight", "weights.safetensors"), s.file("stopped", "weights.safetensors"));
  s.train("alone", s.config({{"name", "fixed"}, {"arch", s.cheapest}}), s.silent);
  EXPECT_NE(s.file("straight", "weights.safetensors"), s.file("alone", "weights.safetensors"));
  // What is taught by no share at all is what learns from the labels.
  s.train("ignores", s.taught("supernet", {{"share", 0}}), s.silent);
  EXPECT_EQ(s.file("ignores", "weights.safetensors"), s.file("alone", "weights.safetensors"));
}

TEST(Teacher, IsRefusedWhereItIsAnother) {
  Setting s;
  s.train("network", s.config({{"name", "fixed"}, {"arch", s.cheapest}}), s.silent);
  StopsAtOnce stops;
  EXPECT_THROW(s.train("stopped", s.taught("network"), stops), Interrupted);
  nlohmann::json other = s.config({{"name", "fixed"}, {"arch", s.cheapest}});
  other["seed"] = 1;
  s.train("network", other, s.silent, "overwrite");
  EXPECT_THROWS_WITH(s.train("stopped", nlohmann::json::object(), s.silent, "resume"), UsageError,
                     "has other weights than those that this training began with");
  EXPECT_THROWS_WITH(s.train("a", s.taught("network", {{"arch", s.dearest}}), s.silent), UsageError, ", not ");
  EXPECT_THROWS_WITH(s.train("a", s.taught("nothing"), s.silent), UsageError, "nothing");
  nlohmann::json small = s.taught("network");
  small["data"]["synthetic"]["classes"] = 5;
  EXPECT_THROWS_WITH(s.train("a", small, s.silent), UsageError, "this training for 1x28x28/5");
  nlohmann::json idle = s.config({{"name", "uniform"}});
  idle["teacher"] = {{"temperature", 4}};
  EXPECT_THROWS_WITH(s.train("a", idle, s.silent), UsageError, "have no effect without teacher.checkpoint");
}

}  // namespace
}  // namespace frontier
