// TAS: what it draws, what its cost teaches, what it derives, and what a training by it leaves alone.
#include "supernet/samplers/tas.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "search_spaces/resnet_shape.h"
#include "supernet/samplers/gumbel.h"
#include "supernet/trainer.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/runs.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Space = std::shared_ptr<const SearchSpace>;

/// Two stages of two blocks, a norm for every width.
Space small_space() {
  return std::make_shared<const SearchSpace>(resnet_shape({.name = "small_shape",
                                                           .input = {3, 8, 8, 4},
                                                           .stem = 8,
                                                           .planes = {8, 16},
                                                           .blocks = {2, 2},
                                                           .norms = "per_width"}));
}

Space resnet_20() { return make_space("resnet_shape_20(norms=per_width)"); }

std::unique_ptr<TasSampler> make(const Space& space, const nlohmann::json& options = nlohmann::json::object(),
                                 std::uint64_t seed = 0) {
  TasSampler::Options read;
  read_options(options, "sampler", read);
  return std::make_unique<TasSampler>(space, space->default_input(), read, Rng(seed));
}

ParameterStore& parameters_of(TasSampler& sampler) { return *sampler.groups().front().store; }

/// Makes an option of every decision certain.
void settle_on(TasSampler& sampler, const SearchSpace& space, const Architecture& arch, double logit = 50) {
  parameters_of(sampler).values().zero_();
  for (std::size_t d = 0; d < arch.choices.size(); ++d) sampler.logits(d)[arch.choices[d]] = logit;
  ASSERT_EQ(sampler.derive(), space.canonical(arch));
}

double metric(const TasSampler& sampler, const std::string& name) {
  for (const auto& [known, value] : sampler.metrics())
    if (known == name) return value;
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

struct Frequencies {
  std::vector<double> first, taken;  ///< by option
};
Frequencies frequencies(const std::vector<double>& logits, double temperature) {
  constexpr int kDraws = 50'000;
  Frequencies all{std::vector<double>(logits.size()), std::vector<double>(logits.size())};
  Rng rng(1905);
  for (int i = 0; i < kDraws; ++i) {
    const DrawnOptions drawn = draw_options(logits, 2, temperature, rng);
    EXPECT_EQ(drawn.options.size(), 2U);
    EXPECT_LT(drawn.options[0], drawn.options[1]);
    all.first[drawn.first] += 1.0 / kDraws;
    for (const auto option : drawn.options) all.taken[option] += 1.0 / kDraws;
  }
  return all;
}

TEST(TasDraws, TakeOptionsAsOftenAsTheReference) {
  const std::vector<double> logits{0, 0, 0, 5, 0, 0, 0, 0};
  const struct {
    double temperature, taken, first;
  } kReference[] = {{5, 0.501, 0.278}, {1, 0.971, 0.840}, {0.1, 0.989, 0.954}};
  for (const auto& reference : kReference) {
    const Frequencies seen = frequencies(logits, reference.temperature);
    EXPECT_NEAR(seen.taken[3], reference.taken, 0.01) << reference.temperature;
    EXPECT_NEAR(seen.first[3], reference.first, 0.01) << reference.temperature;
  }
  const Frequencies seen = frequencies({0, 1, 2, 0.5}, 1);
  const double kFirst[] = {0.116, 0.242, 0.475, 0.167};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(seen.first[i], kFirst[i], 0.01) << i;
}

TEST(TasDraws, WeighWhatWasDrawnAndPassGradientsToNothingElse) {
  Rng rng(3);
  for (int round = 0; round < 50; ++round) {
    const at::Tensor logits = normal_tensor({8}, 100 + static_cast<std::uint64_t>(round)).set_requires_grad(true);
    const std::vector<double> numbers(logits.const_data_ptr<float>(), logits.const_data_ptr<float>() + 8);
    const std::size_t count = 2 + static_cast<std::size_t>(round) % 3;
    const DrawnOptions drawn = draw_options(numbers, count, 0.7, rng);
    ASSERT_EQ(drawn.options.size(), count);
    const at::Tensor gates = gates_of(drawn, logits, 0.7);
    EXPECT_NEAR(gates.sum().item<double>(), 1, 1e-6);
    (gates * at::arange(1, 9)).sum().backward();
    const at::Tensor gradient = logits.grad();
    EXPECT_NEAR(gradient.sum().item<double>(), 0, 1e-6);
    for (std::uint16_t i = 0; i < 8; ++i) {
      const bool is_drawn = std::binary_search(drawn.options.begin(), drawn.options.end(), i);
      EXPECT_EQ(gates[i].item<double>() != 0, is_drawn);
      if (!is_drawn) {
        EXPECT_EQ(gradient[i].item<double>(), 0);
      }
    }
  }
}

TEST(TasDraws, AtAHighTemperatureEveryPairIsEquallyLikely) {
  constexpr int kDraws = 28'000;
  std::vector<std::vector<int>> counts(8, std::vector<int>(8));
  Rng rng(8);
  for (int i = 0; i < kDraws; ++i) {
    const auto drawn = draw_options(std::vector<double>(8), 2, 1e3, rng);
    ++counts[drawn.options[0]][drawn.options[1]];
  }
  double chi_square = 0;
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t j = i + 1; j < 8; ++j)
      chi_square += (counts[i][j] - kDraws / 28.0) * (counts[i][j] - kDraws / 28.0) / (kDraws / 28.0);
  EXPECT_LT(chi_square, 55.5);  // 27 degrees of freedom, one in a thousand
}

TEST(TasSampler, RunsTwoWidthsAndAllDepthsFirstForTheWeights) {
  const Space space = small_space();
  const auto sampler = make(space);
  Rng rng(1);
  const auto weights = sampler->next({0, 10, 0, {}}, rng), logits = sampler->next({0, 10, 1, {}}, rng);
  EXPECT_FALSE(sampler->next({0, 10, 2, {}}, rng).has_value());
  EXPECT_EQ(weights->learn, Learn::kWeights);
  EXPECT_EQ(weights->stream, Stream::kTrain);
  EXPECT_EQ(weights->then_step, std::vector<std::string>{"weights"});
  EXPECT_EQ(logits->learn, Learn::kGates);
  EXPECT_EQ(logits->stream, Stream::kArchitecture);
  EXPECT_EQ(logits->then_step, std::vector<std::string>{"architecture"});
  bool differs = false;
  for (std::size_t d = 0; d < space->decisions().size(); ++d) {
    const auto& [first, second] = std::pair(weights->subnets[0].selection[d], logits->subnets[0].selection[d]);
    const bool is_depth = space->decisions()[d].kind == DecisionKind::kDepth;
    EXPECT_EQ(first.options.size(), 2U);
    EXPECT_EQ(first.combine, is_depth ? Combine::kSum : Combine::kInterpolate);
    EXPECT_NEAR((*weights->subnets[0].gates)[d].sum().item<double>(), 1, 1e-6);
    differs |= first.options != second.options;  // each pass draws anew
  }
  EXPECT_TRUE(differs);
  const auto more = make(space, {{"candidates", 5}})->next({0, 10, 0, {}}, rng);
  EXPECT_EQ(more->subnets[0].selection[0].options.size(), 5U);
}

TEST(TasSampler, TheTemperatureFallsFromItsStartToItsEnd) {
  const Space space = small_space();
  for (const auto& [kind, middle] : std::vector<std::pair<std::string, double>>{{"cosine", 2.55}, {"linear", 2.55}}) {
    const auto sampler = make(space, {{"schedule", kind}});
    for (const auto& [step, temperature] :
         std::vector<std::pair<std::int64_t, double>>{{0, 5.0}, {50, middle}, {100, 0.1}}) {
      Rng rng(9), same(9);
      const auto work = sampler->next({step, 100, 0, {}}, rng);
      const at::Tensor logits = sampler->logits(0);
      std::vector<double> numbers(logits.const_data_ptr<float>(), logits.const_data_ptr<float>() + logits.numel());
      const DrawnOptions drawn = draw_options(numbers, 2, temperature, same);
      EXPECT_LT(largest_difference((*work->subnets[0].gates)[0], gates_of(drawn, logits, temperature)), 1e-5)
          << kind << " at " << step;
    }
  }
}

TEST(TasSampler, DerivesTheLikeliestOptionOfEveryDecision) {
  const Space space = resnet_20();
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto sampler = make(space, {{"init_deviation", 1}}, seed);
    Architecture likeliest;
    for (std::size_t d = 0; d < space->decisions().size(); ++d)
      likeliest.choices.push_back(static_cast<std::uint16_t>(sampler->logits(d).argmax().item<std::int64_t>()));
    EXPECT_EQ(sampler->derive(), space->canonical(likeliest)) << seed;
    EXPECT_NEAR(metric(*sampler, "derived_cost") * static_cast<double>(sampler->unpruned_macs()),
                static_cast<double>(space->cost_table(space->default_input()).macs(likeliest)), 1)
        << seed;
  }
}

TEST(TasSampler, StartsNearlyUniform) {
  const Space space = resnet_20();
  const auto sampler = make(space);
  EXPECT_EQ(parameters_of(*sampler).num_scalars(), 19 * 8 + 3 * 3);
  EXPECT_NEAR(parameters_of(*sampler).values().std().item<double>(), 0.01, 0.002);
  EXPECT_NEAR(metric(*sampler, "entropy"), 1, 1e-3);
  EXPECT_NEAR(metric(*sampler, "width"), 0.635, 0.005);  // (0.3 + ... + 1) / 8, channels rounded down
  EXPECT_NEAR(metric(*sampler, "depth"), 2.0 / 3, 0.005);
}

TEST(TasSampler, TheUnprunedNetworkIsTheWholeOne) {
  const Space space = resnet_20();
  EXPECT_NEAR(static_cast<double>(make(space)->unpruned_macs()) / 1e6, 40.8132, 5e-5);
  const Priced whole = unpruned(*space, space->default_input());
  for (std::size_t d = 0; d < whole.arch.choices.size(); ++d)
    EXPECT_EQ(whole.arch.choices[d] + 1U, space->decisions()[d].options.size());
  const auto branches = make_space("mobile_cnn");  // squeeze and excitation is a branch: the dearest has it
  const FeasibleSet all(*branches, branches->default_input(), Budget{});
  EXPECT_EQ(unpruned(*branches, branches->default_input()).macs, all.most_macs().macs);
}

TEST(TasCost, OfCertainLogitsIsThatOfTheNetwork) {
  const Space space = resnet_20();
  const auto sampler = make(space);
  const CostTable table = space->cost_table(space->default_input());
  Rng rng(4);
  for (int i = 0; i < 20; ++i) {
    const Architecture arch = space->random(rng);
    settle_on(*sampler, *space, arch);
    const double share = static_cast<double>(table.macs(arch)) / static_cast<double>(sampler->unpruned_macs());
    EXPECT_NEAR(metric(*sampler, "cost"), share, 1e-9);
    EXPECT_NEAR(metric(*sampler, "derived_cost"), share, 1e-12);
  }
}

TEST(TasCost, OfUniformLogitsIsTheMeanOverNetworks) {
  const Space space = resnet_20();
  const auto sampler = make(space);
  parameters_of(*sampler).values().zero_();
  const CostTable table = space->cost_table(space->default_input());
  Rng rng(5);
  double mean = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    Architecture arch;
    for (const Decision& decision : space->decisions())
      arch.choices.push_back(static_cast<std::uint16_t>(rng.below(decision.options.size())));
    mean += static_cast<double>(table.macs(arch)) / kDraws;
  }
  const double expected = metric(*sampler, "cost") * static_cast<double>(sampler->unpruned_macs());
  EXPECT_NEAR(expected, mean, 0.01 * mean);
}

TEST(TasCost, PushesTowardsTheBandAndIsNothingWithin) {
  const Space space = resnet_20();
  const auto gradient_at = [&](TasSampler& sampler) {
    parameters_of(sampler).clear_gradients();
    sampler.penalty({}, {}).backward();
  };
  /// How fast a decision's expected size changes against the gradient.
  const auto change = [&](TasSampler& sampler, std::size_t d) {
    const at::Tensor values = at::tensor(space->decisions()[d].values).to(at::kDouble);
    const at::Tensor p = at::softmax(sampler.logits(d).to(at::kDouble), 0);
    const at::Tensor by_logits = p * (values - (p * values).sum());
    return -(by_logits * parameters_of(sampler).gradient(space->decisions()[d].name)).sum().item<double>();
  };
  const auto all = [&](TasSampler& sampler, double sign) {
    gradient_at(sampler);
    for (std::size_t d = 0; d < space->decisions().size(); ++d)
      EXPECT_GT(sign * change(sampler, d), 0) << space->decisions()[d].name;
  };
  const auto dear = make(space, {{"target", 0.05}}), cheap = make(space, {{"target", 1.0}, {"tolerance", 0.0}});
  for (TasSampler* sampler : {dear.get(), cheap.get()}) parameters_of(*sampler).values().fill_(0.0F);
  // With uniform logits the first options count as the likeliest: the cheapest network.
  EXPECT_LT(metric(*cheap, "derived_cost"), 1);
  all(*cheap, 1);
  for (std::size_t d = 0; d < space->decisions().size(); ++d) dear->logits(d)[-1] = 0.1;  // derived: the whole network
  all(*dear, -1);
  // A network in the middle: half of all channels, two blocks a stage.
  const auto middling = [&](const nlohmann::json& options) {
    auto sampler = make(space, options);
    parameters_of(*sampler).values().fill_(0.0F);
    for (std::size_t d = 0; d < space->decisions().size(); ++d)
      sampler->logits(d)[space->decisions()[d].kind == DecisionKind::kDepth ? 1 : 2] = 0.1;
    return sampler;
  };
  const double derived = metric(*middling(nlohmann::json::object()), "derived_cost");
  EXPECT_FALSE(middling({{"target", derived + 0.01}})->penalty({}, {}).defined());
  EXPECT_TRUE(middling({{"target", derived + 0.051}})->penalty({}, {}).defined());
  // The paper's band is on both sides of the target.
  EXPECT_TRUE(middling({{"target", derived - 0.001}})->penalty({}, {}).defined());
  const auto around = middling({{"target", derived - 0.001}, {"band", "around"}});
  EXPECT_FALSE(around->penalty({}, {}).defined());
  EXPECT_NEAR(static_cast<double>(*around->band().at_most),
              1.05 * (derived - 0.001) * static_cast<double>(around->unpruned_macs()), 2);
}

TEST(TasCost, IsTwiceTheLogarithmOfTheExpectedShare) {
  const Space space = resnet_20();
  const auto sampler = make(space, {{"target", 0.9}});
  EXPECT_NEAR(sampler->penalty({}, {}).item<double>(), -2 * std::log(metric(*sampler, "cost")), 1e-5);
  const auto lower = make(space, {{"target", 0.1}, {"cost_weight", 3}});
  EXPECT_NEAR(lower->penalty({}, {}).item<double>(), 3 * std::log(metric(*lower, "cost")), 1e-5);
}

/// T6 without weight decay, which moves logits where the cost says nothing. One of these twelve starts is stuck above
/// its band: docs/design/0022-tas-and-prune.md.
TEST(TasCost, AloneEndsInTheBandFromRandomLogits) {
  const Space space = resnet_20();
  int inside = 0;
  for (const double target : {0.3, 0.5, 0.7})
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const auto sampler =
          make(space, {{"target", target}, {"init_deviation", 1}, {"lr", 0.02}, {"weight_decay", 0}}, seed);
      ParameterGroup group = sampler->groups().front();
      GroupTrainer trainer(group, 500);
      for (std::int64_t step = 0; step < 500; ++step) {
        group.store->clear_gradients();
        if (const at::Tensor penalty = sampler->penalty({}, {}); penalty.defined()) penalty.backward();
        trainer.step(step);
      }
      const double share = metric(*sampler, "derived_cost");
      inside += share <= target + 1e-6 && share >= target - 0.05 - 1e-6 ? 1 : 0;
    }
  EXPECT_GE(inside, 11);
}

TEST(TasSampler, RefusesWhatItCannotSearch) {
  const auto refused = [](const std::string& space, const nlohmann::json& options = nlohmann::json::object()) {
    make(make_space(space), options);
  };
  EXPECT_THROWS_WITH(refused("resnet_shape_20"), UsageError,
                     "sampler 'tas' runs several sizes as one network, which 'resnet_shape_20' does not allow: conv "
                     "'stage0.block0.conv_a': decision 'stem.width' is combined by interpolation, but its widths have "
                     "no layers (norms) of their own here; combine it by masks (sampler.widths=mask), or choose a "
                     "space whose widths have norms of their own, as resnet_shape_20(norms=per_width)");
  EXPECT_NO_THROW(refused("resnet_shape_20", {{"widths", "mask"}}));
  EXPECT_NO_THROW(refused("mobile_cnn", {{"widths", "mask"}}));
  EXPECT_THROWS_WITH(refused("ofa_mobilenetv3", {{"widths", "mask"}}), UsageError, "'resolution'");
  EXPECT_THROWS_WITH(refused("nas_bench_201"), UsageError,
                     "sampler 'tas' chooses sizes of layers, and 'nas_bench_201' has no decisions about them");
  EXPECT_THROWS_WITH(refused("nas_bench_101"), UsageError, "'nas_bench_101' are listed");
  EXPECT_THROWS_WITH(make(resnet_20(), {{"target", 0.01}}), UsageError,
                     "is below the cheapest network of 'resnet_shape_20(norms=per_width)' (");
  EXPECT_THROWS_WITH(
      make(resnet_20(), {{"target_macs", 1000}}), UsageError,
      "sampler.target_macs = 1000 is below the cheapest network of 'resnet_shape_20(norms=per_width)' (");
  EXPECT_THROWS_WITH(make(resnet_20(), {{"target_macs", 50'000'000}}), UsageError,
                     "sampler.target_macs = 50000000 is above the unpruned network of "
                     "'resnet_shape_20(norms=per_width)' (40813184 MACs); lower it");
  EXPECT_THROWS_WITH(make(resnet_20(), {{"band", "above"}}), UsageError, "sampler.band");
  EXPECT_THROWS_WITH(make(resnet_20(), {{"ratio", 0.5}}), UsageError, "unknown");
}

/// A depth that is certain is the network of that depth: the maps of the others count nothing.
TEST(TasDepth, OfCertainGatesIsTheNetworkOfThatDepth) {
  Threads threads(1);
  const Space space = small_space();
  const InputShape input = space->default_input();
  WeightBank bank(space->build_everything(input), Rng(1), {.type = at::kDouble, .initializer = {}});
  std::uint64_t seed = 1;
  for (const auto& p : bank.parameters())
    if (p.shape.size() == 1) bank.parameter(p).add_(normal_tensor(p.shape, ++seed, 0, 0.3));
  const at::Tensor images = normal_images({3, 3, 8, 8}, 1).to(at::kDouble);
  Rng rng(2);
  for (int round = 0; round < 10; ++round) {
    Architecture arch = space->random(rng);
    for (std::uint16_t first = 0; first < 2; ++first)
      for (std::uint16_t second = 0; second < 2; ++second) {
        arch.choices[space->decision_index("stage0.depth")] = first;
        arch.choices[space->decision_index("stage1.depth")] = second;
        const Gates certain = Gates::one_hot(space->decisions(), arch, at::kDouble);
        std::vector<SelectedOptions> selected;
        std::vector<at::Tensor> gates;
        for (std::size_t d = 0; d < arch.choices.size(); ++d) {
          const bool is_depth = space->decisions()[d].kind == DecisionKind::kDepth;
          selected.push_back({is_depth ? std::vector<std::uint16_t>{0, 1} : std::vector{arch.choices[d]}});
          gates.push_back(is_depth ? certain[d] : at::Tensor());
        }
        const Selection selection(std::move(selected));
        const Gates of_depth(space->decisions(), std::move(gates), selection);
        const at::Tensor soft = logits(space->build(selection, input), bank, images, {.gates = &of_depth});
        EXPECT_LT(largest_difference(soft, logits(space->build(arch, input), bank, images, {})), 1e-10);
      }
  }
}

/// A convolution's filters are independent: what a narrow one gives are the first channels of the whole one.
TEST(TasWidth, SlicingWeightsBeforeIsSlicingChannelsBehind) {
  const at::Tensor x = normal_images({2, 16, 7, 7}, 1), weight = normal_tensor({32, 16, 3, 3}, 2);
  for (const auto& [in, out] : std::vector<std::pair<std::int64_t, std::int64_t>>{{4, 9}, {11, 25}, {16, 32}}) {
    const at::Tensor padded = at::cat({x.slice(1, 0, in), at::zeros({2, 16 - in, 7, 7})}, 1);
    const at::Tensor whole = at::conv2d(padded, weight, {}, 1, 1).slice(1, 0, out);
    const at::Tensor sliced =
        at::conv2d(x.slice(1, 0, in).contiguous(), weight.slice(0, 0, out).slice(1, 0, in).contiguous(), {}, 1, 1);
    EXPECT_LT(largest_difference(whole, sliced), 1e-5);
  }
}

TEST(KnowledgeTransfer, IsTheDivergenceFromTheTeacherAtATemperature) {
  const Classification task;
  const Lesson lesson{.teacher = "unpruned", .temperature = 4, .share = 0.9};
  const at::Tensor teacher = at::tensor({2.0, 0.0}).reshape({1, 2}).set_requires_grad(true);
  const at::Tensor pupil = at::tensor({0.0, 1.0}).reshape({1, 2}).set_requires_grad(true);
  const at::Tensor taught = task.teaching(teacher, lesson);
  EXPECT_FALSE(taught.requires_grad());
  // By hand, two classes: t = 1 / (1 + e^-(2/4)), s = 1 / (1 + e^(1/4)).
  const double t = 1 / (1 + std::exp(-0.5)), s = 1 / (1 + std::exp(0.25));
  const double divergence = t * std::log(t / s) + (1 - t) * std::log((1 - t) / (1 - s));
  const double entropy = -t * std::log(t) - (1 - t) * std::log(1 - t);  // of the teacher: no pupil changes it
  const at::Tensor loss = task.lesson_loss(pupil, taught, lesson);
  EXPECT_NEAR(loss.item<double>() - 16 * entropy, 16 * divergence, 1e-6);
  loss.backward();
  EXPECT_NEAR(pupil.grad()[0][0].item<double>(), 4 * (s - t), 1e-6);
  const at::Tensor same = teacher.detach().clone().set_requires_grad(true);
  const at::Tensor own = task.lesson_loss(same, taught, lesson);
  EXPECT_NEAR(own.item<double>() - 16 * entropy, 0, 1e-6);
  own.backward();
  EXPECT_LT(same.grad().abs().max().item<double>(), 1e-6);
}

/// Random images whose label is the signs of two channels' means.
TrainingBatch batch_of(std::int64_t step) {
  const auto seed = static_cast<std::uint64_t>(step);
  at::Tensor images = normal_images({16, 3, 8, 8}, 1000 + seed, 0, 0.5);
  const at::Tensor labels = random_labels(16, 4, 5000 + seed);
  for (std::int64_t i = 0; i < 16; ++i)
    for (std::int64_t c = 0; c < 2; ++c) images[i][c].add_((labels[i].item<std::int64_t>() >> c) % 2 ? 0.7 : -0.7);
  return {images, labels, {}};
}

/// A training of the small space.
struct TasSetting {
  Space space = small_space();
  Supernet supernet{space, space->default_input(), Rng(3)};
  nlohmann::json sampler_options = {{"lr", 0.05}};
  std::unique_ptr<TasSampler> sampler;
  TrainerOptions options;
  Classification task{0};
  TasSetting() {
    options.steps = 12;
    options.lr = 0.1;
  }
  Trainer trainer() {
    sampler = make(space, sampler_options);
    return {
        supernet,
        *sampler,
        task,
        options,
        7,
        {{Stream::kTrain, batch_of}, {Stream::kArchitecture, [](std::int64_t step) { return batch_of(step + 1000); }}}};
  }
  at::Tensor all_logits() { return parameters_of(*sampler).values().clone(); }
};

TEST(TrainerWithTas, ArchitectureStepsLeaveWeightsAloneAndWeightStepsLeaveLogits) {
  Threads threads(1);
  {
    TasSetting s;  // a weight rate of 0: whatever moves a weight is the architecture step
    s.options.lr = 0;
    Trainer trainer = s.trainer();
    const at::Tensor weights = s.supernet.bank.weights().clone(), logits = s.all_logits();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(std::isfinite(trainer.step().arch_loss.value()));
    EXPECT_TRUE(same_bits(s.supernet.bank.weights(), weights));
    EXPECT_FALSE(same_bits(s.all_logits(), logits));
  }
  {
    TasSetting s;
    s.sampler_options["lr"] = 0.0;
    Trainer trainer = s.trainer();
    const at::Tensor weights = s.supernet.bank.weights().clone(), logits = s.all_logits();
    for (int i = 0; i < 3; ++i) trainer.step();
    EXPECT_FALSE(same_bits(s.supernet.bank.weights(), weights));
    EXPECT_TRUE(same_bits(s.all_logits(), logits));
  }
}

TEST(TrainerWithTas, GoesOnToTheSameBits) {
  Threads threads(1);
  TasSetting a, b, c;
  Trainer straight = a.trainer(), before = b.trainer();
  for (int i = 0; i < 12; ++i) straight.step();
  for (int i = 0; i < 5; ++i) before.step();
  Trainer after = c.trainer();
  c.supernet.bank.load(b.supernet.bank.tensors());
  after.load(before.state_tensors(), before.state());
  while (!after.finished()) after.step();
  EXPECT_TRUE(same_bits(a.supernet.bank.values(), c.supernet.bank.values()));
  EXPECT_TRUE(same_bits(a.all_logits(), c.all_logits()));
}

TEST(TrainerWithTas, LearnsAndEndsInTheBand) {
  Threads threads(1);
  TasSetting s;
  s.options.steps = 150;
  Trainer trainer = s.trainer();
  double first = 0, last = 0;
  while (!trainer.finished()) {
    const StepReport report = trainer.step();
    if (report.step <= 10) first += report.loss / 10;
    if (report.step > 140) last += report.loss / 10;
  }
  EXPECT_LT(last, first - 0.3);
  // The loss pulls at the upper edge, where the cost pushes back: one width of a layer more or less.
  EXPECT_GE(metric(*s.sampler, "derived_cost"), 0.45 - 0.02);
  EXPECT_LE(metric(*s.sampler, "derived_cost"), 0.5 + 0.05);
}

TEST(TrainerWithTas, MasksServeWhereWidthsShareTheirNorms) {
  Threads threads(1);
  const Space space = make_space("mobile_cnn");
  Supernet supernet(space, {3, 8, 8, 4}, Rng(3));
  TasSampler::Options options;
  options.widths = "mask";
  TasSampler sampler(space, {3, 8, 8, 4}, options, Rng(0));
  const Classification task;
  Trainer trainer(supernet, sampler, task, {.steps = 2}, 7,
                  {{Stream::kTrain, batch_of}, {Stream::kArchitecture, batch_of}});
  const at::Tensor before = parameters_of(sampler).values().clone();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(std::isfinite(trainer.step().loss));
  EXPECT_FALSE(same_bits(before, parameters_of(sampler).values()));
}

}  // namespace
}  // namespace frontier
