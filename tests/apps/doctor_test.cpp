#include <gtest/gtest.h>
#include <sched.h>

#include <nlohmann/json.hpp>

#include "support/program.h"

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
  EXPECT_EQ(threads({}), CPU_COUNT(&cores));
  EXPECT_EQ(threads({"--threads", "1"}), 1);
}

}  // namespace
}  // namespace frontier
