// Exported networks of every space, run by others: ONNX Runtime and PyTorch.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/files.h"
#include "exports/onnx.h"
#include "exports/pytorch.h"
#include "exports/random_models.h"
#include "search_spaces/registry.h"
#include "supernet/safetensors.h"
#include "support/branch_spaces.h"
#include "support/small_spaces.h"
#include "support/temporary_folder.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

constexpr std::int64_t kMostParams = 10'000'000;  // of spaces that the usual run exports two networks of

bool is_thorough() { return std::getenv("FRONTIER_THOROUGH") != nullptr; }

/// Kinds that no space of the field has: shuffles, slices, bilinear resizing, layers behind linear ones, an even
/// kernel.
SearchSpace rare_space() {
  return SearchSpace("rare", {3, 12, 10, 6}, [](Builder& b, Signal x, std::int64_t classes) {
    x = b.conv_bn("stem", x, {.out = 16, .kernel = b.choose("kernel", {2, 4}), .stride = 2}, Activation::kGELU);
    x = b.channel_shuffle(x, b.choose("groups", {2, 4}));
    x = b.resize_bilinear(b.concat({b.slice(x, 3, 8), b.truncate(x, 8)}), 7, 9);
    x = b.pixel_shuffle(b.batch_norm("plain", x, /*affine=*/false), 2);
    x = b.multiply(x, b.activation(x, Activation::kHSigmoid));
    x = b.activation(b.linear("hidden", x, 12, /*bias=*/false), Activation::kHSwish);
    x = b.add(x, b.conv("behind", x, {.out = 12, .bias = true}));
    return b.linear("classifier", x, classes);
  });
}

/// Writes a model's file or files at a path without its end.
using Writer = void (*)(const std::string& path, const Model& model);

void write_onnx(const std::string& path, const Model& model) { write_file(path + ".onnx", to_onnx(model)); }

void write_pytorch(const std::string& path, const Model& model) {
  const PytorchFiles files = to_pytorch(model);
  write_file(path + ".py", files.code);
  write_file(path + ".safetensors", files.weights);
}

/// The outputs for one image and for seven.
void write_expected(const std::string& path, const Model& model, const InputShape& input) {
  const at::Tensor pixels = testing_support::random_pixels(7, input, 77);
  const at::Tensor images =
      model.info.input == kBytes ? pixels : normalised(pixels, model.info.mean, model.info.stddev);
  write_file(path + ".expected", to_safetensors({{"images", images},
                                                 {"of_one", model(images.narrow(0, 0, 1).contiguous())},
                                                 {"of_seven", model(images)}}));
}

/// Random networks of a space, by turns for normalised images and for pixels.
void write_space(const std::filesystem::path& folder, const SearchSpace& space, int count, Writer write) {
  const InputShape input = testing_support::small_input(space);
  Rng rng(11);
  for (int i = 0; i < count; ++i) {
    const Architecture arch = space.random(rng);
    const std::string path = folder / (space.name() + "-" + std::to_string(i));
    const Model model = testing_support::random_model(space, arch, input, static_cast<std::uint64_t>(i),
                                                      i % 2 == 0 ? kNormalised : kBytes);
    write(path, model);
    write_expected(path, model, input);
    if (!is_thorough() && model.info.params > kMostParams) return;
  }
}

/// Runs a script, over a folder or to see whether it can run at all; what it prints is shown. @returns its exit code.
int run_script(const std::string& script, const std::filesystem::path& folder = {}) {
  const std::filesystem::path source = std::getenv("FRONTIER_SOURCE_DIR");
  const char* chosen = std::getenv("FRONTIER_PYTHON");
  const std::filesystem::path own = source / ".venv/bin/python";
  const std::string python = chosen ? chosen : std::filesystem::exists(own) ? own.string() : "python3";
  const std::string command = "'" + python + "' '" + (source / "tests/exports" / script).string() + "'" +
                              (folder.empty() ? "" : " '" + folder.string() + "'");
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Every registered space, options that have layers of their own, and spaces of tests for the rest; and how many
/// networks of each.
std::vector<std::pair<std::shared_ptr<const SearchSpace>, int>> spaces() {
  std::vector<std::pair<std::shared_ptr<const SearchSpace>, int>> all;
  for (const auto& info : known_spaces()) all.emplace_back(make_space(info.name), is_thorough() ? 20 : 2);
  for (const char* name : {"darts(search=true)", "darts(partial=4,search=true)", "resnet_shape_20(norms=per_width)"})
    all.emplace_back(make_space(name), 1);
  for (const auto make : {testing_support::cell_space, testing_support::all_layers_space, rare_space,
                          testing_support::pyramid_space, testing_support::token_space})
    all.emplace_back(std::make_shared<const SearchSpace>(make()), 6);
  return all;
}

/// What a script says of random networks: of all at once, or (there may be many) space by space.
void expect_agreement(const std::string& script, Writer write) {
  constexpr int kMissing = 77;
  if (run_script(script) == kMissing)
    GTEST_SKIP() << script << ": what it runs networks with is not installed (see above)";
  std::optional<testing::TemporaryFolder> folder;
  const auto all = spaces();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!folder) folder.emplace();
    write_space(folder->path(), *all[i].first, all[i].second, write);
    if (!is_thorough() && i + 1 < all.size()) continue;
    EXPECT_EQ(run_script(script, folder->path()), 0);
    folder.reset();
  }
}

TEST(OnnxRuntime, GivesOurOutputsOfEverySpaceAtEveryBatchSize) { expect_agreement("onnx_check.py", write_onnx); }

TEST(PyTorch, GivesOurOutputsOfEverySpace) { expect_agreement("pytorch_check.py", write_pytorch); }

}  // namespace
}  // namespace frontier
