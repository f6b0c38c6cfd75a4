// PC-DARTS in a training: what the official program's structure and the paper's formulas promise of the supernet, the
// steps and what is derived. branch_samplers_test.cpp has what the sampler hands to the trainer.
#include "supernet/samplers/pc_darts.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <map>

#include "search_spaces/registry.h"
#include "supernet/tensor_memory.h"
#include "supernet/trainer.h"
#include "support/runs.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Space = std::shared_ptr<const SearchSpace>;
using Vertex = NetworkGraph::Vertex;

Space cells(int partial, int number = 3, int channels = 8) {
  return make_space("darts(cells=" + std::to_string(number) + ",channels=" + std::to_string(channels) +
                    ",partial=" + std::to_string(partial) + ",search=true)");
}

TrainingBatch batch_of(std::int64_t seed, std::int64_t size = 8, std::int64_t side = 16) {
  const auto own = static_cast<std::uint64_t>(seed);
  return {normal_images({size, 3, side, side}, own), random_labels(size, 10, own), {}};
}

/// A supernet of DARTS' cells with its sampler, warm from the first step.
struct SupernetSetting {
  Space space;
  InputShape input{3, 16, 16, 10};
  Supernet supernet;
  PcDartsSampler sampler;
  Classification task;
  TrainerOptions options;

  explicit SupernetSetting(int partial, double warmup_share = 0, std::uint64_t seed = 0)
      : space(cells(partial)),
        supernet(space, input, Rng(3)),
        sampler(space, input, options_with(warmup_share), Rng(seed)) {
    options.steps = 10;
    options.lr = 0.05;
    options.label_smoothing = 0;
  }
  static PcDartsSampler::Options options_with(double warmup_share) {
    PcDartsSampler::Options options;
    options.warmup_share = warmup_share;
    options.lr = 0.01;
    return options;
  }
  ParameterStore& parameters() { return *sampler.groups().front().store; }
  at::Tensor weights() const { return supernet.bank.values().clone(); }
  Candidate subnet() {
    Rng rng(0);
    return sampler.next({0, 10, 0, {}}, rng)->subnets.front();
  }
  Trainer trainer() {
    return {supernet,
            sampler,
            task,
            options,
            7,
            {{Stream::kTrain, [](std::int64_t s) { return batch_of(s); }},
             {Stream::kArchitecture, [](std::int64_t s) { return batch_of(s + 1000); }}}};
  }
};

/// P2: of all channels and with even edges a node is the plain sum of DARTS, divided by the number of its inputs.
TEST(PcDartsSupernet, OfAllChannelsIsDartsMixedSumOverTheNumberOfInputs) {
  Threads threads(1);
  SupernetSetting s(1);
  for (const auto& [name, values] : s.parameters().tensors())
    s.parameters().value(name).copy_(name.starts_with("edges.") ? at::zeros_like(values) : 3 * values / 1e-3);
  const Candidate subnet = s.subnet();
  const NetworkGraph graph = s.supernet.build(subnet.selection);
  int nodes = 0;
  for (Vertex v = 0; v < graph.size(); ++v) {
    if (!graph[v].site.name.ends_with(".inputs")) continue;
    SCOPED_TRACE(graph[v].name + " " + graph[v].site.name);
    std::vector<Vertex> wanted{v};
    const std::vector<Vertex> mixes = graph.inputs(v);
    for (const Vertex mix : mixes)
      for (const Vertex branch : graph.inputs(mix)) wanted.push_back(branch);
    const auto seen = outputs(graph, s.supernet.bank, wanted, batch_of(1).images, {.gates = &*subnet.gates});
    at::Tensor sum = at::zeros_like(seen[0]);
    std::size_t next = 1;
    for (const Vertex mix : mixes) {
      const at::Tensor alpha = at::softmax(s.parameters().value(graph[mix].site.name), 0);
      ASSERT_EQ(graph.inputs(mix).size(), 8U);
      for (std::int64_t o = 0; o < 8; ++o) sum += alpha[o] * seen[next++];
    }
    const at::Tensor expected = sum / static_cast<double>(mixes.size());
    EXPECT_LT(largest_difference(seen[0], expected), 1e-5);
    EXPECT_GT(expected.abs().max().item<double>(), 0.1);
    ++nodes;
  }
  EXPECT_EQ(nodes, 3 * 4);
}

/// P5: what a bank of the searched network really holds.
TEST(PcDartsSupernet, HoldsThePapersWeights) {
  for (const auto& [partial, weights] :
       std::map<int, std::int64_t>{{1, 1'930'618}, {2, 671'482}, {4, 299'578}, {8, 178'042}}) {
    const Space space = cells(partial, 8, 16);
    EXPECT_EQ(Supernet(space, {3, 32, 32, 10}, Rng(0)).bank.num_scalars(), weights) << "K = " << partial;
  }
}

/// P6.
TEST(PcDartsTraining, StepsOfLogitsAndOfWeightsLeaveTheOthersAlone) {
  Threads threads(1);
  {
    SupernetSetting s(4);
    s.options.lr = 0;  // whatever moves a weight would be the logits' step
    Trainer trainer = s.trainer();
    const at::Tensor weights = s.weights(), parameters = s.parameters().values().clone();
    for (int i = 0; i < 3; ++i) trainer.step();
    EXPECT_TRUE(same_bits(s.supernet.bank.values(), weights));
    for (const auto& [name, values] : s.parameters().tensors())
      EXPECT_FALSE(same_bits(values, s.parameters().layout().tensors(parameters).at(name))) << name;
  }
  SupernetSetting s(4, /*warmup_share=*/0.3);
  Trainer trainer = s.trainer();
  const at::Tensor parameters = s.parameters().values().clone();
  for (int i = 0; i < 3; ++i) {
    const at::Tensor weights = s.weights();
    EXPECT_EQ(trainer.step().arch_loss, std::nullopt);
    EXPECT_FALSE(same_bits(s.supernet.bank.values(), weights));
    EXPECT_TRUE(same_bits(s.parameters().values(), parameters)) << "in the warm-up";
  }
  EXPECT_TRUE(trainer.step().arch_loss.has_value());
  EXPECT_FALSE(same_bits(s.parameters().values(), parameters));
}

/// P7, through the whole supernet and its partial channels. Differences of float32 losses carry rounding errors of some
/// 1e-6: with steps of 1e-2 that is 1e-4 of a derivative of order 1e-2.
TEST(PcDartsTraining, EdgeWeightsHaveTheGradientOfFiniteDifferences) {
  Threads threads(1);
  SupernetSetting s(4);
  const TrainingBatch batch = batch_of(5);
  const auto loss = [&] {
    const Candidate subnet = s.subnet();
    return at::cross_entropy_loss(
        logits(s.supernet.build(subnet.selection), s.supernet.bank, batch.images, learning_gates(*subnet.gates)),
        batch.labels);
  };
  s.parameters().clear_gradients();
  loss().backward();
  for (const auto& parameter : s.parameters().parameters()) {
    const std::string& name = parameter.name;
    if (!name.starts_with("edges.")) continue;
    const at::Tensor gradient = s.parameters().gradient(name).clone();
    const double greatest = gradient.abs().max().item<double>();
    EXPECT_GT(greatest, 1e-6) << name;
    EXPECT_LT(std::abs(gradient.sum().item<double>()), 1e-3 * greatest + 1e-8) << name;
    for (std::int64_t i = 0; i < gradient.numel(); ++i) {
      const auto moved = [&](double by) {
        s.parameters().value(name)[i] += by;
        const double value = loss().item<double>();
        s.parameters().value(name)[i] -= by;
        return value;
      };
      EXPECT_NEAR(gradient[i].item<double>(), (moved(1e-2) - moved(-1e-2)) / 2e-2, 1e-3) << name << " " << i;
    }
  }
}

/// P8: whatever is learned, what is derived has two inputs a node and no zeros, and prints and reads back.
TEST(PcDartsTraining, DerivesGenotypesWithoutZeros) {
  const Space space = cells(4), built = make_space("darts");
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    PcDartsSampler::Options options;
    options.init_deviation = 2;
    const PcDartsSampler sampler(space, space->default_input(), options, Rng(seed));
    const std::string genotype = space->to_string(*sampler.derive());
    EXPECT_EQ(genotype.find("none"), std::string::npos) << genotype;
    EXPECT_EQ(space->to_string(space->parse(genotype)), genotype);
    EXPECT_EQ(built->to_string(built->parse(genotype)), genotype) << "a network of the space without options";
  }
}

/// Bytes that one forward pass keeps for its backward pass.
std::int64_t bytes_kept(int partial, std::int64_t number, std::int64_t channels, std::int64_t size, std::int64_t side) {
  const Space space = cells(partial, static_cast<int>(number), static_cast<int>(channels));
  const InputShape input{3, side, side, 10};
  const Supernet supernet(space, input, Rng(0));
  PcDartsSampler sampler(space, input, SupernetSetting::options_with(0), Rng(0));
  Rng rng(0);
  const auto work = sampler.next({0, 10, 0, {}}, rng);
  const Candidate& subnet = work->subnets.front();
  const NetworkGraph graph = supernet.build(subnet.selection);
  const TrainingBatch batch = batch_of(1, size, side);
  const TensorMemory memory;
  const at::Tensor loss =
      at::cross_entropy_loss(logits(graph, supernet.bank, batch.images, training(&*subnet.gates)), batch.labels);
  return memory.bytes();
}

/// P9: measured in the official network at C = 16, 8 cells, 32x32, 8 images: 1059.9 MB against 330.4 MB, 3.2 times.
TEST(PcDartsTraining, OneInFourChannelsKeepsATwoAndAHalfthOfTheMemory) {
  Threads threads(1);
  const auto all = static_cast<double>(bytes_kept(1, 8, 16, 4, 32)),
             half = static_cast<double>(bytes_kept(2, 8, 16, 4, 32)),
             quarter = static_cast<double>(bytes_kept(4, 8, 16, 4, 32));
  EXPECT_GE(all / quarter, 2.5);
  EXPECT_LE(quarter, 0.4 * all);
  // What passes through the operations takes 1/K, the rest does not: from K = 1 and 2 follows what K = 4 keeps.
  const double through = 2 * (all - half), rest = all - through;
  EXPECT_NEAR(quarter - rest, through / 4, 0.25 * through / 4);
  EXPECT_GT(through, 0.5 * all);
}

/// P10.
TEST(PcDartsTraining, TheSameSeedGivesTheSameLogits) {
  Threads threads(1);
  const auto after_ten = [](std::uint64_t seed) {
    SupernetSetting s(4, 0, seed);
    Trainer trainer = s.trainer();
    while (!trainer.finished()) trainer.step();
    return s.parameters().values().clone();
  };
  const at::Tensor first = after_ten(1);
  EXPECT_TRUE(same_bits(first, after_ten(1)));
  EXPECT_FALSE(same_bits(first, after_ten(2)));
}

}  // namespace
}  // namespace frontier
