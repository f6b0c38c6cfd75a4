#include "exports/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "exports/layer_writer.h"
#include "exports/onnx.h"
#include "exports/pytorch.h"
#include "exports/random_models.h"
#include "search_spaces/graph_json.h"
#include "supernet/safetensors.h"
#include "support/messages.h"
#include "support/small_spaces.h"
#include "support/temporary_folder.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using ::testing::HasSubstr;
using testing_support::expect_usage_error;
using testing_support::random_model;
using testing_support::same_bits;

Model small_model(const std::string& takes = kNormalised) {
  const auto space = testing_support::cell_space();
  return random_model(space, space.parse("4,3"), space.default_input(), 1, takes);
}

void expect_same(const Model& a, const Model& b) {
  EXPECT_EQ(graph_to_json(a.network.graph()), graph_to_json(b.network.graph()));
  EXPECT_EQ(write_options(a.info), write_options(b.info));
  EXPECT_TRUE(same_bits(a.network.weights().values(), b.network.weights().values()));
  EXPECT_TRUE(same_bits(a.reference_input, b.reference_input));
  EXPECT_TRUE(same_bits(b(b.reference_input), a.reference_output));
}

TEST(Model, IsTheNetworkItWasMadeOf) {
  const auto space = testing_support::cell_space();
  const Architecture arch = space.parse("8,5");
  const InputShape input = space.default_input();
  const Network network = testing_support::random_network(space, arch, input, 3);
  const Model model = random_model(space, arch, input, 3);
  const at::Tensor pixels = testing_support::random_pixels(5, input, 9);
  const at::Tensor images = normalised(pixels, model.info.mean, model.info.stddev);
  EXPECT_TRUE(same_bits(model(pixels), network(images)));
  EXPECT_TRUE(same_bits(model(images), network(images)));
  EXPECT_EQ(cost(model.network.graph()).macs, model.info.macs);
  EXPECT_EQ(model.network.weights().num_scalars(), model.info.params);
}

TEST(Model, NormalisesAsItsFormulaSays) {
  at::Tensor pixels = at::zeros({1, 2, 1, 2}, at::kByte);
  pixels[0][0][0][1] = 255;
  pixels[0][1][0][0] = 51;
  const at::Tensor images = normalised(pixels, {0.5, 0.1}, {0.25, 0.2});
  const float expected[] = {-2.0F, 2.0F, 0.5F, -0.5F};
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(images.const_data_ptr<float>()[i], expected[i]);
}

TEST(Model, ComesBackFromEveryFormatToTheBit) {
  for (const char* takes : {kNormalised, kBytes}) {
    const Model model = small_model(takes);
    expect_same(model, model_from_bytes(to_safetensors(model), "a.safetensors"));
    expect_same(model, model_from_bytes(to_onnx(model), "a.onnx"));
    expect_same(model, model_from_bytes(to_pytorch(model).weights, "b.safetensors"));
  }
}

TEST(Model, ReferenceThatIsAnotherIsNoticed) {
  Model model = small_model();
  EXPECT_EQ(reproduce(model).difference, 0);
  EXPECT_TRUE(reproduce(model).fits());
  model.reference_output = model.reference_output + 0.01 * model.reference_output.abs().max();
  EXPECT_FALSE(reproduce(model).fits());
  model.reference_output.fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_FALSE(reproduce(model).fits());
}

TEST(Model, RefusesImagesThatDoNotFit) {
  const Model model = small_model();
  expect_usage_error([&] { model(at::zeros({1, 3, 9, 9})); }, {"[N, 3, 9, 7]", "Float [1, 3, 9, 9]"});
  expect_usage_error([&] { model(at::zeros({1, 3, 9, 7}, at::kLong)); }, {"float32 or uint8", "Long"});
}

TEST(LayerWriter, EveryKindOfHardNetworksHasOne) {
  for (const LayerKind* kind : layer_kinds()) {
    SCOPED_TRACE(std::string(kind->name));
    if (kind->soft_only) {
      expect_usage_error([&] { layer_writer(*kind); }, {std::string(kind->name), "only soft networks"});
      continue;
    }
    const LayerWriter& writer = layer_writer(*kind);
    EXPECT_NE(writer.onnx, nullptr);
    EXPECT_NE(writer.pytorch, nullptr);
  }
}

/// Every file that is cut short, and every text in it that is another, is refused with one message that names the file.
TEST(ModelFile, DamagedIsRefused) {
  const Model model = small_model();
  const std::string files[] = {to_safetensors(model), to_onnx(model), to_pytorch(model).weights};
  for (const std::string& file : files) {
    for (std::size_t length = 0; length < file.size(); length += 1 + file.size() / 60)
      expect_usage_error([&] { model_from_bytes(file.substr(0, length), "cut.file"); }, {"cut.file"});
    Rng rng(5);
    for (int i = 0; i < 150; ++i) {
      std::string changed = file;
      changed[rng.below(std::min<std::size_t>(changed.size(), 6000))] = static_cast<char>(rng.below(256));
      try {
        const Model read = model_from_bytes(changed, "changed.file");
        reproduce(read);
      } catch (const UsageError& error) {
        EXPECT_THAT(error.what(), HasSubstr("changed.file"));
      }
    }
  }
}

/// What a change of one stored thing is answered with.
void expect_answer(const std::function<void(StoredModel&)>& change, const std::vector<std::string>& words) {
  StoredModel parts = stored(small_model());
  change(parts);
  expect_usage_error([&] { restored(parts, "x.onnx"); }, words);
}

TEST(ModelFile, WhatDoesNotFitIsNamed) {
  expect_answer([](StoredModel& m) { m.texts.erase("space"); }, {"x.onnx does not say its 'space'"});
  expect_answer([](StoredModel& m) { m.texts.erase("graph"); }, {"x.onnx does not say its 'graph'"});
  expect_answer([](StoredModel& m) { m.texts["graph"] = "{"; }, {"x.onnx (graph)", "line 1"});
  expect_answer([](StoredModel& m) { m.texts["macs"] = "many"; }, {"x.onnx (macs)"});
  expect_answer([](StoredModel& m) { m.texts["mean"] = "[0.5]"; }, {"mean and stddev", "3 channels"});
  expect_answer([](StoredModel& m) { m.texts["stddev"] = "[0.5, 0, 1]"; }, {"stddev must be above 0"});
  expect_answer([](StoredModel& m) { m.texts["classes"] = R"(["a"])"; }, {"1 names of classes for 4 outputs"});
  expect_answer([](StoredModel& m) { m.texts["input"] = "words"; }, {"input", "unknown value 'words'"});
  expect_answer([](StoredModel& m) { m.tensors.erase("stem.weight"); }, {"lacks the tensor 'stem.weight'"});
  expect_answer(
      [](StoredModel& m) {
        m.tensors["stem.weight"] = at::zeros({8, 3, 3, 4});
      },
      {"'stem.weight' is Float [8, 3, 3, 4]"});
  expect_answer([](StoredModel& m) { m.tensors["stem.bn.mean"] = at::zeros({8}, at::kDouble); }, {"Double [8]"});
  expect_answer([](StoredModel& m) { m.tensors["more"] = at::zeros({8}); }, {"1 tensors that no layer"});
  expect_answer(
      [](StoredModel& m) {
        m.tensors["reference.input"] = at::zeros({2, 3});
      },
      {"reference is Float [2, 3]"});
  expect_answer([](StoredModel& m) { m.tensors["reference.input"] = at::zeros({2, 3, 1, 1}); }, {"[N, 3, 9, 7]"});
}

TEST(ModelFile, OthersAreTold) {
  expect_usage_error([] { model_from_bytes("no model at all", "notes.txt"); },
                     {"notes.txt is neither a safetensors nor an ONNX file"});
  expect_usage_error(
      [] {
        model_from_bytes(to_safetensors({{"a", at::zeros({2})}}), "a.safetensors");
      },
      {"a.safetensors does not say its", "frontier export"});
  expect_usage_error([] { read_model("net.py"); }, {"python net.py", ".safetensors file beside it"});
}

TEST(Pytorch, NamesAreThoseOfItsModules) {
  const auto files = to_pytorch(small_model());
  const auto tensors = from_safetensors(files.weights, "weights");
  EXPECT_TRUE(tensors.contains("stem_bn.running_mean"));
  EXPECT_THAT(files.code, HasSubstr("self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)\n"));
  EXPECT_THAT(files.code, HasSubstr("x = F.relu(self.stem_bn(self.stem(x)))\n"));
  EXPECT_THAT(files.code, ::testing::Not(HasSubstr("auxiliary")));
}

TEST(Pytorch, TextsCannotLeaveTheirPlace) {
  Model model = small_model();
  model.info.arch = "\"\"\"\nimport os\\";
  model.info.classes[0] = "\"]; x = [\"\n";
  const auto code = to_pytorch(model).code;
  EXPECT_THAT(code, ::testing::StartsWith("\"\"\"'''"));
  EXPECT_THAT(code, ::testing::Not(HasSubstr("\nimport os")));
  EXPECT_THAT(code, HasSubstr(R"(CLASSES = ["\"]; x = [\"\n", )"));
}

}  // namespace
}  // namespace frontier
