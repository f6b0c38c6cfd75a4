#include <gtest/gtest.h>
#include <torch/types.h>

#include "common/errors.h"
#include "db/store.h"
#include "jobs/torch/register.h"
#include "search_spaces/registry.h"
#include "supernet/checkpoint.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

class StopsAtOnce : public Observer {
 public:
  bool should_stop() override { return true; }
};

nlohmann::json config(double ema_decay, std::int64_t seed) {
  return {
      {"space", "mobile_cnn"},
      {"seed", seed},
      {"data", {{"name", "synthetic"}, {"search_size", 40}, {"synthetic", {{"train_size", 200}, {"test_size", 20}}}}},
      {"loader", {{"batch_size", 16}}},
      {"trainer", {{"steps", 6}, {"ema_decay", ema_decay}}},
      {"evaluation", {{"calibration_images", 32}, {"calibration_batch", 32}}},
      {"final_random_subnets", 0}};
}

/// Trains into `folder`/supernet, stopped after one step or to the end, and measures the cheapest subnet.
Result measured(const testing::TemporaryFolder& folder, double ema_decay, bool stopped) {
  Registries registries;
  register_torch(registries);
  const std::string db = folder / "frontier.db", out = folder / "supernet";
  const nlohmann::json train = {
      {"db", db}, {"out", out}, {"existing", "overwrite"}, {"config", config(ema_decay, 0)}, {"threads", 1}};
  Observer silent;
  StopsAtOnce stops;
  if (stopped) {
    EXPECT_THROW(registries.run("train", train, stops), Interrupted);
  } else {
    registries.run("train", train, silent);
  }
  const auto space = make_space("mobile_cnn");
  Rng rng(1);
  const std::string arch = space->to_string(space->random(rng));
  registries.run("evaluate", {{"db", db}, {"checkpoint", out}, {"archs", {arch}}, {"threads", 1}}, silent);
  return Store(db, Store::Mode::kReadOnly).results({}, 10).front();
}

TEST(Averages, AnInterruptedTrainingIsMeasuredWithItsAverageAndTheResultSaysSo) {
  const testing::TemporaryFolder averaged, raw, finished;
  const Result with = measured(averaged, 0.9, /*stopped=*/true);
  EXPECT_NE(with.protocol.calibration.find("averaged weights of an unfinished training"), std::string::npos)
      << with.protocol.calibration;
  const Checkpoint checkpoint = load_checkpoint(averaged / "supernet", true);
  EXPECT_EQ(held_weights(checkpoint), WeightsKind::kRaw);
  EXPECT_NE(with.protocol.checkpoint, checkpoint_fingerprint(checkpoint));  // not of the raw weights
  const Result without = measured(raw, 0, /*stopped=*/true);
  EXPECT_EQ(without.protocol.calibration.find("average"), std::string::npos);
  EXPECT_EQ(without.protocol.checkpoint, checkpoint_fingerprint(load_checkpoint(raw / "supernet", true)));
  const Result done = measured(finished, 0.9, /*stopped=*/false);
  EXPECT_EQ(done.protocol.calibration.find("unfinished"), std::string::npos);
  EXPECT_EQ(held_weights(load_checkpoint(finished / "supernet", true)), WeightsKind::kAverage);
}

TEST(Averages, TheSeedDecidesWhereArchitectureParametersStart) {
  Registries registries;
  register_torch(registries);
  Observer silent;
  StopsAtOnce stops;
  const auto logits = [&](std::int64_t seed) {
    const testing::TemporaryFolder folder;
    nlohmann::json darts = config(0, seed);
    darts["space"] = "nas_bench_macro";
    darts["data"]["synthetic"].update({{"channels", 3}, {"height", 8}, {"width", 8}});
    darts["sampler"] = {{"name", "darts"}, {"lr", 0}};
    darts["arch_fraction"] = 0.5;
    const nlohmann::json train = {
        {"db", folder / "frontier.db"}, {"out", folder / "supernet"}, {"config", darts}, {"threads", 1}};
    EXPECT_THROW(registries.run("train", train, stops), Interrupted);
    return part_of("sampler.", load_checkpoint(folder / "supernet", true).state).begin()->second;
  };
  EXPECT_TRUE(at::equal(logits(1), logits(1)));
  EXPECT_FALSE(at::equal(logits(1), logits(2)));
}

}  // namespace
}  // namespace frontier
