#include <gtest/gtest.h>
#include <sched.h>

#include <nlohmann/json.hpp>

#include "support/bad_input.h"

namespace frontier {
namespace {

TEST(Doctor, SaysThatEveryCoreIsUsedUnlessTold) {
  cpu_set_t cores;
  ASSERT_EQ(::sched_getaffinity(0, sizeof cores, &cores), 0);
  const testing::TemporaryFolder folder;
  const testing_support::Program program(folder.path().string());
  const auto threads = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"doctor", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto outcome = program.run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out)["threads"].get<int>();
  };
  ::unsetenv("OMP_NUM_THREADS");
  EXPECT_LE(threads({}), CPU_COUNT(&cores));  // a quota may allow fewer
  EXPECT_EQ(threads({"--threads", "1"}), 1);
  ::setenv("OMP_NUM_THREADS", "1", /*overwrite=*/1);
  const auto limited = nlohmann::json::parse(program.run({"doctor", "--json"}).out);
  EXPECT_EQ(limited["threads"], 1);
  EXPECT_EQ(limited["threads_by"], CPU_COUNT(&cores) > 1 ? "OMP_NUM_THREADS" : "1 core");
  EXPECT_EQ(threads({"--threads", "2"}), 2);
  ::unsetenv("OMP_NUM_THREADS");
  testing_support::expect_refused(program.run({"doctor", "--threads", "100000"}), {"", {}, 2, {"--threads", "100000"}});
}

// TBB warns of workers that it does not have.
TEST(OneCore, IsEnoughAndNobodyComplains) {
  cpu_set_t cores, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof cores, &cores), 0);
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core)
    if (CPU_ISSET(core, &cores)) CPU_SET(core, &one);
  const testing::TemporaryFolder folder;
  const testing_support::Program program(folder.path().string());
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  std::vector<std::string> arguments{"train", "--quiet", "--out", "supernet", "--batch-size", "4", "--steps", "2"};
  for (const char* setting : {"data.name=synthetic", "data.search_size=8", "data.synthetic.train_size=40",
                              "data.synthetic.test_size=8", "final_random_subnets=0"})
    arguments.insert(arguments.end(), {"--set", setting});
  const auto outcome = program.run(arguments);
  ASSERT_EQ(::sched_setaffinity(0, sizeof cores, &cores), 0);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
}

}  // namespace
}  // namespace frontier
