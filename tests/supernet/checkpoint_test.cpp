#include "supernet/checkpoint.h"

#include <signal.h>
#include <sys/wait.h>
#include <torch/types.h>
#include <unistd.h>

#include <filesystem>

#include "common/errors.h"
#include "common/files.h"
#include "supernet/safetensors.h"
#include "support/messages.h"
#include "support/temporary_folder.h"
#include "support/tensors.h"
#include "support/user.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using frontier::testing::TemporaryFolder;
using testing_support::normal_tensor;
using testing_support::same_bits;

Checkpoint sample(std::uint64_t seed) {
  Checkpoint c;
  c.weights = {{"conv.weight", normal_tensor({4, 3, 3, 3}, seed)}, {"conv.bias", normal_tensor({4}, seed + 1)}};
  c.state = {{"optimizer.momentum", normal_tensor({112}, seed + 2)}, {"steps", at::full({1}, 7, at::kLong)}};
  c.run = {{"seed", seed}, {"trainer", {{"step", 7}}}};
  return c;
}

void expect_equal(const std::map<std::string, at::Tensor>& seen, const std::map<std::string, at::Tensor>& expected) {
  ASSERT_EQ(seen.size(), expected.size());
  for (const auto& [name, tensor] : expected) EXPECT_TRUE(same_bits(seen.at(name), tensor)) << name;
}

void expect_sample(const fs::path& folder, std::uint64_t seed) {
  const Checkpoint read = load_checkpoint(folder, true), expected = sample(seed);
  expect_equal(read.weights, expected.weights);
  expect_equal(read.state, expected.state);
  EXPECT_EQ(read.run.at("seed"), seed);
  EXPECT_EQ(read.run.at("trainer"), expected.run.at("trainer"));
}

/// The run.json of `folder` with one thing changed.
template <class Change>
void edit_run(const fs::path& folder, const Change& change) {
  auto run = nlohmann::json::parse(read_file(folder / "run.json"));
  change(run);
  write_file(folder / "run.json", run.dump());
}

TEST(Checkpoint, SaveAndLoadGiveTheSameBack) {
  TemporaryFolder temporary;
  const fs::path folder = temporary.path() / "a" / "run";
  EXPECT_FALSE(has_checkpoint(folder));
  save_checkpoint(folder, sample(1));
  EXPECT_TRUE(has_checkpoint(folder));
  expect_sample(folder, 1);
  expect_sample(folder / "", 1);
  EXPECT_TRUE(load_checkpoint(folder, false).state.empty());
  const auto run = nlohmann::json::parse(read_file(folder / "run.json"));
  EXPECT_EQ(run.at("format"), 2);
  EXPECT_EQ(run.at("checksums").at("weights.safetensors"), crc32_hex(read_file(folder / "weights.safetensors")));
}

TEST(Checkpoint, IsReplacedAsAWholeAndLeavesNothingBeside) {
  TemporaryFolder temporary;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    save_checkpoint(temporary / "run", sample(seed));
    expect_sample(temporary / "run", seed);
    EXPECT_EQ(std::distance(fs::directory_iterator(temporary.path()), fs::directory_iterator()), 1);
  }
  save_checkpoint(temporary / "run/", sample(4));
  expect_sample(temporary / "run", 4);
  EXPECT_EQ(std::distance(fs::directory_iterator(temporary.path()), fs::directory_iterator()), 1);
}

TEST(Checkpoint, ACrashWhileWritingTheNextLeavesTheLast) {
  TemporaryFolder temporary;
  save_checkpoint(temporary / "run", sample(1));
  fs::create_directory(temporary / "run.tmp");
  write_file(temporary / "run.tmp/weights.safetensors", "half a fi");
  expect_sample(temporary / "run", 1);
  save_checkpoint(temporary / "run", sample(2));
  expect_sample(temporary / "run", 2);
  EXPECT_FALSE(fs::exists(temporary / "run.tmp"));
}

TEST(Checkpoint, ACrashBetweenTheTwoRenamesLeavesTheLastUnderItsOldName) {
  TemporaryFolder temporary;
  save_checkpoint(temporary / "run", sample(1));
  fs::rename(temporary / "run", temporary / "run.old");
  save_checkpoint(temporary / "other", sample(2));
  fs::rename(temporary / "other", temporary / "run.tmp");
  EXPECT_TRUE(has_checkpoint(temporary / "run"));
  expect_sample(temporary / "run", 1);
  save_checkpoint(temporary / "run", sample(3));
  expect_sample(temporary / "run", 3);
  EXPECT_FALSE(fs::exists(temporary / "run.old"));
  EXPECT_FALSE(fs::exists(temporary / "run.tmp"));
}

TEST(Checkpoint, ReplacesNothingButACheckpoint) {
  TemporaryFolder temporary;
  fs::create_directory(temporary / "thesis");
  write_file(temporary / "thesis/chapter1.txt", "years of work");
  EXPECT_THROWS_WITH(save_checkpoint(temporary / "thesis", sample(1)), UsageError, "chapter1.txt");
  EXPECT_EQ(read_file(temporary / "thesis/chapter1.txt"), "years of work");
  write_file(temporary / "note", "a file");
  EXPECT_THROWS_WITH(save_checkpoint(temporary / "note", sample(1)), UsageError, "note");
  EXPECT_EQ(read_file(temporary / "note"), "a file");
  fs::create_directory(temporary / "draft.tmp");
  write_file(temporary / "draft.tmp/chapter2.txt", "more years");
  EXPECT_THROWS_WITH(save_checkpoint(temporary / "draft", sample(1)), UsageError, "chapter2.txt");
  EXPECT_EQ(read_file(temporary / "draft.tmp/chapter2.txt"), "more years");
  fs::create_directory(temporary / "empty");
  save_checkpoint(temporary / "empty", sample(1));
  expect_sample(temporary / "empty", 1);
}

TEST(Checkpoint, FollowsALink) {
  TemporaryFolder temporary;
  fs::create_directory(temporary / "disk");
  fs::create_directory_symlink(temporary / "disk/run", temporary / "run");  // leads to nothing yet
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    save_checkpoint(temporary / "run", sample(seed));
    expect_sample(temporary / "run", seed);
    expect_sample(temporary / "disk/run", seed);
    EXPECT_TRUE(fs::is_symlink(temporary / "run"));
  }
}

TEST(Checkpoint, WeightsWhoseRunFileIsLostAreNotReplaced) {
  TemporaryFolder temporary;
  save_checkpoint(temporary / "run", sample(1));
  fs::remove(temporary / "run/run.json");
  const std::string weights = read_file(temporary / "run/weights.safetensors");
  EXPECT_THROWS_WITH(save_checkpoint(temporary / "run", sample(2)), UsageError, "holds weights but no run.json");
  EXPECT_THROWS_WITH(require_checkpoint_folder(temporary / "run"), UsageError, "holds weights but no run.json");
  EXPECT_EQ(read_file(temporary / "run/weights.safetensors"), weights);
}

TEST(Checkpoint, IsReadWholeWhileItIsReplaced) {
  TemporaryFolder temporary;
  save_checkpoint(temporary / "run", sample(0));
  const pid_t writer = ::fork();
  if (writer == 0)
    for (std::uint64_t seed = 1;; ++seed) save_checkpoint(temporary / "run", sample(seed));
  for (int i = 0; i < 300; ++i) {
    const Checkpoint read = load_checkpoint(temporary / "run", true);
    expect_equal(read.weights, sample(read.run.at("seed")).weights);
  }
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
}

TEST(Checkpoint, ADamagedFileIsRefused) {
  for (const std::string file : {"weights.safetensors", "state.safetensors"}) {
    SCOPED_TRACE(file);
    TemporaryFolder temporary;
    save_checkpoint(temporary / "run", sample(1));
    std::string bytes = read_file(temporary / ("run/" + file));
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_file(temporary / ("run/" + file), bytes);
    EXPECT_THROWS_WITH(load_checkpoint(temporary / "run", true), UsageError, file + " is damaged: its checksum is");
    write_file(temporary / ("run/" + file), bytes.substr(0, 20));
    EXPECT_THROWS_WITH(load_checkpoint(temporary / "run", true), UsageError, "is damaged");
    fs::remove(temporary / ("run/" + file));
    EXPECT_THROWS_WITH(load_checkpoint(temporary / "run", true), UsageError, file);
  }
}

TEST(Checkpoint, AnAlienRunFileIsRefusedWithItsPath) {
  TemporaryFolder temporary;
  EXPECT_THROWS_WITH(load_checkpoint(temporary / "run", true), UsageError, "there is no checkpoint in");
  save_checkpoint(temporary / "run", sample(1));
  const std::string good = read_file(temporary / "run/run.json");
  const struct {
    std::string text, message;
  } cases[] = {{"", "run.json"},
               {"{\"format\": 1,", "run.json"},
               {"[]", "it has no format number"},
               {"{}", "it has no format number"},
               {R"({"format": "1"})", "it has no format number"},
               {R"({"format": 1})", "has checkpoint format 1; this version reads format 2"},
               {R"({"format": 4294967297})", "has checkpoint format 4294967297"},
               {R"({"format": 2})", "run.json says nothing"},
               {R"({"format": 2, "checksums": 5})", "run.json says nothing"},
               {R"({"format": 2, "checksums": {"weights.safetensors": 5}})", "run.json says nothing"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    write_file(temporary / "run/run.json", c.text);
    EXPECT_THROWS_WITH(load_checkpoint(temporary / "run", true), UsageError, c.message);
  }
  write_file(temporary / "run/run.json", good);
  expect_sample(temporary / "run", 1);
}

TEST(Checkpoint, AFolderThatCannotBeWrittenKeepsTheOldCheckpoint) {
  TemporaryFolder temporary;
  save_checkpoint(temporary / "run", sample(1));
  write_file(temporary / "file", "");
  EXPECT_THROWS_WITH(save_checkpoint(temporary / "file/run", sample(2)), Error, "file/run");
  {
    fs::permissions(temporary.path(),
                    fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
    testing_support::OrdinaryUser user;
    if (!user.is_ordinary()) GTEST_SKIP() << "root may write everywhere";
    EXPECT_THROWS_WITH(save_checkpoint(temporary / "run", sample(2)), Error, "Permission denied");
    EXPECT_THROWS_WITH(save_checkpoint(temporary / "new", sample(2)), Error, "Permission denied");
  }
  fs::permissions(temporary.path(), fs::perms::owner_all);
  expect_sample(temporary / "run", 1);
}

TEST(Checkpoint, TheFingerprintFollowsTheWeights) {
  TemporaryFolder temporary;
  Checkpoint first = sample(1), other = sample(2);
  save_checkpoint(temporary / "run", first);
  EXPECT_EQ(checkpoint_fingerprint(load_checkpoint(temporary / "run", false)), checkpoint_fingerprint(first));
  EXPECT_NE(checkpoint_fingerprint(first), checkpoint_fingerprint(other));
  other.weights = first.weights;
  EXPECT_EQ(checkpoint_fingerprint(first), checkpoint_fingerprint(other));
}

TEST(CheckpointWriter, WritesWhatTheTensorsHeldAtTheCall) {
  TemporaryFolder temporary;
  Checkpoint c = sample(1);
  c.weights["strided"] = normal_tensor({4, 6}, 9).t();
  const at::Tensor strided = c.weights["strided"].clone();
  CheckpointWriter writer(temporary / "run");
  writer.save(c);
  for (auto* tensors : {&c.weights, &c.state})  // the training goes on
    for (auto& [name, tensor] : *tensors) tensor.fill_(77);
  writer.wait();
  const Checkpoint read = load_checkpoint(temporary / "run", true);
  EXPECT_TRUE(same_bits(read.weights.at("strided"), strided));
  for (const auto& [name, tensor] : sample(1).weights) EXPECT_TRUE(same_bits(read.weights.at(name), tensor)) << name;
  expect_equal(read.state, sample(1).state);
}

TEST(CheckpointWriter, WritesOneAfterTheOtherAndTheLastWhenItGoes) {
  TemporaryFolder temporary;
  {
    CheckpointWriter writer(temporary / "run");
    writer.wait();
    for (std::uint64_t seed = 1; seed <= 5; ++seed) writer.save(sample(seed));
  }
  expect_sample(temporary / "run", 5);
  EXPECT_EQ(std::distance(fs::directory_iterator(temporary.path()), fs::directory_iterator()), 1);
}

TEST(CheckpointWriter, AnErrorReachesTheNextCallOnce) {
  TemporaryFolder temporary;
  write_file(temporary / "file", "");
  CheckpointWriter writer(temporary / "file/run");
  writer.save(sample(1));
  EXPECT_THROWS_WITH(writer.wait(), Error, "file/run");
  writer.wait();
  writer.save(sample(1));
  EXPECT_THROWS_WITH(writer.save(sample(2)), Error, "file/run");
  fs::remove(temporary / "file");  // there is room again
  writer.save(sample(3));
  writer.wait();
  expect_sample(temporary / "file/run", 3);
  fs::remove_all(temporary / "file");
  write_file(temporary / "file", "");
  writer.save(sample(4));  // nobody asks: goes without a word
}

TEST(CheckpointWriter, AnErrorKeepsTheCheckpointBefore) {
  TemporaryFolder temporary;
  CheckpointWriter writer(temporary / "run");
  writer.save(sample(1));
  writer.wait();
  write_file(temporary / "run/notes.txt", "mine");
  writer.save(sample(2));
  EXPECT_THROWS_WITH(writer.wait(), UsageError, "notes.txt");
  fs::remove(temporary / "run/notes.txt");
  expect_sample(temporary / "run", 1);
}

TEST(CheckpointWeights, SayWhatTheyAre) {
  Checkpoint c = sample(1);
  EXPECT_EQ(held_weights(c), WeightsKind::kRaw);  // written before the key was
  EXPECT_FALSE(has_average(c));
  for (const auto kind : {WeightsKind::kRaw, WeightsKind::kAverage}) {
    TemporaryFolder temporary;
    c.run["weights"] = {{"kind", weights_name(kind)}};
    save_checkpoint(temporary / "run", c);
    const Checkpoint read = load_checkpoint(temporary / "run", true);
    EXPECT_EQ(held_weights(read), kind);
    EXPECT_EQ(has_average(read), kind == WeightsKind::kAverage);
    expect_equal(checkpoint_weights(read, kind), c.weights);
  }
  EXPECT_THROWS_WITH(checkpoint_weights(c, WeightsKind::kRaw), UsageError, "the average of the weights only");
  for (const nlohmann::json& bad : {nlohmann::json("average"), nlohmann::json{{"kind", "mean"}}, nlohmann::json(3)}) {
    c.run["weights"] = bad;
    EXPECT_THROWS_WITH(held_weights(c), UsageError, "run.json says weights = " + bad.dump());
  }
}

TEST(CheckpointWeights, GiveTheAverageByNameOrFromOnePiece) {
  const ParameterLayout layout(
      {{.name = "conv.bias", .shape = {4}},
       {.name = "conv.weight", .shape = {4, 3, 3, 3}, .strides = {27, 1, 9, 3}, .decays = true}});
  const TensorMap average = {{"conv.weight", normal_tensor({4, 3, 3, 3}, 8)}, {"conv.bias", normal_tensor({4}, 9)}};
  Checkpoint c = sample(1);
  EXPECT_THROWS_WITH(checkpoint_weights(c, WeightsKind::kAverage), UsageError, "no average of the weights");
  c.state.merge(with_prefix("average.", average));
  EXPECT_TRUE(has_average(c));
  expect_equal(checkpoint_weights(c, WeightsKind::kAverage), average);
  expect_equal(checkpoint_weights(c, WeightsKind::kRaw), c.weights);

  c.state = {
      {"average", at::cat({average.at("conv.weight").permute({0, 2, 3, 1}).flatten(), average.at("conv.bias")})}};
  EXPECT_TRUE(has_average(c));
  expect_equal(checkpoint_weights(c, WeightsKind::kAverage, &layout), average);
  EXPECT_THROWS_WITH(checkpoint_weights(c, WeightsKind::kAverage), UsageError, "in one piece of 112 numbers");
  c.state["average"] = at::zeros({5});
  EXPECT_THROWS_WITH(checkpoint_weights(c, WeightsKind::kAverage, &layout), UsageError, "in one piece of 5 numbers");
}

}  // namespace
}  // namespace frontier
