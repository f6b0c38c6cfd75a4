// A trained network as the teacher of another training.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "support/messages.h"
#include "support/training_setting.h"

namespace frontier {
namespace {

using testing_support::Setting;
using testing_support::StopsAtOnce;

TEST(Teacher, ASupernetsLargestSubnetTeachesAndResumingIsExact) {
  Setting s;
  s.train("supernet", s.config({{"name", "uniform"}}), s.silent);
  s.train("straight", s.taught("supernet"), s.silent);
  EXPECT_EQ(s.run_json("straight")["config"]["teacher"]["arch"], s.dearest);
  EXPECT_EQ(s.run_json("straight")["config"]["teacher"]["weights"].get<std::string>().size(), 8U);
  StopsAtOnce stops;
  EXPECT_THROW(s.train("stopped", s.taught("supernet"), stops), Interrupted);
  s.train("stopped", nlohmann::json::object(), s.silent, "resume");
  EXPECT_EQ(s.file("straight", "weights.safetensors"), s.file("stopped", "weights.safetensors"));
  s.train("alone", s.fixed(s.cheapest), s.silent);
  EXPECT_NE(s.file("straight", "weights.safetensors"), s.file("alone", "weights.safetensors"));
  // What is taught by no share at all is what learns from the labels.
  s.train("ignores", s.taught("supernet", {{"share", 0}}), s.silent);
  EXPECT_EQ(s.file("ignores", "weights.safetensors"), s.file("alone", "weights.safetensors"));
}

TEST(Teacher, IsLearnedFromByAnotherDivergenceToo) {
  Setting s;
  const nlohmann::json sandwich = {{"name", "sandwich"}, {"distill", "inplace"}};
  nlohmann::json by_alpha = s.config(sandwich);
  by_alpha["divergence"] = {{"name", "alpha"}};
  s.train("by labels' kin", s.config(sandwich), s.silent);
  s.train("by alpha", by_alpha, s.silent);
  EXPECT_NE(s.file("by labels' kin", "weights.safetensors"), s.file("by alpha", "weights.safetensors"));
  StopsAtOnce stops;
  EXPECT_THROW(s.train("stopped", by_alpha, stops), Interrupted);
  s.train("stopped", nlohmann::json::object(), s.silent, "resume");
  EXPECT_EQ(s.file("by alpha", "weights.safetensors"), s.file("stopped", "weights.safetensors"));
  // Of alpha 1 alone it is the cross-entropy, to rounding.
  by_alpha["divergence"] = {{"name", "alpha"}, {"alpha_min", 1}, {"alpha_max", 1}};
  s.train("by one alpha", by_alpha, s.silent);
  EXPECT_NEAR(s.run_json("by one alpha")["metrics"]["top1_dearest"].get<double>(),
              s.run_json("by labels' kin")["metrics"]["top1_dearest"].get<double>(), 1e-9);

  nlohmann::json idle = s.config({{"name", "uniform"}});
  idle["divergence"] = {{"name", "alpha"}};
  EXPECT_THROWS_WITH(
      s.train("a", idle, s.silent), UsageError,
      "divergence.name = alpha has no effect: with sampler 'uniform' as it is set no subnet has a teacher");
}

TEST(Teacher, AFileThatWasExportedTeachesLikeTheCheckpointItIsFrom) {
  Setting s;
  s.train("supernet", s.config({{"name", "uniform"}}), s.silent);
  for (const char* name : {"teacher.onnx", "teacher.safetensors"}) {
    const std::string format = std::string(name).substr(8);
    s.registries.run(
        "export",
        {{"checkpoint", s.folder / "supernet"}, {"arch", s.dearest}, {"format", format}, {"out", s.folder / name}},
        s.silent);
    s.train("by " + format, s.taught(name), s.silent);
    EXPECT_EQ(s.run_json("by " + format)["config"]["teacher"]["arch"], s.dearest);
  }
  s.train("by folder", s.taught("supernet"), s.silent);
  for (const char* taught : {"by onnx", "by safetensors"})
    EXPECT_EQ(s.file(taught, "weights.safetensors"), s.file("by folder", "weights.safetensors"));

  EXPECT_THROWS_WITH(s.train("a", s.taught("teacher.onnx", {{"arch", s.cheapest}}), s.silent), UsageError,
                     "is " + s.dearest + ", not " + s.cheapest);
  nlohmann::json other = s.taught("teacher.onnx");
  other["data"]["synthetic"]["noise"] = 0.3;
  EXPECT_THROWS_WITH(s.train("a", other, s.silent), UsageError, "images normalised by other numbers");
  other = s.taught("teacher.onnx");
  other["data"]["synthetic"]["classes"] = 5;
  EXPECT_THROWS_WITH(s.train("a", other, s.silent), UsageError, "is for 1x28x28/10, this training for 1x28x28/5");
}

TEST(Teacher, IsRefusedWhereItIsAnother) {
  Setting s;
  s.train("network", s.fixed(s.cheapest), s.silent);
  StopsAtOnce stops;
  EXPECT_THROW(s.train("stopped", s.taught("network"), stops), Interrupted);
  nlohmann::json other = s.fixed(s.cheapest);
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
