// Every registered space with every sampler: a short training runs, is killed, goes on to the same bytes and is
// searched, or is refused with the reason. The outcome is the table in docs/samplers/README.md.
#include <ATen/Context.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torch/types.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <vector>

#include "common/errors.h"
#include "common/files.h"
#include "jobs/torch/register.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "supernet/checkpoint.h"
#include "supernet/samplers/sampler.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

/// Kills its process behind the second step: the checkpoint of the start is there then, and that of the first step is
/// there or being written.
class Kills : public Observer {
 public:
  bool should_stop() override {
    if (++asked_ == 2) ::raise(SIGKILL);
    return false;
  }

 private:
  int asked_ = 0;
};

InputShape small_input(const SearchSpace& space) {
  InputShape input = space.default_input();
  if (input.height > 32) {
    input.height = input.width = 64;
  } else if (input.height == 32) {
    input.height = input.width = space.listed() ? 8 : 16;
  }
  return input;
}

bool learns_branches(const std::string& sampler) {
  return sampler == "darts" || sampler == "pc_darts" || sampler == "gdas" || sampler == "drnas";
}

nlohmann::json config_of(const SearchSpace& space, const std::string& sampler) {
  const InputShape input = small_input(space);
  nlohmann::json config = {{"space", space.name()},
                           {"data",
                            {{"name", "synthetic"},
                             {"search_size", 8},
                             {"synthetic",
                              {{"channels", input.channels},
                               {"height", input.height},
                               {"width", input.width},
                               {"classes", 4},
                               {"train_size", 40},
                               {"test_size", 8}}}}},
                           {"loader", {{"batch_size", 4}}},
                           {"trainer", {{"steps", 2}, {"lr", 0.01}}},
                           {"evaluation", {{"calibration_images", 4}, {"calibration_batch", 4}}},
                           {"checkpoint_steps", 1},
                           {"final_random_subnets", 0},
                           {"sampler", {{"name", sampler}}}};
  if (learns_branches(sampler) || sampler == "tas") config["arch_fraction"] = 0.5;
  if (sampler == "tas") config["sampler"]["widths"] = "mask";  // widths of most spaces share their norms
  if (sampler == "shiftnas") config["held_out_fraction"] = 0.2;
  if (sampler == "fixed")
    config["sampler"]["arch"] = space.to_string(FeasibleSet(space, input, Budget{}).least_macs().arch);
  return config;
}

struct Job {
  Registries& registries;
  std::string db;
  nlohmann::ordered_json train(const std::string& out, const std::string& existing, const nlohmann::json& config,
                               Observer& observer) {
    return registries.run(
        "train", {{"db", db}, {"out", out}, {"existing", existing}, {"config", config}, {"threads", 1}}, observer);
  }
};

/// Trains in a process of its own, which is killed.
void train_until_killed(Job& job, const std::string& out, const nlohmann::json& config) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Kills kills;
    try {
      job.train(out, "refuse", config, kills);
    } catch (const std::exception&) {
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it ended before it was killed";
}

/// Why the training is refused; empty: it is not.
std::string outcome_of(const SearchSpace& space, const std::string& sampler) {
  const testing::TemporaryFolder folder;
  Registries registries;
  register_torch(registries);
  Job job{registries, folder / "frontier.db"};
  const std::string straight = folder / "straight", killed = folder / "killed";
  const nlohmann::json config = config_of(space, sampler);
  Observer silent;
  try {
    job.train(straight, "refuse", config, silent);
  } catch (const UsageError& error) {
    return error.what();
  }
  train_until_killed(job, killed, config);
  job.train(killed, "resume", config, silent);
  for (const char* file : {"weights.safetensors", "state.safetensors"})
    EXPECT_TRUE(read_file(std::filesystem::path(straight) / file) == read_file(std::filesystem::path(killed) / file))
        << file << " differs after resuming";
  nlohmann::json measure = {{"db", job.db}, {"checkpoint", killed}, {"threads", 1}};
  if (sampler == "fixed") {  // one network: nothing to search
    measure["archs"] = {config["sampler"]["arch"]};
    EXPECT_EQ(registries.run("evaluate", measure, silent)["results"].size(), 1U);
  } else {
    measure.update({{"searcher", "random"}, {"budget", 2}, {"generation", 2}});
    EXPECT_EQ(registries.run("search", measure, silent)["results"][0]["evaluated"], 2);
  }
  return "";
}

/// The line of docs/samplers/README.md about a space. @param refused by sampler: why not; empty where it trains.
std::string row_of(const std::string& space, const std::vector<std::string>& refused) {
  std::string row = "| `" + space + "` |";
  std::vector<std::pair<std::string, std::string>> reasons;  // without the sampler, and the samplers that give it
  for (std::size_t i = 0; i < refused.size(); ++i) {
    row += refused[i].empty() ? " yes |" : " no |";
    if (refused[i].empty()) continue;
    const std::string sampler = known_samplers()[i], prefix = "sampler '" + sampler + "' ";
    const std::string reason = refused[i].starts_with(prefix) ? refused[i].substr(prefix.size()) : refused[i];
    const auto known = std::find_if(reasons.begin(), reasons.end(), [&](const auto& r) { return r.first == reason; });
    if (known == reasons.end()) {
      reasons.emplace_back(reason, sampler);
    } else {
      known->second += ", " + sampler;
    }
  }
  for (const auto& [reason, samplers] : reasons) row += (row.ends_with("|") ? " " : "; ") + samplers + ": " + reason;
  return row + " |";
}

/// Replaces the space's row in the last table, or adds it at the end.
void write_row(const std::string& path, const std::string& space, const std::string& row) {
  std::ifstream in(path);
  std::string text, line;
  bool in_table = false, written = false;
  while (std::getline(in, line)) {
    in_table = in_table || line.starts_with("| space |");
    const bool own = in_table && line.starts_with("| `" + space + "` |");
    text += (own ? row : line) + "\n";
    written = written || own;
  }
  std::ofstream(path) << text << (written ? "" : row + "\n");
}

/// One of each kind of space; what is left takes a quarter of an hour and more.
const std::set<std::string> kQuick = {"mobile_cnn",      "nas_bench_macro", "nas_bench_201",
                                      "resnet_shape_20", "autoformer_28",   "elastic_vit_28"};

class EverySpaceEverySampler : public ::testing::TestWithParam<std::string> {};

TEST_P(EverySpaceEverySampler, TrainsIsKilledGoesOnAndIsSearchedOrIsRefused) {
  const auto space = make_space(GetParam());
  if (!kQuick.contains(GetParam()) && std::getenv("FRONTIER_THOROUGH") == nullptr)
    GTEST_SKIP() << "minutes, or hundreds of megabytes a checkpoint; FRONTIER_THOROUGH=1 runs it";
  std::vector<std::string> refused;
  for (const std::string& sampler : known_samplers()) {
    SCOPED_TRACE(GetParam() + " with " + sampler);
    refused.push_back(outcome_of(*space, sampler));
    if (refused.back().empty()) continue;
    // What is for some spaces alone says why not for this one.
    EXPECT_TRUE(learns_branches(sampler) || sampler == "fair" || sampler == "shiftnas" || sampler == "tas");
    EXPECT_NE(refused.back().find("'" + GetParam() + "'"), std::string::npos) << refused.back();
  }
  const std::string docs = std::string(std::getenv("FRONTIER_SOURCE_DIR")) + "/docs/samplers/README.md",
                    row = row_of(GetParam(), refused);
  if (std::getenv("FRONTIER_WRITE_DOCS") != nullptr) write_row(docs, GetParam(), row);
  EXPECT_NE(read_file(docs).find("\n" + row + "\n"), std::string::npos)
      << docs << " lacks this line (FRONTIER_WRITE_DOCS=1 writes it):\n"
      << row;
}

/// The weights of a training on a device.
TensorMap trained_on(const std::string& device, const nlohmann::json& config) {
  const testing::TemporaryFolder folder;
  Registries registries;
  register_torch(registries);
  Observer silent;
  registries.run(
      "train",
      {{"db", folder / "frontier.db"}, {"out", folder / "out"}, {"config", config}, {"threads", 1}, {"device", device}},
      silent);
  return load_checkpoint(folder / "out", false).weights;
}

/// Two steps of every sampler lead to the same weights on a GPU, but for rounding.
TEST(Cuda, EverySamplerTrainsAsOnACpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "there is no CUDA device";
  at::globalContext().setAllowTF32CuDNN(false);
  for (const std::string name :
       {"mobile_cnn", "nas_bench_macro", "nas_bench_201", "resnet_shape_20", "autoformer_28", "elastic_vit_28"})
    for (const std::string& sampler : known_samplers()) {
      const auto space = make_space(name);
      const nlohmann::json config = config_of(*space, sampler);
      TensorMap expected;
      try {
        expected = trained_on("cpu", config);
      } catch (const UsageError&) {
        continue;  // refused
      }
      const TensorMap weights = trained_on("cuda", config);
      ASSERT_EQ(weights.size(), expected.size());
      for (const auto& [tensor, values] : expected)
        EXPECT_LT((weights.at(tensor) - values).abs().max().item<double>(), 2e-3)
            << name << " with " << sampler << ": " << tensor;
    }
}

/// Calibrated subnets are as accurate on a GPU as on a CPU.
TEST(Cuda, SubnetsAreMeasuredAsOnACpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "there is no CUDA device";
  for (const std::string name : {"mobile_cnn", "nas_bench_201", "autoformer_28", "elastic_vit_28"}) {
    const testing::TemporaryFolder folder;
    Registries registries;
    register_torch(registries);
    Observer silent;
    const auto space = make_space(name);
    nlohmann::json config = config_of(*space, "uniform");
    config["data"]["synthetic"]["test_size"] = 200;
    registries.run(
        "train", {{"db", folder / "frontier.db"}, {"out", folder / "out"}, {"config", config}, {"threads", 1}}, silent);
    Rng rng(1);
    auto archs = nlohmann::json::array();
    for (int i = 0; i < 5; ++i) archs.push_back(space->to_string(space->random(rng)));
    std::map<std::string, std::vector<double>> loss;
    for (const std::string device : {"cpu", "cuda"}) {
      const auto measured = registries.run("evaluate",
                                           {{"db", folder / (device + ".db")},
                                            {"checkpoint", folder / "out"},
                                            {"archs", archs},
                                            {"threads", 1},
                                            {"device", device}},
                                           silent);
      for (const auto& result : measured["results"]) loss[device].push_back(result["metrics"]["loss"].get<double>());
    }
    ASSERT_EQ(loss["cpu"].size(), 5U);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(loss["cuda"].at(i), loss["cpu"][i], 5e-3) << name;
  }
}

TEST(SpaceWithOptions, IsStoredByTheNameThatMakesItAgain) {
  const auto space = make_space("darts(cells=3,channels=8,partial=2,search=true)");
  EXPECT_EQ(outcome_of(*space, "darts"), "");
  const testing::TemporaryFolder folder;
  Registries registries;
  register_torch(registries);
  Job job{registries, folder / "frontier.db"};
  nlohmann::json config = config_of(*space, "darts");
  config["space"] = {{"name", "darts"}, {"search", true}, {"partial", 2}, {"channels", 8}, {"cells", 3}};
  config["trainer"]["steps"] = 1;
  Observer silent;
  job.train(folder / "supernet", "refuse", config, silent);
  const auto run = nlohmann::json::parse(read_file(folder / "supernet/run.json"));
  EXPECT_EQ(run["config"]["space"], space->name());
  // What was found is a network of the space without options.
  const std::string found = run["derived"].get<std::string>();
  EXPECT_EQ(make_space("darts")->to_string(make_space("darts")->parse(found)), found);
  const auto measured = [&](const nlohmann::json& wanted) {
    const nlohmann::json settings = {{"db", job.db},
                                     {"checkpoint", folder / "supernet"},
                                     {"threads", 1},
                                     {"archs", {found}},
                                     {"config", {{"space", wanted}}}};
    return registries.run("evaluate", settings, silent)["results"][0]["space"].get<std::string>();
  };
  EXPECT_EQ(measured(config["space"]), space->name());
  EXPECT_EQ(measured("darts(partial=2,cells=3,channels=8,search=true)"), space->name());
  EXPECT_THROW(measured("darts"), UsageError);
}

std::vector<std::string> names_of_spaces() {
  std::vector<std::string> names;
  for (const auto& info : known_spaces()) names.push_back(info.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Registered, EverySpaceEverySampler, ::testing::ValuesIn(names_of_spaces()),
                         [](const auto& space) {
                           std::string name = space.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace frontier
