#include "jobs/registries.h"

#include <gtest/gtest.h>

#include "support/messages.h"

namespace frontier {
namespace {

TEST(Registries, OpensTheRestOnceAndOnlyForNamesNotKnownWithoutIt) {
  int opened = 0;
  Registries registries([&](Registries& r) {
    ++opened;
    r.jobs.add("double", [](const nlohmann::json& settings, Observer&) -> nlohmann::ordered_json {
      return {{"result", 2 * settings.at("number").get<int>()}};
    });
  });
  EXPECT_EQ(registries.searcher("nsga2").resolved_options({})["population"], 64);
  EXPECT_FALSE(registries.searcher("nsga2").asks_policy);
  EXPECT_TRUE(registries.searcher("shiftnas").asks_policy);
  registries.evaluator("benchmark");
  EXPECT_EQ(opened, 0);
  Observer silent;
  EXPECT_EQ(registries.run("double", {{"number", 4}}, silent)["result"], 8);
  EXPECT_THROWS_WITH(registries.job("treble"), UsageError, "unknown job 'treble'; Known: search, evaluate, double");
  EXPECT_EQ(opened, 1);
}

TEST(Registries, ListsWhatIsKnown) {
  Registries registries;
  EXPECT_THROWS_WITH(registries.job("train"), UsageError, "unknown job 'train'; Known: search, evaluate");
  EXPECT_THROWS_WITH(registries.searcher("nsga"), UsageError, "unknown searcher 'nsga'; did you mean 'nsga2'?");
  EXPECT_THROWS_WITH(registries.jobs.add("search", {}), Error, "'search' is registered twice");
}

TEST(Registries, JobsRefuseUnknownSettings) {
  Registries registries;
  Observer silent;
  EXPECT_THROWS_WITH(registries.run("search", {{"budgt", 3}}, silent), UsageError,
                     "unknown search setting 'budgt'; did you mean 'budget'?");
  EXPECT_THROWS_WITH(registries.run("evaluate", {{"archs", 3}}, silent), UsageError, "evaluate.archs");
}

}  // namespace
}  // namespace frontier
