#include "supernet/parameter_group.h"

#include <torch/types.h>

#include <cmath>

#include "common/errors.h"
#include "common/options.h"
#include "supernet/safetensors.h"
#include "support/messages.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::largest_difference;
using testing_support::normal_tensor;
using testing_support::same_bits;

ParameterStore sample_store() {
  return ParameterStore({{.name = "conv.weight", .shape = {4, 3}, .decays = true, .initializer = {"normal"}},
                         {.name = "conv.bias", .shape = {4}, .initializer = {"normal"}},
                         {.name = "logits", .shape = {2, 3}, .group = "architecture", .initializer = {"normal"}}},
                        Rng(1));
}

ParameterGroup group_of(ParameterStore& store, const GroupOptions& options) {
  return {.name = "weights", .store = &store, .part = "weights", .options = options};
}

GroupOptions options_of(const std::string& optimizer) {
  GroupOptions options{.optimizer = {.name = optimizer, .weight_decay = 0.01},
                       .lr = {.kind = "cosine", .start = 0.1, .warmup_steps = 3},
                       .clip = {.norm = 1, .adaptive = 0.5},
                       .average_decay = 0.9};
  return options;
}

void take_step(ParameterStore& store, GroupTrainer& trainer, std::int64_t step) {
  store.clear_gradients();
  Rng rng(static_cast<std::uint64_t>(step));
  const auto rows = static_cast<std::int64_t>(1 + rng.below(4));
  store.add_gradient(store.region("conv.weight", {rows, 2}), normal_tensor({rows, 2}, rng.next()));
  trainer.step(step);
}

TEST(GroupTrainer, ClipsThenStepsThenAverages) {
  ParameterStore store = sample_store();
  const at::Tensor logits = store.value("logits").clone();
  at::Tensor w = store.value("conv.weight").to(at::kDouble), average = w.clone();
  GroupTrainer trainer(group_of(store, {.optimizer = {.momentum = 0, .nesterov = false, .weight_decay = 0},
                                        .lr = {.kind = "linear", .start = 0.4, .end = 0.2},
                                        .clip = {.norm = 0.5},
                                        .average_decay = 0.3}),
                       10);
  for (std::int64_t s = 0; s < 10; ++s) {
    store.clear_gradients();
    const at::Tensor g = normal_tensor({4, 3}, static_cast<std::uint64_t>(s));
    store.add_gradient(store.region("conv.weight", {4, 3}), g);
    store.add_gradient(store.region("logits", {2, 3}), at::full({2, 3}, 100));  // of another group
    const double norm = g.to(at::kDouble).norm().item<double>();
    EXPECT_NEAR(trainer.step(s).item<double>(), norm, 1e-6);
    w = w - (0.4 - 0.02 * static_cast<double>(s)) * std::min(1.0, 0.5 / norm) * g.to(at::kDouble);
    const double decay = std::min(0.3, (1.0 + static_cast<double>(s)) / (10.0 + static_cast<double>(s)));
    average = decay * average + (1 - decay) * w;
    EXPECT_LT(largest_difference(store.value("conv.weight"), w), 1e-6) << s;
    EXPECT_LT(largest_difference(trainer.average()->value("conv.weight"), average), 1e-6) << s;
  }
  EXPECT_TRUE(same_bits(store.value("logits"), logits));
  trainer.use_average();
  EXPECT_LT(largest_difference(store.value("conv.weight"), average), 1e-6);
  EXPECT_TRUE(same_bits(store.value("logits"), logits));
}

TEST(GroupTrainer, ResumesWithTheSameBits) {
  for (const char* optimizer : {"sgd", "adam", "adamw"}) {
    ParameterStore straight = sample_store(), first = sample_store(), second = sample_store();
    GroupTrainer a(group_of(straight, options_of(optimizer)), 12), b(group_of(first, options_of(optimizer)), 12);
    for (std::int64_t s = 0; s < 12; ++s) take_step(straight, a, s);
    for (std::int64_t s = 0; s < 5; ++s) take_step(first, b, s);
    GroupTrainer c(group_of(second, options_of(optimizer)), 12);
    second.load(from_safetensors(to_safetensors(first.tensors()), "memory"));
    c.load(from_safetensors(to_safetensors(b.state()), "memory"));
    for (std::int64_t s = 5; s < 12; ++s) take_step(second, c, s);
    EXPECT_TRUE(same_bits(straight.values(), second.values())) << optimizer;
    EXPECT_TRUE(same_bits(a.average()->values(), c.average()->values())) << optimizer;
  }
}

TEST(GroupTrainer, AGradientThatIsNotFiniteChangesNothing) {
  ParameterStore store = sample_store();
  GroupTrainer trainer(group_of(store, options_of("adamw")), 12);
  for (std::int64_t s = 0; s < 3; ++s) take_step(store, trainer, s);
  const auto everything = [&] { return to_safetensors(store.tensors()) + to_safetensors(trainer.state()); };
  const std::string before = everything();
  store.clear_gradients();
  store.add_gradient(store.region("conv.bias", {2}), at::full({2}, std::nan("")));
  EXPECT_TRUE(std::isnan(trainer.step(3).item<double>()));
  EXPECT_EQ(everything(), before);
}

TEST(GroupTrainer, StoresTheAverageByNameAndReadsItInOnePiece) {
  ParameterStore store = sample_store();
  GroupTrainer trainer(group_of(store, options_of("sgd")), 12);
  for (std::int64_t s = 0; s < 3; ++s) take_step(store, trainer, s);
  TensorMap state = trainer.state();
  EXPECT_TRUE(same_bits(state.at("average.conv.weight"), trainer.average()->value("conv.weight")));
  EXPECT_EQ(state.count("average.logits"), 0U);
  EXPECT_EQ(part_of("average.", state).size(), 2U);
  TensorMap flat = {{"optimizer.momentum", state.at("optimizer.momentum")},
                    {"average", trainer.average()->values().clone()}};
  GroupTrainer other(group_of(store, options_of("sgd")), 12);
  other.load(flat);
  EXPECT_TRUE(same_bits(other.average()->values(), trainer.average()->values()));
  flat["average"] = at::zeros({5});
  EXPECT_THROWS_WITH(other.load(flat), UsageError, "'average' has another shape");
  state.erase("average.conv.bias");
  EXPECT_THROWS_WITH(other.load(state), UsageError, "the averages in the checkpoint lack parameter 'conv.bias'");
}

TEST(GroupTrainer, RefusesExceptionsThatItsStoreDoesNotHave) {
  ParameterStore store = sample_store();
  GroupOptions options = options_of("sgd");
  options.clip.adaptive_except = {"conv", "had"};
  EXPECT_THROWS_WITH(GroupTrainer(group_of(store, options), 12), UsageError, "names 'had', but no parameter");
}

TEST(GroupOptions, AreReadStrictlyAndRoundTrip) {
  GroupOptions o;
  const nlohmann::json json = {{"optimizer", {{"name", "adam"}, {"beta1", 0.5}, {"weight_decay", 1e-3}}},
                               {"lr", {{"kind", "constant"}, {"start", 3e-4}}},
                               {"clip", {{"norm", 5}}}};
  read_options(json, "groups.architecture", o);
  EXPECT_EQ(o.optimizer.beta1, 0.5);
  EXPECT_EQ(o.lr.start, 3e-4);
  GroupOptions again;
  read_options(write_options(o), "groups.architecture", again);
  EXPECT_EQ(write_options(again), write_options(o));
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"lr", {{"strt", 1}}}}, "groups.weights", o), UsageError,
                     "groups.weights.lr setting");
}

}  // namespace
}  // namespace frontier
