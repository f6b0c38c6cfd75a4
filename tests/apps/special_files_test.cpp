// Every option that names a file: a device, a pipe that nobody writes into, and a folder are refused at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include "common/text.h"
#include "support/bad_input.h"

namespace frontier {
namespace {

using testing_support::Outcome;
using testing_support::Program;
using Arguments = std::vector<std::string>;

TEST(SpecialFiles, AreRefusedAtOnceByEveryOptionThatReads) {
  const frontier::testing::TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::filesystem::create_directories(folder / "folder");
  std::filesystem::create_symlink("/dev/zero", folder / "endless");
  std::filesystem::create_directories(folder / "checkpoint");
  std::filesystem::create_symlink("/dev/zero", folder / "checkpoint/run.json");
  write_file(folder / "m.json", R"({"arch": "arch", "results": [{"dataset": "d", "metrics": {"loss": "l"}}]})");
  write_file(folder / "join.json",
             R"({"arch": "arch", "join": {"on": "i"}, "results": [{"dataset": "d", "metrics": {"loss": "l"}}]})");
  write_file(folder / "t.csv", "i,arch,l\n1,00000000,1\n");
  std::vector<Arguments> commands{
      {"cost", "--space", "mobile_cnn", "--archs", "@"},
      {"search", "--checkpoint", "none", "--config", "@"},
      {"import", "@", "--space", "nas_bench_macro", "--map", "m.json"},
      {"import", "t.csv", "--space", "nas_bench_macro", "--map", "@"},
      {"import", "t.csv", "--space", "nas_bench_macro", "--map", "join.json", "--join", "@"},
      {"runs", "--db", "@"},
      {"train", "--out", "o", "--config", "@"},
      {"evaluate", "--checkpoint", "none", "--arch", "x", "--config", "@"},
#ifdef FRONTIER_TORCH
      {"check", "@"},
      {"data", "@"},
      {"data", "mnist", "--data-path", "@"},
      {"search", "--checkpoint", "@"},
      {"evaluate", "--arch", "x", "--checkpoint", "@"},
      {"evaluate", "--arch", "x", "--checkpoint", "checkpoint"},
      {"export", "--out", "o", "--checkpoint", "@"},
      {"train", "--db", "made.db", "--out", "o", "--data", "synthetic", "--set", "data.synthetic.train_size=100",
       "--set", "teacher.checkpoint=@"},
#endif
  };
  for (const Arguments& command : commands)
    for (const std::string file : {"endless", "pipe", "folder"}) {
      Arguments arguments = command;
      for (std::string& argument : arguments)
        if (const auto at = argument.find('@'); at != std::string::npos) argument.replace(at, 1, file);
      SCOPED_TRACE(join(arguments, " "));
      const auto start = std::chrono::steady_clock::now();
      const Outcome outcome = Program(folder.path().string()).run(arguments);
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
      testing_support::expect_refused(outcome, {"", {}, 2, {}});
    }
  EXPECT_FALSE(std::filesystem::exists(folder / "frontier.db"));
}

}  // namespace
}  // namespace frontier
