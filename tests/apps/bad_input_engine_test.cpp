// Wrong input to train, search and evaluate, and work that fails or is interrupted: one message, nothing lost. The
// checkpoint and the database that the cases spoil copies of are made once.

#include "support/bad_input.h"

#include <sys/mount.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/text.h"
#include "db/store.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using testing_support::BadInput;
using testing_support::Outcome;
using testing_support::Program;
using Arguments = std::vector<std::string>;

const std::string kArch = "8 | 8: k3e2 | 16: k3e2 | 32: k3e2";

/// Training of a few steps on a few images.
Arguments train(const Arguments& more, const std::string& steps = "2") {
  Arguments all{"train",        "--quiet",
                "--db",         "results.db",
                "--data",       "synthetic",
                "--steps",      steps,
                "--batch-size", "32",
                "--set",        "data.synthetic.train_size=200",
                "--set",        "data.synthetic.test_size=50",
                "--set",        "evaluation.calibration_images=64",
                "--set",        "evaluation.calibration_batch=32",
                "--set",        "final_random_subnets=0"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
Arguments train_with(const std::string& setting) { return train({"--out", "fresh", "--set", setting}); }
Arguments train_on(const Arguments& data) {
  Arguments all{"train", "--quiet", "--db", "results.db", "--out", "fresh", "--steps", "2", "--data"};
  all.insert(all.end(), data.begin(), data.end());
  return all;
}
Arguments search(const Arguments& more) {
  Arguments all{"search", "--quiet", "--db", "results.db", "--checkpoint", "supernet", "--budget", "4"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
Arguments evaluate(const Arguments& more) {
  Arguments all{"evaluate", "--quiet", "--db", "results.db", "--arch", kArch};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
Arguments resume(const std::string& checkpoint) { return train({"--resume", "--out", checkpoint}); }
Arguments open(const std::string& checkpoint) { return evaluate({"--checkpoint", checkpoint}); }

/// `bytes` as a big-endian number of four bytes.
std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

void write_idx_images(const fs::path& path, std::uint32_t magic, std::uint32_t claimed, std::size_t present) {
  write_file(path, big_endian(magic) + big_endian(claimed) + big_endian(28) + big_endian(28) +
                       std::string(present * 28 * 28, 'a'));
}

void write_idx_labels(const fs::path& path, std::uint32_t claimed, char label) {
  write_file(path, big_endian(0x801) + big_endian(claimed) + std::string(claimed, label));
}

/// A small data set in idx files, then spoiled.
void write_data(const fs::path& folder) {
  fs::create_directory(folder);
  write_idx_images(folder / "train-images-idx3-ubyte", 0x803, 40, 40);
  write_idx_labels(folder / "train-labels-idx1-ubyte", 40, '\1');
  write_idx_images(folder / "t10k-images-idx3-ubyte", 0x803, 20, 20);
  write_idx_labels(folder / "t10k-labels-idx1-ubyte", 20, '\1');
}

class WrongJob : public testing_support::BadInputTest {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    const auto& f = *folder_;
    const Program program(f.path().string());
    const Outcome made = program.run(train({"--out", "supernet"}));
    ASSERT_EQ(made.exit_code, 0) << made.err;
    ASSERT_EQ(program.run(evaluate({"--checkpoint", "supernet"})).exit_code, 0);

    const auto spoil = [&](const std::string& name) {
      fs::copy(f / "supernet", f / name);
      return fs::path(f / name);
    };
    const auto change_run = [&](const std::string& name, const auto& change) {
      const fs::path path = spoil(name) / "run.json";
      nlohmann::json run = nlohmann::json::parse(read_file(path));
      change(run);
      write_file(path, run.dump());
    };
    const fs::path weights = "weights.safetensors";
    std::string bytes = read_file(fs::path(f / "supernet") / weights);
    write_file(spoil("cut_weights") / weights, bytes.substr(0, 1000));
    write_file(spoil("swapped") / "state.safetensors", bytes);
    bytes[5000] = static_cast<char>(bytes[5000] ^ 1);
    write_file(spoil("flipped") / weights, bytes);
    fs::remove(spoil("no_weights") / weights);
    fs::remove(spoil("no_run") / "run.json");
    write_file(spoil("other_run") / "run.json", "{\"a\": 1}");
    write_file(spoil("cut_run") / "run.json", read_file(f / "supernet/run.json").substr(0, 300));
    change_run("newer_format", [](auto& run) { run["format"] = 7; });
    change_run("other_space", [](auto& run) { run["config"]["space"] = "nas_bench_macro"; });
    change_run("no_config", [](auto& run) { run["config"] = 5; });
    change_run("bad_progress", [](auto& run) { run["seconds"] = "long"; });
    change_run("bad_random_state", [](auto& run) { run["trainer"]["rng"] = "zz", run.erase("metrics"); });
    change_run("no_data", [](auto& run) { run["config"]["data"] = {{"name", "mnist"}, {"path", "gone"}}; });
    fs::create_directory(f / "others");
    write_file(f / "others/thesis.tex", "years of work");
    write_file(f / "plain", "a file");
    fs::create_directory(f / "draft.tmp");
    write_file(f / "draft.tmp/thesis.tex", "years of work");

    write_file(f / "malformed.json", "{\n  \"trainer\": {\n    \"lr\": 0.1,,\n  }\n}");
    write_file(f / "huge_number.json", "{\"trainer\": {\"lr\": 1e999}}");
    write_file(f / "list.json", "[1, 2]");
    write_file(f / "twice.json", R"({"trainer": {"lr": 0.1, "lr": 0.2}})");
    write_file(f / "deep.json", "{\"trainer\": {\"lr\": " + testing_support::nested(200000) + "}}");
    write_file(f / "unknown.json", "{\"trainer\": {\"warmup_step\": 5}}");

    for (const auto* name : {"data", "cut_data", "wrong_magic", "missing_file", "label_range", "fewer_labels"})
      write_data(f / name);
    write_idx_images(f / "cut_data/train-images-idx3-ubyte", 0x803, 40, 17);
    write_idx_images(f / "wrong_magic/train-images-idx3-ubyte", 0x58585858, 40, 40);
    fs::remove(f / "missing_file/t10k-labels-idx1-ubyte");
    write_idx_labels(f / "label_range/train-labels-idx1-ubyte", 40, '\x63');
    write_idx_labels(f / "fewer_labels/train-labels-idx1-ubyte", 39, '\1');
  }
};

TEST_F(WrongJob, InConfig) {
  expect_all_refused(
      {BadInput{"Malformed",
                train({"--out", "fresh", "--config", "malformed.json"}),
                2,
                {"malformed.json is not valid JSON", "line 3, column 15"}},
       BadInput{"HugeNumber",
                train({"--out", "fresh", "--config", "huge_number.json"}),
                2,
                {"huge_number.json", "too large", "1e999"}},
       BadInput{"KeyTwice", train({"--out", "fresh", "--config", "twice.json"}), 2, {"the key 'lr' twice"}},
       BadInput{"List", train({"--out", "fresh", "--config", "list.json"}), 2, {"list.json must hold a JSON object"}},
       BadInput{"NestedDeeply",
                train({"--out", "fresh", "--config", "deep.json"}),
                2,
                {"deep.json nests deeper than 100 levels"}},
       BadInput{"UnknownKey",
                train({"--out", "fresh", "--config", "unknown.json"}),
                2,
                {"unknown trainer setting 'warmup_step'", "did you mean 'warmup_steps'?"}},
       BadInput{
           "NoFile", train({"--out", "fresh", "--config", "none.json"}), 2, {"cannot read none.json", "No such file"}},
       BadInput{"Binary",
                train({"--out", "fresh", "--config", "supernet/weights.safetensors"}),
                2,
                {"not valid JSON", "line 1, column 1"}},
       BadInput{"SearchList", search({"--config", "list.json"}), 2, {"list.json must hold a JSON object"}}});
}

TEST_F(WrongJob, InSettings) {
  expect_all_refused(
      {BadInput{"UnknownGroup", train_with("trainr.lr=1"), 2, {"unknown setting 'trainr'", "did you mean 'trainer'?"}},
       BadInput{"UnknownSetting",
                train_with("loader.batchsize=1"),
                2,
                {"unknown loader setting 'batchsize'", "did you mean 'batch_size'?"}},
       BadInput{"UnknownSamplerSetting",
                train({"--out", "fresh", "--sampler", "sandwich", "--set", "sampler.random_subnet=1"}),
                2,
                {"'random_subnet'", "did you mean 'random_subnets'?"}},
       BadInput{"UnknownEvaluationSetting", train_with("evaluation.image=1"), 2, {"'image'", "did you mean 'images'?"}},
       BadInput{"WrongType", train_with("trainer.lr=fast"), 2, {"trainer.lr must be a number, not \"fast\""}},
       BadInput{"NotWhole", train_with("loader.threads=1.5"), 2, {"loader.threads must be a whole number, not 1.5"}},
       BadInput{"OutOfRange", train_with("loader.pad=-1"), 2, {"loader.pad = -1", "allowed: 0 to 256"}},
       BadInput{"SamplerOutOfRange",
                train({"--out", "fresh", "--sampler", "sandwich", "--set", "sampler.random_subnets=-1"}),
                2,
                {"sampler.random_subnets = -1", "0 to 1024"}},
       BadInput{"EvaluationOutOfRange", train_with("evaluation.batch=0"), 2, {"evaluation.batch = 0", "1 to 1048576"}},
       BadInput{"MoreThanTheImages",
                train_with("evaluation.calibration_batch=500"),
                2,
                {"calibration_batch = 500", "180 training images"}},
       BadInput{"Nan", train_with("trainer.lr=NaN"), 2, {"trainer.lr must be a number", "NaN"}},
       BadInput{"NanOption", train({"--out", "fresh", "--lr", "nan"}), 2, {"trainer.lr = nan", "0 to 1000"}},
       BadInput{"InfiniteOption", train({"--out", "fresh", "--lr", "inf"}), 2, {"trainer.lr = inf"}},
       BadInput{"GroupIsNumber", train_with("trainer=5"), 2, {"'trainer' must be an object"}},
       BadInput{"SamplerIsNumber", train_with("sampler=5"), 2, {"sampler must be an object with a name"}},
       BadInput{"NoEquals", train_with("novalue"), 2, {"--set 'novalue'", "name.of.setting=value"}},
       BadInput{"EmptyPart", train_with("trainer..lr=1"), 2, {"--set 'trainer..lr=1'"}},
       BadInput{"NotUtf8", train_with("data.path=\xff"), 2, {"UTF-8"}},
       BadInput{"EpochsAndSteps", train({"--out", "fresh", "--epochs", "3"}), 2, {"--epochs or --steps, not both"}},
       BadInput{"EpochsNone",
                train_on({"synthetic", "--epochs", "0"}),
                2,
                {"--epochs", "0 is out of range; allowed: 1 to 1000000000"}},
       BadInput{"EpochsAreText", train({"--out", "fresh", "--epochs", "abc"}), 2, {"--epochs", "abc"}},
       BadInput{"SeedNegative",
                train({"--out", "fresh", "--seed", "-1"}),
                2,
                {"--seed: -1 is out of range; allowed: 0 to 9007199254740992"}},
       BadInput{"UnknownSampler",
                train({"--out", "fresh", "--sampler", "sandwhich"}),
                2,
                {"unknown sampler 'sandwhich'", "did you mean 'sandwich'?"}},
       BadInput{"UnknownTrainingSpace",
                train({"--out", "fresh", "--space", "mobil_cnn"}),
                2,
                {"'mobil_cnn'", "did you mean 'mobile_cnn'?"}},
       BadInput{
           "SamplerDoesNotFitSpace", train({"--out", "fresh", "--sampler", "darts"}), 2, {"darts", "nas_bench_macro"}},
       BadInput{"DistillWithoutTeacher",
                train({"--out", "fresh", "--sampler", "uniform", "--set", "sampler.distill=inplace"}),
                2,
                {"unknown sampler setting 'distill'"}},
       BadInput{"UnknownChoice",
                train_with("trainer.lr_schedule=cosin"),
                2,
                {"trainer.lr_schedule", "did you mean 'cosine'?"}},
       BadInput{"ArchFractionWithoutUse",
                train_with("arch_fraction=0.5"),
                2,
                {"arch_fraction has no effect on sampler 'uniform'"}},
       BadInput{"HeldOutFractionWithoutUse",
                train_with("held_out_fraction=0.5"),
                2,
                {"held_out_fraction has no effect on sampler 'uniform'"}},
       BadInput{"TeacherWithoutCheckpoint",
                train_with("teacher.temperature=4"),
                2,
                {"settings of the teacher have no effect without teacher.checkpoint"}},
       BadInput{"TeacherThatIsNotThere", train_with("teacher.checkpoint=nowhere"), 2, {"nowhere"}},
       BadInput{"NoImagesForTheArchitecture",
                train({"--out", "fresh", "--space", "nas_bench_macro", "--sampler", "darts"}),
                2,
                {"set arch_fraction above 0, e.g. arch_fraction=0.5"}},
       BadInput{
           "FixedWithoutArchitecture", train({"--out", "fresh", "--sampler", "fixed"}), 2, {"--set sampler.arch="}},
       BadInput{"ArchitectureReadAsANumber",
                train({"--out", "fresh", "--space", "nas_bench_macro", "--sampler", "fixed", "--set",
                       "sampler.arch=22212220"}),
                2,
                {R"(sampler.arch must be a string, not 22212220)", R"(--set 'sampler.arch="22212220"')"}},
       BadInput{"InputDoesNotFit", train_with("input=3x32x32"), 2, {"3x32x32", "1x28x28"}},
       BadInput{"ClassesDoNotFit", train_with("classes=11"), 2, {"11 classes", "10 classes"}},
       BadInput{"ThreadsNegative",
                train({"--out", "fresh", "--threads", "-1"}),
                2,
                {"--threads", "-1", "-1 is out of range; allowed: 0 to "}},
       BadInput{"ThreadsText", train({"--out", "fresh", "--threads", "many"}), 2, {"--threads", "many"}},
       BadInput{"UnknownDevice", train({"--out", "fresh", "--device", "gpu"}), 2, {"--device 'gpu'", "cpu or cuda"}}});
}

TEST_F(WrongJob, InData) {
  expect_all_refused(
      {BadInput{"UnknownName", train_on({"fashion_mnst"}), 2, {"'fashion_mnst'", "did you mean 'fashion_mnist'?"}},
       BadInput{"NoFolder", train_on({"fashion_mnist", "--data-path", "nowhere"}), 2, {"no folder nowhere"}},
       BadInput{"FileAsFolder", train_on({"mnist", "--data-path", "plain"}), 2, {"no folder plain"}},
       BadInput{"Truncated",
                train_on({"mnist", "--data-path", "cut_data"}),
                2,
                {"train-images-idx3-ubyte", "expected 31360 bytes", "saw"}},
       BadInput{"WrongMagic",
                train_on({"mnist", "--data-path", "wrong_magic"}),
                2,
                {"magic number 0x00000803", "saw 0x58585858"}},
       BadInput{"MissingFile",
                train_on({"mnist", "--data-path", "missing_file"}),
                2,
                {"t10k-labels-idx1-ubyte", "saw neither"}},
       BadInput{
           "LabelOutOfRange", train_on({"mnist", "--data-path", "label_range"}), 2, {"train-labels-idx1-ubyte", "99"}},
       BadInput{"FewerLabels", train_on({"mnist", "--data-path", "fewer_labels"}), 2, {"expected 40", "39"}},
       BadInput{"NoImagesLeft", train_with("data.search_size=100000"), 2, {"data.search_size = 100000", "1 to 199"}},
       BadInput{"NoCifar", train_on({"cifar10", "--data-path", "data"}), 2, {"data_batch_1.bin"}}});
}

TEST_F(WrongJob, InCheckpoints) {
  expect_all_refused(
      {BadInput{"Missing", open("nowhere"), 2, {"no checkpoint in nowhere", "run.json"}},
       BadInput{"NoRun", open("no_run"), 2, {"no checkpoint in no_run"}},
       BadInput{"Flipped", open("flipped"), 2, {"weights.safetensors is damaged", "checksum"}},
       BadInput{"ResumeFlipped", resume("flipped"), 2, {"weights.safetensors is damaged"}},
       BadInput{"Cut", open("cut_weights"), 2, {"weights.safetensors is damaged"}},
       BadInput{"Swapped", resume("swapped"), 2, {"state.safetensors is damaged"}},
       BadInput{"NoWeights", open("no_weights"), 2, {"cannot read no_weights/weights.safetensors"}},
       BadInput{"OtherRunJson", open("other_run"), 2, {"other_run/run.json", "no format number"}},
       BadInput{"CutRunJson", open("cut_run"), 2, {"cut_run/run.json is not valid JSON", "ends too early"}},
       BadInput{"NewerFormat", open("newer_format"), 2, {"checkpoint format 7", "reads format 2"}},
       BadInput{"WeightsOfAnotherSpace", open("other_space"), 2, {"another shape or type than this space needs"}},
       BadInput{"AnotherSpaceAsked",
                evaluate({"--checkpoint", "supernet", "--space", "nas_bench_macro"}),
                2,
                {"of space 'mobile_cnn', not 'nas_bench_macro'"}},
       BadInput{"NoConfig", resume("no_config"), 2, {"run.json has no configuration"}},
       BadInput{"BadProgress", resume("bad_progress"), 2, {"seconds must be a number"}},
       BadInput{"BadRandomState", resume("bad_random_state"), 2, {"'zz' is not a random state"}},
       BadInput{"DataGone", open("no_data"), 2, {"no folder gone"}},
       BadInput{"OutIsFile", train({"--out", "plain"}), 2, {"plain is a file", "folder of its own"}},
       BadInput{"OutIsOthers", train({"--out", "others"}), 2, {"others holds 'thesis.tex'", "would be lost"}},
       BadInput{"OutBesideOthers", train({"--out", "draft"}), 2, {"draft.tmp holds 'thesis.tex'", "would be lost"}},
       BadInput{"OutIsTrained",
                train({"--out", "supernet"}),
                2,
                {"'supernet' holds a checkpoint already", "--resume", "--overwrite"}},
       BadInput{"ResumeAndOverwrite",
                train({"--out", "supernet", "--resume", "--overwrite"}),
                2,
                {"--resume or --overwrite, not both"}},
       BadInput{"OutIsEmpty", train({"--out", ""}), 2, {"--out ''", "name a folder"}},
       BadInput{"OutIsHere", train({"--out", "."}), 2, {"--out '.'", "name a folder"}}});
}

TEST_F(WrongJob, InJobs) {
  expect_all_refused(
      {BadInput{"BudgetZero", search({"--max-macs", "0"}), 2, {"--max-macs = 0", "at least 1"}},
       BadInput{"BudgetNegative", search({"--max-macs", "-5"}), 2, {"'-5' is not a count"}},
       BadInput{"BudgetText", search({"--max-macs", "abc"}), 2, {"'abc' is not a count", "600k"}},
       BadInput{"BudgetNan", search({"--max-macs", "nan"}), 2, {"'nan' is not a count"}},
       BadInput{
           "BudgetBelowCheapest", search({"--max-macs", "1M,10"}), 2, {"max_macs = 10", "cheapest", "250096 MACs"}},
       BadInput{"ParametersBelowCheapest", search({"--max-params", "10"}), 2, {"max_params = 10", "8850 parameters"}},
       BadInput{"ParametersAboveDearest",
                search({"--min-params", "1G"}),
                2,
                {"min_params = 1000000000", "267210 parameters"}},
       BadInput{"BudgetEmpty", search({"--max-macs", ""}), 2, {"--max-macs", "empty"}},
       BadInput{"BudgetEmptyPart", search({"--max-macs", "1M,,2M"}), 2, {"'' is not a count"}},
       BadInput{"NoSubnets", search({"--budget", "0"}), 2, {"--budget"}},
       BadInput{"NoGeneration", search({"--generation", "x"}), 2, {"--generation", "x"}},
       BadInput{
           "UnknownSearcher", search({"--searcher", "nsga"}), 2, {"unknown searcher 'nsga'", "did you mean 'nsga2'?"}},
       BadInput{"UnknownSearcherSetting",
                search({"--set", "searcher.populaton=5"}),
                2,
                {"'populaton'", "did you mean 'population'?"}},
       BadInput{
           "SearcherOutOfRange", search({"--set", "searcher.population=1"}), 2, {"population = 1", "2 to 1000000"}},
       BadInput{"SearcherWithoutItsGenerator",
                search({"--searcher", "shiftnas"}),
                2,
                {"searcher 'shiftnas' asks a generator", "a checkpoint of sampler 'uniform' has none",
                 "frontier train --sampler shiftnas"}},
       BadInput{"SearcherShareOutOfRange",
                search({"--searcher", "shiftnas", "--set", "searcher.within=0"}),
                2,
                {"searcher.within = 0", "0.0001 to 1"}},
       BadInput{"SettingOfTraining", search({"--set", "trainer.lr=5"}), 2, {"unknown search setting 'trainer'"}},
       BadInput{"UnknownObjective",
                search({"--objectives", "topp:max"}),
                2,
                {"unknown objective 'topp'", "did you mean 'top1'?"}},
       BadInput{"ObjectiveNonsense", search({"--objectives", "nonsense"}), 2, {"'nonsense'", "name:min or name:max"}},
       BadInput{"UnknownEvaluatorOfSearch", {"search", "--evaluator", "bench"}, 2, {"'bench'", "benchmark, supernet"}},
       BadInput{"UnknownEvaluator", evaluate({"--evaluator", "suprnet"}), 2, {"'suprnet'", "did you mean 'supernet'?"}},
       BadInput{"NoCheckpoint", evaluate({}), 2, {"--checkpoint"}},
       BadInput{"UnknownSplit",
                evaluate({"--checkpoint", "supernet", "--split", "train"}),
                2,
                {"--split 'train'", "search or test"}},
       BadInput{
           "SettingWithoutEffect", evaluate({"--checkpoint", "supernet", "--lr", "1"}), 2, {"'trainer' has no effect"}},
       BadInput{"EvaluationIsNumber",
                evaluate({"--checkpoint", "supernet", "--set", "evaluation=5"}),
                2,
                {"evaluation must be a JSON object, not 5"}},
       BadInput{"ArchOfAnotherSpace", evaluate({"--checkpoint", "supernet", "--arch", "22212220"}), 2, {"22212220"}}});
}

TEST_F(WrongJob, InWhatGoesOnFromATraining) {
  const auto out = [](const Arguments& more) {
    Arguments all{"export", "--quiet", "--checkpoint", "supernet", "--out", "fresh.onnx"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto extend = [](const std::string& folder, const std::string& epochs) {
    return Arguments{"train", "--quiet", "--db", "results.db", "--out", folder, "--extend", epochs};
  };
  const auto prune = [](const Arguments& more) {
    Arguments all{"prune", "--quiet", "--db", "fresh.db", "--out", "fresh"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto tune = [](const Arguments& more) {
    Arguments all = train({"--out", "fresh", "--sampler", "fixed", "--set", std::string("sampler.arch=") + kArch});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_all_refused(
      {BadInput{"ExtendNothing", extend("fresh", "2"), 2, {"--extend 2: 'fresh' holds no training to go on with"}},
       BadInput{"ExtendByNothing", extend("supernet", "0"), 2, {"--extend", "0 is out of range"}},
       BadInput{"ExtendByText", extend("supernet", "two"), 2, {"--extend", "'two' is not a whole number"}},
       BadInput{"ExtendAndOverwrite",
                {"train", "--db", "results.db", "--out", "supernet", "--extend", "2", "--overwrite"},
                2,
                {"--extend or --overwrite, not both"}},
       BadInput{"ExtendWithOtherSettings",
                {"train", "--quiet", "--db", "results.db", "--out", "supernet", "--extend", "2", "--lr", "0.7"},
                2,
                {"began with trainer.lr = ", "not 0.7"}},
       BadInput{"FromNothing", tune({"--from", "nothing"}), 2, {"nothing"}},
       BadInput{"FromAFile", tune({"--from", "plain"}), 2, {"plain"}},
       BadInput{"FromDamagedWeights", tune({"--from", "flipped"}), 2, {"flipped", "damaged"}},
       BadInput{"FromWithoutTraining",
                evaluate({"--checkpoint", "supernet", "--from", "supernet"}),
                2,
                {"'start' has no effect"}},
       BadInput{"TeacherIsNoNetwork", tune({"--set", "teacher.checkpoint=plain"}), 2, {"plain"}},
       BadInput{"PruneWithoutOut", {"prune", "--space", "resnet_shape_20"}, 2, {"--out is required"}},
       BadInput{"PruneWithoutSpace", prune({"--data", "synthetic"}), 2, {"prune needs --space"}},
       BadInput{"PruneToNonsense",
                prune({"--space", "resnet_shape_20", "--target", "half"}),
                2,
                {"--target 'half'", "0 and at most 1", "20M"}},
       BadInput{"PruneOfBranches",
                prune({"--space", "nas_bench_macro", "--data", "synthetic"}),
                2,
                {"'nas_bench_macro' has no decisions about them"}},
       BadInput{"PruneWithAnotherSampler",
                prune({"--space", "resnet_shape_20", "--sampler", "darts"}),
                2,
                {"prune searches with sampler 'tas'"}},
       BadInput{"PruneOfNothing", prune({"--unpruned", "nothing"}), 2, {"nothing"}},
       BadInput{"PruneWithoutFit",
                prune({"--space", "resnet_shape_20", "--data", "synthetic", "--target", "1k"}),
                2,
                {"sampler.target_macs = 1000 is below the cheapest network"}},
       BadInput{"PruneBothWays", prune({"--resume", "--overwrite"}), 2, {"--resume or --overwrite, not both"}},
       BadInput{"ExportOfWhich", out({}), 2, {"--arch", "--max-macs"}},
       BadInput{"ExportOfTwo", out({"--arch", kArch, "--max-macs", "1M"}), 2, {"not both"}},
       BadInput{"ExportOfNothing", out({"--max-macs", "0"}), 2, {"--max-macs 0: no network is that small"}},
       BadInput{"ExportOfNonsense", out({"--max-params", "few"}), 2, {"'few' is not a count"}},
       BadInput{"ExportOfAbsurd", out({"--max-macs", "9000000000G"}), 2, {"max_macs"}},
       BadInput{"ExportWithoutMeasurements", out({"--max-macs", "260k", "--db", "none.db"}), 2, {"none.db"}},
       BadInput{"CheckOfAPicture", {"check", "plain"}, 2, {"plain"}},
       BadInput{"CheckOfAFolder", {"check", "others"}, 2, {"others"}},
       BadInput{"PredictWithoutModel", {"predict", "plain"}, 2, {"--model"}},
       BadInput{"PredictWithoutPictures", {"predict", "--model", "plain"}, 2, {"images"}},
       BadInput{"PredictWithNoModel", {"predict", "--model", "gone.onnx", "plain"}, 2, {"gone.onnx"}},
       BadInput{"PredictTooFewClasses", {"predict", "--model", "plain", "--top", "0", "plain"}, 2, {"--top", "0"}},
       BadInput{"PredictUnknownWish",
                {"predict", "--model", "plain", "--broken", "mend", "plain"},
                2,
                {"broken", "refuse"}}});
}

/// A folder with a trained supernet of its own for cases that work in it.
class FailingJob : public ::testing::Test {
 protected:
  Outcome run(const Arguments& arguments, const std::function<void(pid_t)>& meanwhile = {}) const {
    return Program(folder_.path().string()).run(arguments, false, meanwhile);
  }
  std::vector<frontier::Run> runs() const { return Store(folder_ / "results.db", Store::Mode::kReadOnly).runs(); }
  nlohmann::json checkpoint(const std::string& name) const {
    return nlohmann::json::parse(read_file(folder_ / (name + "/run.json")));
  }

  testing::TemporaryFolder folder_;
};

TEST_F(FailingJob, WithoutCudaSaysSo) {
  const Outcome outcome = run(train({"--out", "supernet", "--device", "cuda"}));
  if (outcome.exit_code == 0) GTEST_SKIP() << "there is a CUDA device";
  testing_support::expect_refused(outcome, {"", {}, 2, {"--device cuda", "no CUDA device"}});
}

TEST_F(FailingJob, NamesStepSeedAndSubnetOfALossThatIsNotFinite) {
  const Outcome outcome = run(train({"--out", "supernet", "--lr", "1000", "--seed", "7", "--set", "trainer.clip_norm=0",
                                     "--set", "trainer.optimizer.weight_decay=0.9"},
                                    "300"));
  testing_support::expect_refused(
      outcome, {"", {}, 1, {"loss is not finite", "step ", "seed 7", "subnet ", " | ", "trainer.lr"}});
  ASSERT_EQ(runs().size(), 1U);
  EXPECT_EQ(runs().front().state, RunState::kFailed);
  EXPECT_EQ(checkpoint("supernet")["trainer"]["step"], 0);
}

TEST_F(FailingJob, ThatIsRefusedLeavesTheFinishedRunAsItWas) {
  ASSERT_EQ(run(train({"--out", "supernet"})).exit_code, 0);
  std::string weights = read_file(folder_ / "supernet/weights.safetensors");
  write_file(folder_ / "supernet/weights.safetensors", weights.substr(0, 100));
  EXPECT_EQ(run(resume("supernet")).exit_code, 2);
  ASSERT_EQ(runs().size(), 1U);
  EXPECT_EQ(runs().front().state, RunState::kDone);
  EXPECT_EQ(runs().front().message, "");
}

TEST_F(FailingJob, OverATrainedCheckpointChangesItOnlyWithOverwrite) {
  ASSERT_EQ(run(train({"--out", "supernet"})).exit_code, 0);
  const std::string before = read_file(folder_ / "supernet/weights.safetensors");
  EXPECT_EQ(run(train({"--out", "supernet", "--seed", "1"})).exit_code, 2);
  EXPECT_EQ(read_file(folder_ / "supernet/weights.safetensors"), before);
  EXPECT_EQ(run(train({"--out", "supernet", "--seed", "1", "--overwrite"})).exit_code, 0);
  EXPECT_NE(read_file(folder_ / "supernet/weights.safetensors"), before);
}

TEST_F(FailingJob, KilledAfterItsLastCheckpointLeavesNothingBehindOnceResumed) {
  ASSERT_EQ(run(train({"--out", "supernet"})).exit_code, 0);
  fs::copy(folder_ / "supernet",
           folder_ / "supernet.tmp");  // as if killed between exchanging the two and removing the old one
  EXPECT_EQ(run(resume("supernet/")).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "supernet.tmp"));
}

/// Until the checkpoint has passed `step`.
void wait_for_checkpoint(const fs::path& folder, std::int64_t step) {
  for (int i = 0; i < 3000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    try {
      const auto run = nlohmann::json::parse(read_file(folder / "run.json"));
      if (run["trainer"]["step"].get<std::int64_t>() >= step) break;
    } catch (const std::exception&) {  // not there yet, or just being replaced
    }
  }
}

/// Then sends SIGINT.
std::function<void(pid_t)> interrupt_after_checkpoint(const fs::path& folder, std::int64_t step) {
  return [=](pid_t child) {
    wait_for_checkpoint(folder, step);
    ::kill(child, SIGINT);
  };
}

TEST_F(FailingJob, InterruptedTrainingGoesOnToTheSameWeights) {
  const Arguments settings = {"--set", "checkpoint_steps=5"};
  const auto to = [&](const std::string& out, const Arguments& more) {
    Arguments all{"--out", out};
    all.insert(all.end(), settings.begin(), settings.end());
    all.insert(all.end(), more.begin(), more.end());
    return train(all, "60");
  };
  ASSERT_EQ(run(to("reference", {})).exit_code, 0);
  const Outcome outcome = run(to("stopped", {}), interrupt_after_checkpoint(folder_ / "stopped", 5));
  testing_support::expect_refused(outcome, {"", {}, 130, {"stopped at step ", "--resume goes on"}});
  EXPECT_LT(checkpoint("stopped")["trainer"]["step"], 60);
  EXPECT_EQ(runs().back().state, RunState::kInterrupted);
  ASSERT_EQ(run(to("stopped", {"--resume"})).exit_code, 0);
  EXPECT_EQ(runs().size(), 2U);
  EXPECT_EQ(runs().back().state, RunState::kDone);
  for (const auto* name : {"/weights.safetensors", "/state.safetensors"})
    EXPECT_EQ(crc32_hex(read_file(folder_ / ("stopped" + std::string(name)))),
              crc32_hex(read_file(folder_ / ("reference" + std::string(name)))))
        << name;
}

TEST_F(FailingJob, EverySignalThatAsksToStopSavesFirst) {
  for (const int signal : {SIGTERM, SIGHUP, SIGUSR1}) {
    SCOPED_TRACE(signal);
    const auto send = [&](pid_t child) {
      wait_for_checkpoint(folder_ / "a", 1);
      ::kill(child, signal);
    };
    const Outcome outcome = run(train({"--out", "a", "--overwrite", "--set", "checkpoint_steps=1"}, "100000"), send);
    testing_support::expect_refused(outcome, {"", {}, 130, {"stopped at step ", "--resume goes on"}});
    fs::remove_all(folder_ / "a");
  }
}

TEST_F(FailingJob, StoppedWhileItMeasuresKeepsTheTraining) {
  const Arguments settings{"--out", "a", "--set", "final_random_subnets=200", "--set", "evaluation.population=2"};
  const Outcome outcome = run(train(settings), interrupt_after_checkpoint(folder_ / "a", 2));
  testing_support::expect_refused(outcome, {"", {}, 130, {"stopped while measuring", "--resume goes on"}});
  EXPECT_FALSE(checkpoint("a").contains("metrics"));
  EXPECT_EQ(runs().back().state, RunState::kInterrupted);
  ASSERT_EQ(run(train({"--out", "a", "--resume", "--set", "final_random_subnets=200"})).exit_code, 0);
  EXPECT_TRUE(checkpoint("a").contains("metrics"));
}

TEST_F(FailingJob, ResumedWithOtherSettingsIsRefusedWithBothValues) {
  const Arguments settings = {"--lr", "0.1", "--set", "checkpoint_seconds=7"};
  ASSERT_EQ(run(train({"--out", "a", "--lr", "0.1", "--set", "checkpoint_seconds=7"})).exit_code, 0);
  const auto before = testing_support::checksums(folder_ / "a");
  const auto resumed = [&](const Arguments& more) {
    Arguments all{"train", "--quiet", "--db", "results.db", "--out", "a", "--resume"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  const std::vector<BadInput> cases{
      {"Lr", {"--lr", "0.5"}, 2, {"the training in 'a' began with trainer.lr = 0.1, not 0.5", "--overwrite"}},
      {"Steps", {"--steps", "40"}, 2, {"trainer.steps = 2, not 40"}},
      {"Epochs", {"--epochs", "3"}, 2, {"epochs = 0, not 3"}},
      {"Seed", {"--seed", "1"}, 2, {"seed = 0, not 1"}},
      {"Space", {"--space", "nas_bench_macro"}, 2, {R"(space = "mobile_cnn", not "nas_bench_macro")"}},
      {"NoSuchSpace", {"--space", "no_such_space"}, 2, {R"(space = "mobile_cnn", not "no_such_space")"}},
      {"Sampler", {"--sampler", "sandwich"}, 2, {R"(sampler.name = "uniform", not "sandwich")"}},
      {"Data", {"--data", "mnist"}, 2, {"mnist"}},
      {"Nested", {"--set", "loader.flip=true"}, 2, {"loader.flip = false, not true"}},
      {"Unknown", {"--set", "trainer.nonsense=4"}, 2, {"unknown trainer setting 'nonsense'"}},
      {"OfTheSampler", {"--set", "sampler.nonsense=4"}, 2, {"nonsense"}}};
  for (const auto& wrong : cases) {
    SCOPED_TRACE(wrong.name);
    testing_support::expect_refused(resumed(wrong.arguments), wrong);
  }
  for (const Arguments& equal : {Arguments{}, settings, Arguments{"--steps", "2", "--batch-size", "32"}}) {
    const Outcome outcome = resumed(equal);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  // How often is saved decides no number.
  EXPECT_EQ(resumed({"--set", "checkpoint_seconds=1", "--set", "loader.prefetch=0"}).exit_code, 0);
  EXPECT_EQ(testing_support::checksums(folder_ / "a"), before);
}

TEST_F(FailingJob, IntoAFolderThatAnotherTrainingWritesNamesThatOne) {
  const auto others = [&](pid_t child) {
    wait_for_checkpoint(folder_ / "a", 1);
    for (const char* how : {"--resume", "--overwrite"})
      testing_support::expect_refused(run(train({"--out", "a", how}, "100000")),
                                      {how, {}, 2, {"run 1 (process " + std::to_string(child) + ") writes into 'a'"}});
    ::kill(child, SIGINT);
  };
  EXPECT_EQ(run(train({"--out", "a", "--set", "checkpoint_steps=1"}, "100000"), others).exit_code, 130);
  EXPECT_FALSE(fs::exists(folder_ / "a.lock"));
  EXPECT_EQ(run(train({"--out", "a", "--overwrite"})).exit_code, 0);
}

TEST_F(FailingJob, InterruptedTrainingGoesOnWithItsThreadsWhateverTheMachineHas) {
  const auto to = [&](const std::string& out, const Arguments& more) {
    Arguments all{"--out", out, "--set", "checkpoint_steps=5"};
    all.insert(all.end(), more.begin(), more.end());
    return train(all, "60");
  };
  ASSERT_EQ(run(to("reference", {"--threads", "1"})).exit_code, 0);
  ASSERT_EQ(run(to("stopped", {"--threads", "1"}), interrupt_after_checkpoint(folder_ / "stopped", 5)).exit_code, 130);
  ASSERT_EQ(checkpoint("stopped")["threads"], 1);
  Arguments again = to("stopped", {"--resume"});
  again.erase(std::find(again.begin(), again.end(), "--quiet"));
  const Outcome outcome = run(again);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  if (std::thread::hardware_concurrency() > 1) {
    EXPECT_THAT(outcome.err, ::testing::HasSubstr("the training began with 1 thread and goes on with"));
  }
  EXPECT_EQ(crc32_hex(read_file(folder_ / "stopped/weights.safetensors")),
            crc32_hex(read_file(folder_ / "reference/weights.safetensors")));
}

TEST_F(FailingJob, WhoseDatabaseIsDeletedSaysSo) {
  const auto remove = [&](pid_t) {
    wait_for_checkpoint(folder_ / "a", 1);
    fs::remove(folder_ / "results.db");
  };
  const Outcome outcome = run(train({"--json", "--out", "a", "--set", "checkpoint_steps=1"}, "60"), remove);
  EXPECT_EQ(outcome.exit_code, 1);
  testing_support::expect_one_clear_message(outcome.err);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("database results.db was deleted while it was in use"));
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("what run 1 found is kept in results.db.pending-1-"));
  // The training itself is not lost.
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["metrics"], checkpoint("a")["metrics"]);
}

TEST_F(FailingJob, WhereBatchNormWouldSeeOneValueNamesTheLayer) {
  const auto with = [](const std::string& batch, const Arguments& more) {
    Arguments all{"train",
                  "--db",
                  "results.db",
                  "--data",
                  "synthetic",
                  "--steps",
                  "1",
                  "--out",
                  "a",
                  "--set",
                  "data.synthetic.train_size=61",
                  "--set",
                  "data.synthetic.test_size=20",
                  "--set",
                  "final_random_subnets=0",
                  "--space",
                  "darts(cells=8,channels=4)",
                  "--set",
                  "data.search_size=9",
                  "--set",
                  "evaluation.calibration_images=8",
                  "--set",
                  "evaluation.calibration_batch=8",
                  "--batch-size",
                  batch};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  testing_support::expect_refused(run(with("1", {})), {"",
                                                       {},
                                                       2,
                                                       {"batch norm '", "one value a channel in a batch of 1 image",
                                                        "raise loader.batch_size (--batch-size) to 2 or more"}});
  EXPECT_FALSE(fs::exists(folder_ / "a"));
  // Of 61 images 9 are held out for search: a last batch of one image is left out, and that is said.
  const Outcome trained = run(with("17", {"--set", "loader.drop_last=false"}));
  EXPECT_EQ(trained.exit_code, 0);
  EXPECT_THAT(trained.err, ::testing::HasSubstr("the last batch of every epoch is left out"));
}

/// Sends SIGINT once the database holds a result.
std::function<void(pid_t)> interrupt_after_first_result(const fs::path& db) {
  return [=](pid_t child) {
    for (int i = 0; i < 3000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      try {
        if (!Store(db.string(), Store::Mode::kReadOnly).results({}, 1).empty()) break;
      } catch (const std::exception&) {  // not there yet
      }
    }
    ::kill(child, SIGINT);
  };
}

TEST_F(FailingJob, InterruptedSearchGoesOnToTheSameBest) {
  ASSERT_EQ(run(train({"--out", "supernet"})).exit_code, 0);
  const auto search_into = [](const std::string& db, const Arguments& more) {
    Arguments all{"search",       "--json", "--quiet",    "--checkpoint", "supernet", "--budget", "40",
                  "--generation", "4",      "--max-macs", "1M,3M",        "--db",     db};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Outcome reference = run(search_into("reference.db", {}));
  ASSERT_EQ(reference.exit_code, 0) << reference.err;
  const Outcome stopped = run(search_into("stopped.db", {}), interrupt_after_first_result(folder_ / "stopped.db"));
  testing_support::expect_refused(stopped, {"", {}, 130, {"stopped ", "--resume"}});
  const Outcome resumed = run(search_into("stopped.db", {"--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(nlohmann::json::parse(resumed.out)["results"], nlohmann::json::parse(reference.out)["results"]);
}

TEST_F(FailingJob, InterruptedEvaluationKeepsWhatItMeasured) {
  ASSERT_EQ(run(train({"--out", "supernet"})).exit_code, 0);
  std::string archs;
  for (const char* last : {"64: k7e4s", "32: k3e2"})  // not in the order in which they share most
    for (const char* kernel : {"3", "5", "7"})
      for (const char* expansion : {"2", "3", "4"})
        for (const char* width : {"16", "24", "32"})
          archs += std::string("8 | 8: k") + kernel + "e" + expansion + " | " + width + ": k3e2 | " + last + "\n";
  write_file(folder_ / "archs.txt", archs);
  const auto evaluate_into = [](const std::string& db, const char* population) {
    return Arguments{"evaluate",     "--json",   "--quiet",
                     "--checkpoint", "supernet", "--archs",
                     "archs.txt",    "--set",    std::string("evaluation.population=") + population,
                     "--db",         db};
  };
  const auto metrics = [](const Outcome& outcome) {
    std::vector<std::pair<std::string, nlohmann::json>> found;
    const auto document = nlohmann::json::parse(outcome.out);
    for (const auto& item : document["results"]) found.emplace_back(item["arch"], item["metrics"]);
    return found;
  };
  const Outcome reference = run(evaluate_into("reference.db", "54"));
  ASSERT_EQ(reference.exit_code, 0) << reference.err;
  std::vector<std::string> lines = split(archs, '\n');
  lines.pop_back();
  ASSERT_EQ(metrics(reference).size(), lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(metrics(reference)[i].first, lines[i]);
  const Outcome stopped = run(evaluate_into("stopped.db", "2"), interrupt_after_first_result(folder_ / "stopped.db"));
  testing_support::expect_refused(stopped, {"", {}, 130, {"what was measured before is stored", "the same command"}});
  const std::size_t kept = Store(folder_ / "stopped.db", Store::Mode::kReadOnly).results({}, 100).size();
  EXPECT_GE(kept, 2U);
  EXPECT_LT(kept, lines.size());
  const Outcome again = run(evaluate_into("stopped.db", "2"));
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(metrics(again), metrics(reference));
}

TEST_F(FailingJob, ThatCannotWriteItsFolderSaysWhy) {
  testing_support::expect_refused(run(train({"--out", "/proc/supernet"})),
                                  {"", {}, 1, {"/proc/supernet", "No such file or directory"}});
}

TEST_F(FailingJob, OutOfMemorySaysSoWithoutABacktrace) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer ends a program that asks for so much";
#endif
  const Outcome outcome =
      run(train_with("data.synthetic={\"train_size\": 10000000, \"height\": 1024, \"width\": 1024, \"channels\": 64}"));
  testing_support::expect_refused(outcome, {"", {}, 1, {"can't allocate memory"}});
}

TEST_F(FailingJob, WhereNothingMayBeWrittenOrReadSaysSo) {
  ASSERT_EQ(run(train({"--out", "supernet"})).exit_code, 0);
  const auto before = testing_support::checksums(folder_.path());
  const auto allow = [&](const std::string& name, unsigned mode) { fs::permissions(folder_ / name, fs::perms(mode)); };
  const bool root = ::geteuid() == 0;
  const Program program(folder_.path().string());
  const auto refused = [&](const Arguments& arguments, int exit_code, const std::vector<std::string>& words) {
    testing_support::expect_refused(program.run(arguments, root), {"", {}, exit_code, words});
  };
  allow("", 0555);
  if (program.run({"doctor"}, root).exit_code == 0) {
    refused(train({"--out", "fresh"}), 1, {"cannot write database results.db", "read-only"});
    refused(search({}), 1, {"cannot write database results.db", "read-only"});
    refused({"train", "--quiet", "--out", "fresh", "--db", "fresh.db"}, 2, {"database fresh.db", "Permission denied"});
    allow("supernet/run.json", 0);
    refused(search({}), 2, {"cannot read supernet/run.json: Permission denied"});
    allow("supernet", 0);
    refused(search({}), 1, {"cannot use supernet/run.json: Permission denied"});
    allow("supernet", 0755);
    allow("supernet/run.json", 0644);
    EXPECT_EQ(testing_support::checksums(folder_.path()), before);
  }
  allow("", 0755);
}

/// A file system of 2.5 MB: room for one checkpoint and not for the next beside it.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    fs::create_directory(path);
    mounted_ = ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=2500k") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST_F(FailingJob, OnAFullDiskKeepsTheLastCheckpoint) {
  const SmallDisk disk(folder_ / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a small file system";
  const Outcome outcome = run(train({"--out", "disk/supernet"}));
  testing_support::expect_refused(outcome, {"", {}, 1, {"disk/supernet.tmp", "No space left on device"}});
  EXPECT_FALSE(fs::exists(folder_ / "disk/supernet.tmp"));
  EXPECT_EQ(checkpoint("disk/supernet")["trainer"]["step"], 0);
  EXPECT_EQ(runs().front().state, RunState::kFailed);
  EXPECT_EQ(run(open("disk/supernet")).exit_code, 0);
}

TEST_F(FailingJob, WithTheDatabaseOnAFullDiskKeepsWhatIsStored) {
  const SmallDisk disk(folder_ / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a small file system";
  ASSERT_EQ(run(train({"--out", "supernet"})).exit_code, 0);
  const auto search_on_disk = [](const std::string& seed) {
    return Arguments{"search", "--quiet", "--checkpoint", "supernet", "--budget",
                     "4",      "--seed",  seed,           "--db",     "disk/results.db"};
  };
  ASSERT_EQ(run(search_on_disk("1")).exit_code, 0);
  const auto stored = Store(folder_ / "disk/results.db", Store::Mode::kReadOnly).results().size();
  const std::string filler(4 << 20, 'x');  // more than fits
  std::FILE* file = std::fopen((folder_ / "disk/filler").c_str(), "w");
  std::fwrite(filler.data(), 1, filler.size(), file);
  std::fclose(file);
  const Outcome outcome = run(search_on_disk("2"));
  testing_support::expect_refused(outcome, {"", {}, 1, {"database disk/results.db", "No space left on device"}});
  fs::remove(folder_ / "disk/filler");
  EXPECT_EQ(Store(folder_ / "disk/results.db", Store::Mode::kReadOnly).results().size(), stored);
}

}  // namespace
}  // namespace frontier
