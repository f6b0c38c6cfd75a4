#include "supernet/executor.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <map>
#include <set>

#include "search_spaces/cost.h"
#include "search_spaces/registry.h"
#include "supernet/supernet.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/reference_network.h"
#include "support/small_spaces.h"
#include "support/tensors.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Space = std::shared_ptr<const SearchSpace>;

Space shared(SearchSpace space) { return std::make_shared<const SearchSpace>(std::move(space)); }

/// A supernet as if it were trained: no norm at one, no bias at zero, logits of order one.
Supernet lively_supernet(const Space& space, const InputShape& input, std::uint64_t seed) {
  Supernet supernet(space, input, Rng(seed));
  for (const auto& p : supernet.bank.parameters()) {
    at::Tensor w = supernet.bank.parameter(p);
    if (p.shape.size() == 1) w.add_(normal_tensor(p.shape, ++seed, 0, 0.3));
    if (p.shape.size() == 2 || p.shape.size() == 3) w.mul_(10);
  }
  return supernet;
}

at::Tensor images_for(const InputShape& input, std::int64_t count, std::uint64_t seed) {
  return normal_images({count, input.channels, input.height, input.width}, seed);
}

std::map<std::string, at::Tensor> in_double(const WeightBank& bank) {
  std::map<std::string, at::Tensor> result;
  for (const auto& [name, tensor] : bank.tensors()) result.emplace(name, tensor.to(at::kDouble));
  return result;
}

at::Tensor flat(const at::Tensor& logits) { return logits.flatten(1); }

void expect_executed_macs_of(const std::string& name, InputShape input, int subnets) {
  const auto space = make_space(name);
  const Supernet supernet(space, input, Rng(0));
  const CostTable table = space->cost_table(input);
  Executor executor(supernet.bank);
  const at::Tensor images = images_for(input, 1, 1);
  for (int seed = 0; seed < subnets; ++seed) {
    Rng rng(static_cast<std::uint64_t>(seed));
    const Architecture arch = space->random(rng);
    SCOPED_TRACE(name + " " + space->to_string(arch));
    BatchNormStatistics statistics;
    executor.run(supernet.build(arch), images, Pass::kCalibrate, &statistics);
    EXPECT_EQ(executor.executed_macs(), cost(supernet.build(arch)).macs);
    EXPECT_EQ(executor.executed_macs(), table.macs(arch));
  }
}

TEST(ExecutorMacs, OfMobileCnnEqualTheCostPass) {
  Threads threads(1);
  expect_executed_macs_of("mobile_cnn", {1, 28, 28, 10}, 200);
  expect_executed_macs_of("mobile_cnn", {3, 17, 20, 7}, 20);
}
TEST(ExecutorMacs, OfMobileCnn32EqualTheCostPass) {
  Threads threads(1);
  expect_executed_macs_of("mobile_cnn_32", {3, 32, 32, 10}, 100);
  expect_executed_macs_of("mobile_cnn_32", {3, 16, 16, 10}, 100);
}
TEST(ExecutorMacs, OfMobileCnn224EqualTheCostPass) {
  Threads threads(1);
  expect_executed_macs_of("mobile_cnn_224", {3, 224, 224, 10}, 10);
  expect_executed_macs_of("mobile_cnn_224", {3, 33, 33, 10}, 190);
}
TEST(ExecutorMacs, OfNasBenchMacroEqualTheCostPass) {
  Threads threads(1);
  expect_executed_macs_of("nas_bench_macro", {3, 32, 32, 10}, 20);
  expect_executed_macs_of("nas_bench_macro", {3, 8, 8, 10}, 180);
}

TEST(Executor, EveryPassRunsTheSameMacs) {
  Threads threads(1);
  for (SearchSpace (*make)() : {all_layers_space, token_space, pyramid_space, cell_space}) {
    const auto space = shared(make());
    const Supernet supernet(space, space->default_input(), Rng(0));
    const CostTable table = space->cost_table(supernet.input);
    Executor executor(supernet.bank);
    const at::Tensor images = images_for(supernet.input, 3, 1);
    for (const auto& arch : all_choices(*space)) {
      SCOPED_TRACE(space->name() + " " + space->to_string(arch));
      const NetworkGraph graph = supernet.build(arch);
      BatchNormStatistics statistics;
      for (const Pass pass : {Pass::kTrain, Pass::kArchitect, Pass::kCalibrate, Pass::kEvaluate}) {
        executor.run(graph, images, pass, &statistics);
        EXPECT_EQ(executor.executed_macs(), cost(graph).macs);
      }
      EXPECT_EQ(table.macs(arch), cost(graph).macs);
      EXPECT_EQ(table.params(arch), cost(graph).params);
      EXPECT_EQ(supernet.bank.extract(graph).num_scalars(), cost(graph).params);
    }
  }
}

void expect_equal_to_reference(const Space& space, const std::vector<Architecture>& archs, std::int64_t batch) {
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  Executor executor(supernet.bank);
  const at::Tensor images = images_for(supernet.input, batch, 4), others = images_for(supernet.input, batch, 5);
  for (const auto& arch : archs) {
    SCOPED_TRACE(space->to_string(arch));
    const NetworkGraph graph = supernet.build(arch);
    const auto parameters = in_double(supernet.bank.extract(graph));
    const at::Tensor expected = flat(reference_values(graph, parameters, images.to(at::kDouble))[graph.output()]);
    EXPECT_LT(largest_difference(executor.run(graph, images, Pass::kTrain), expected), 1e-4);
    EXPECT_LT(largest_difference(executor.run(graph, images, Pass::kArchitect), expected), 1e-4);
    BatchNormStatistics statistics;
    EXPECT_LT(largest_difference(executor.run(graph, images, Pass::kCalibrate, &statistics), expected), 1e-4);
    executor.run(graph, others, Pass::kCalibrate, &statistics);
    const auto calibrated = reference_values(graph, parameters, images.to(at::kDouble), &statistics);
    const at::Tensor seen = executor.run(graph, images, Pass::kEvaluate, &statistics);
    EXPECT_LT(largest_difference(seen, flat(calibrated[graph.output()])), 1e-4);
    EXPECT_FALSE(seen.requires_grad());
    for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
      EXPECT_EQ(statistics.entries().contains(v), graph[v].kind == LayerKind::kBatchNorm && !graph[v].training_only);
  }
}

std::vector<Architecture> random_archs(const SearchSpace& space, int count) {
  std::vector<Architecture> archs;
  Rng rng(11);
  for (int i = 0; i < count; ++i) archs.push_back(space.random(rng));
  return archs;
}

TEST(Executor, EveryLayerKindEqualsTheUnfoldedReference) {
  Threads threads(1);
  const auto space = shared(all_layers_space());
  expect_equal_to_reference(space, all_choices(*space), 6);
}

TEST(Executor, TokenLayersEqualTheReferenceWithEveryPairWrittenOut) {
  Threads threads(1);
  for (SearchSpace (*make)() : {token_space, pyramid_space}) {
    const auto space = shared(make());
    expect_equal_to_reference(space, random_archs(*space, 12), 3);
  }
}

TEST(Executor, LayersOfCellsEqualTheUnfoldedReference) {
  Threads threads(1);
  const auto space = shared(cell_space());
  expect_equal_to_reference(space, all_choices(*space), 5);
}

TEST(Executor, SmallSpacesEqualTheUnfoldedReference) {
  Threads threads(1);
  const auto nested = shared(nested_space()), branches = shared(branch_space());
  expect_equal_to_reference(nested, random_archs(*nested, 40), 5);
  expect_equal_to_reference(branches, all_choices(*branches), 5);
}

TEST(Executor, RegisteredSpacesEqualTheUnfoldedReference) {
  Threads threads(1);
  for (const auto& [name, count] : std::map<std::string, int>{{"mobile_cnn", 6}, {"nas_bench_macro", 1}}) {
    const auto space = make_space(name);
    expect_equal_to_reference(space, random_archs(*space, count), 3);
  }
}

void expect_extracted_to_give_the_same(const Space& space, std::uint64_t subnets) {
  const Supernet supernet = lively_supernet(space, space->default_input(), 1);
  Executor in_supernet(supernet.bank);
  double worst = 0, largest = 0;
  for (std::uint64_t seed = 0; seed < subnets; ++seed) {
    Rng rng(seed);
    const Architecture arch = space->random(rng);
    const NetworkGraph graph = supernet.build(arch);
    const WeightBank own = supernet.bank.extract(graph);
    Executor alone(own);
    const at::Tensor images = images_for(supernet.input, 4, seed);
    BatchNormStatistics a, b;
    for (const Pass pass : {Pass::kTrain, Pass::kCalibrate, Pass::kEvaluate}) {
      const at::Tensor x = in_supernet.run(graph, images, pass, &a), y = alone.run(graph, images, pass, &b);
      worst = std::max(worst, largest_difference(x, y));
      largest = std::max(largest, y.abs().max().item<double>());
    }
  }
  EXPECT_LT(worst, 1e-5) << space->name();
  EXPECT_GT(largest, 0.5) << space->name();  // not equal because all is zero
}

TEST(Executor, TheSupernetGivesWhatTheExtractedSubnetGives) {
  Threads threads(1);
  expect_extracted_to_give_the_same(make_space("mobile_cnn"), 100);
  for (SearchSpace (*make)() : {token_space, pyramid_space, cell_space})
    expect_extracted_to_give_the_same(shared(make()), 20);
}

/// Every registered space, at sides small enough for a test: 50 random subnets each give in the supernet what they give
/// on their own, and run the multiply-accumulates that they are said to cost.
class EverySpace : public testing::TestWithParam<std::string> {};

TEST_P(EverySpace, SharesWeightsAndRunsWhatItCosts) {
  Threads threads(1);
  const Space space = make_space(GetParam());
  InputShape input = space->default_input();
  input.height = input.width = input.height > 32 ? 64 : input.height == 32 ? 16 : input.height;
  if (space->listed()) input.height = input.width = 8;  // up to 7 G multiply-accumulates at 32
  input.classes = 10;
  const Supernet supernet = lively_supernet(space, input, 1);
  const CostTable table = space->cost_table(input);
  Executor in_supernet(supernet.bank);
  const at::Tensor images = images_for(input, 2, 3);
  double worst = 0, largest = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const Architecture arch = space->random(rng);
    SCOPED_TRACE(space->to_string(arch));
    const NetworkGraph graph = supernet.build(arch);
    const WeightBank own = supernet.bank.extract(graph);
    Executor alone(own);
    BatchNormStatistics a, b;
    for (const Pass pass : {Pass::kCalibrate, Pass::kEvaluate}) {
      const at::Tensor x = in_supernet.run(graph, images, pass, &a), y = alone.run(graph, images, pass, &b);
      ASSERT_EQ(in_supernet.executed_macs(), cost(graph).macs);
      ASSERT_EQ(in_supernet.executed_macs(), table.macs(arch));
      worst = std::max(worst, largest_difference(x, y));
      largest = std::max(largest, y.abs().max().item<double>());
    }
  }
  EXPECT_LT(worst, 1e-5 * std::max(1.0, largest));
  EXPECT_GT(largest, 0.1);
}

std::vector<std::string> names_of_spaces() {
  std::vector<std::string> names;
  for (const auto& info : known_spaces()) names.push_back(info.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Registered, EverySpace, testing::ValuesIn(names_of_spaces()), [](const auto& space) {
  std::string name = space.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

void expect_gradients_in_slices_alone(const Space& space, std::uint64_t subnets) {
  const Supernet supernet = lively_supernet(space, space->default_input(), 1);
  const at::Tensor images = images_for(supernet.input, 5, 1), labels = random_labels(5, supernet.input.classes, 2);
  for (std::uint64_t seed = 0; seed < subnets; ++seed) {
    Rng rng(seed);
    const Architecture arch = space->random(rng);
    SCOPED_TRACE(space->name() + " " + space->to_string(arch));
    const NetworkGraph graph = supernet.build(arch);
    const WeightBank own = supernet.bank.extract(graph);
    const auto backward = [&](const WeightBank& bank) {
      bank.gradients().zero_();
      Executor executor(bank);
      executor.backward(at::cross_entropy_loss(executor.run(graph, images, Pass::kTrain), labels));
    };
    backward(supernet.bank);
    backward(own);
    for (const auto& p : own.parameters()) {
      at::Tensor slice = supernet.bank.gradient_slice(p.name, p.shape);
      const at::Tensor expected = own.gradient(p);
      EXPECT_LT(largest_difference(slice, expected), 1e-5 * (1 + expected.abs().max().item<double>())) << p.name;
      EXPECT_GT(expected.abs().sum().item<double>(), 0) << p.name;
      slice.zero_();
    }
    EXPECT_EQ(supernet.bank.gradients().count_nonzero().item<std::int64_t>(), 0);
  }
}

TEST(Executor, GradientsReachExactlyTheSlicesUsed) {
  Threads threads(1);
  expect_gradients_in_slices_alone(make_space("mobile_cnn"), 25);
  for (SearchSpace (*make)() : {token_space, pyramid_space, cell_space})
    expect_gradients_in_slices_alone(shared(make()), 12);
}

TEST(Executor, GradientsEqualTheReferenceInDouble) {
  Threads threads(1);
  for (SearchSpace (*make)() : {all_layers_space, nested_space, branch_space, token_space, pyramid_space, cell_space}) {
    const auto space = shared(make());
    const Supernet supernet = lively_supernet(space, space->default_input(), 3);
    const at::Tensor images = images_for(supernet.input, 6, 1), labels = random_labels(6, supernet.input.classes, 2);
    for (const auto& arch : random_archs(*space, 12)) {
      SCOPED_TRACE(space->name() + " " + space->to_string(arch));
      const NetworkGraph graph = supernet.build(arch);
      Executor executor(supernet.bank);
      supernet.bank.gradients().zero_();
      executor.backward(at::cross_entropy_loss(executor.run(graph, images, Pass::kTrain), labels));
      auto parameters = in_double(supernet.bank.extract(graph));
      std::vector<at::Tensor> leaves;
      for (auto& [name, tensor] : parameters) leaves.push_back(tensor.set_requires_grad(true));
      const auto values = reference_values(graph, parameters, images.to(at::kDouble));
      const auto gradients = torch::autograd::grad({at::cross_entropy_loss(flat(values[graph.output()]), labels)},
                                                   leaves, {}, false, false, /*allow_unused=*/true);
      std::size_t i = 0;
      for (const auto& [name, tensor] : parameters) {
        const at::Tensor expected = gradients[i].defined() ? gradients[i] : at::zeros_like(tensor);
        EXPECT_LT(largest_difference(supernet.bank.gradient_slice(name, tensor.sizes()), expected), 2e-5) << name;
        ++i;
      }
    }
  }
}

TEST(Executor, BackwardAddsToTheGradientsThatAreThere) {
  Threads threads(1);
  const auto space = shared(nested_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const at::Tensor images = images_for(supernet.input, 3, 1);
  Executor executor(supernet.bank);
  const NetworkGraph graph = supernet.build(random_archs(*space, 1).front());
  executor.backward(executor.run(graph, images, Pass::kTrain).square().sum());
  const at::Tensor once = supernet.bank.gradients().clone();
  executor.backward(executor.run(graph, images, Pass::kTrain).square().sum());
  EXPECT_TRUE(same_bits(supernet.bank.gradients(), once * 2));
}

TEST(BatchNormStatistics, OfSeveralBatchesAreTheMomentsOfTheirUnion) {
  const at::Tensor x = normal_tensor({7, 20, 3}, 1, 5, 2) * at::tensor({1.0F, 10.0F, 0.1F});
  BatchNormStatistics statistics;
  for (std::int64_t b = 0; b < 7; ++b) statistics.add(4, x[b].mean(0), x[b].var(0, false));
  const at::Tensor all = x.reshape({140, 3}).to(at::kDouble);
  EXPECT_LT(largest_difference(statistics.at(4).mean, all.mean(0)), 1e-4);
  EXPECT_LT((statistics.at(4).variance / all.var(0, false) - 1).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(statistics.at(4).batches, 7);
  EXPECT_THROWS_WITH(statistics.at(3), std::logic_error, "not calibrated");
}

void expect_every_vertex_equal_to_reference(const Space& space, const Architecture& arch) {
  SCOPED_TRACE(space->name());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const NetworkGraph graph = supernet.build(arch);
  const at::Tensor images = images_for(supernet.input, 3, 1);
  Executor executor(supernet.bank);
  const auto expected = reference_values(graph, in_double(supernet.bank.extract(graph)), images.to(at::kDouble));
  // Every vertex on its own, then every neighbouring pair: what one run fuses, another must give unfused.
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    for (const std::vector<NetworkGraph::Vertex>& outputs :
         {std::vector<NetworkGraph::Vertex>{v}, {graph.output(), v}, {v, v == 0 ? v : v - 1, v}}) {
      BatchNormStatistics statistics;
      executor.run(graph, images, Pass::kCalibrate, &statistics);
      for (const Pass pass : {Pass::kTrain, Pass::kCalibrate, Pass::kEvaluate}) {
        BatchNormStatistics fresh;
        const auto seen = executor.run(graph, outputs, images, pass, pass == Pass::kEvaluate ? &statistics : &fresh);
        ASSERT_EQ(seen.size(), outputs.size());
        for (std::size_t i = 0; i < outputs.size(); ++i)
          EXPECT_LT(largest_difference(seen[i], expected[outputs[i]].reshape(seen[i].sizes())), 1e-4)
              << "vertex " << outputs[i] << " with " << v << " in pass " << static_cast<int>(pass);
      }
    }
  }
}

TEST(Executor, EveryVertexMayBeAnOutput) {
  Threads threads(1);
  const auto layers = shared(all_layers_space()), tokens = shared(token_space()), pyramid = shared(pyramid_space());
  expect_every_vertex_equal_to_reference(layers, layers->parse("12,5,7,se"));
  expect_every_vertex_equal_to_reference(tokens, random_archs(*tokens, 1).front());
  expect_every_vertex_equal_to_reference(pyramid, random_archs(*pyramid, 1).front());
}

TEST(Executor, RunsOnlyWhatTheOutputsNeed) {
  Threads threads(1);
  const auto space = shared(all_layers_space());
  const Supernet supernet(space, space->default_input(), Rng(3));
  const NetworkGraph graph = supernet.build(space->parse("12,5,7,se"));
  const at::Tensor images = images_for(supernet.input, 3, 1);
  Executor executor(supernet.bank);
  const NetworkGraph::Vertex stem = 1;
  executor.run(graph, std::span(&stem, 1), images, Pass::kTrain);
  EXPECT_EQ(executor.executed_macs(), 5 * 5 * 3 * 12 * 13 * 10);
}

TEST(Executor, TheHookSeesEveryLayerWithItsOwnOutput) {
  Threads threads(1);
  const auto space = shared(all_layers_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const NetworkGraph graph = supernet.build(space->parse("8,3,5,hswish"));
  const at::Tensor images = images_for(supernet.input, 3, 1);
  const auto expected = reference_values(graph, in_double(supernet.bank.extract(graph)), images.to(at::kDouble));
  BatchNormStatistics statistics;
  for (const Pass pass : {Pass::kTrain, Pass::kCalibrate, Pass::kEvaluate}) {
    SCOPED_TRACE(static_cast<int>(pass));
    std::set<NetworkGraph::Vertex> seen;
    Executor executor(supernet.bank);
    executor.set_hook([&](NetworkGraph::Vertex v, const at::Tensor& output) {
      EXPECT_TRUE(seen.insert(v).second) << v;
      EXPECT_LT(largest_difference(output, expected[v].reshape(output.sizes())), 1e-4)
          << v << " " << to_string(graph[v].kind);
    });
    executor.run(graph, images, pass, &statistics);
    for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
      // What may be fused with the layer behind it is not seen alone.
      const bool fusible =
          graph[v].kind == LayerKind::kBatchNorm || (pass == Pass::kEvaluate && graph[v].kind == LayerKind::kConv);
      if (!fusible) {
        EXPECT_TRUE(seen.contains(v)) << v;
      }
    }
  }
}

Selection soft(const SearchSpace& space) { return Selection::everything(space.decisions()); }

TEST(SoftSelection, OneHotWeightsGiveTheHardNetwork) {
  Threads threads(1);
  const auto space = shared(branch_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const at::Tensor images = images_for(supernet.input, 4, 1);
  const NetworkGraph everything = supernet.build(soft(*space));
  Executor executor(supernet.bank);
  for (const auto& arch : all_choices(*space)) {
    SelectionWeights weights;
    for (const auto choice : arch.choices)
      weights.push_back(at::one_hot(at::full({}, choice, at::kLong), 4).to(at::kFloat));
    const at::Tensor hard = executor.run(supernet.build(arch), images, Pass::kTrain);
    EXPECT_LT(largest_difference(executor.run(everything, images, Pass::kTrain, nullptr, weights), hard), 1e-6)
        << space->to_string(arch);
    BatchNormStatistics statistics, own;
    executor.run(everything, images, Pass::kCalibrate, &statistics, weights);
    executor.run(supernet.build(arch), images, Pass::kCalibrate, &own);
    EXPECT_LT(largest_difference(executor.run(everything, images, Pass::kEvaluate, &statistics, weights),
                                 executor.run(supernet.build(arch), images, Pass::kEvaluate, &own)),
              1e-5);
  }
}

TEST(SoftSelection, TheOutputIsLinearInTheWeightsOfTheLastMix) {
  Threads threads(1);
  const auto space = shared(branch_space());
  Supernet supernet = lively_supernet(space, space->default_input(), 3);
  supernet.bank.slice("classifier.bias", {4}).zero_();
  const at::Tensor images = images_for(supernet.input, 4, 1), first = at::softmax(normal_tensor({4}, 9), 0);
  const NetworkGraph graph = supernet.build(soft(*space));
  Executor executor(supernet.bank);
  const auto run = [&](const at::Tensor& w) { return executor.run(graph, images, Pass::kTrain, nullptr, {first, w}); };
  const at::Tensor a = normal_tensor({4}, 5), b = normal_tensor({4}, 6);
  EXPECT_LT(largest_difference(run(a * 0.3 + b * 2), run(a) * 0.3 + run(b) * 2), 1e-5);
  EXPECT_LT(run(at::zeros({4})).abs().max().item<double>(), 1e-12);
}

TEST(SoftSelection, EqualsTheReferenceAndItsWeightGradientsMatchFiniteDifferences) {
  Threads threads(1);
  const auto space = shared(branch_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const at::Tensor images = images_for(supernet.input, 4, 1), labels = random_labels(4, 4, 2);
  const NetworkGraph graph = supernet.build(soft(*space));
  SelectionWeights weights = {at::softmax(normal_tensor({4}, 5), 0), at::softmax(normal_tensor({4}, 6), 0)};
  const auto parameters = in_double(supernet.bank);
  const auto loss_at = [&](const SelectionWeights& w) {
    const auto values = reference_values(graph, parameters, images.to(at::kDouble), nullptr, w);
    return at::cross_entropy_loss(flat(values[graph.output()]), labels).item<double>();
  };
  for (auto& w : weights) w.set_requires_grad(true);
  Executor executor(supernet.bank);
  const at::Tensor loss =
      at::cross_entropy_loss(executor.run(graph, images, Pass::kArchitect, nullptr, weights), labels);
  EXPECT_NEAR(loss.item<double>(), loss_at(weights), 1e-5);
  const auto gradients = torch::autograd::grad({loss}, weights);
  for (std::size_t d = 0; d < 2; ++d) {
    for (std::int64_t i = 0; i < 4; ++i) {
      constexpr double kStep = 1e-5;
      const auto moved = [&](double by) {
        SelectionWeights w;
        for (const auto& original : weights) w.push_back(original.detach().to(at::kDouble));
        w[d][i] += by;
        return loss_at(w);
      };
      EXPECT_NEAR(gradients[d][i].item<double>(), (moved(kStep) - moved(-kStep)) / (2 * kStep), 1e-4) << d << " " << i;
    }
  }
}

/// A network whose mix sums subsets of three layers: none, the first, the last two, the first and the zeros.
NetworkGraph graph_of_subsets(const InputShape& input) {
  Builder b(input);
  const Signal x = b.input();
  const std::vector<Signal> parts = {b.conv("a", x, {.out = 4, .kernel = 3}), b.conv("b", x, {.out = 4}),
                                     b.activation(b.conv("c", x, {.out = 4}), Activation::kGELU), b.zero(x, 4, 1)};
  Layer mix;
  mix.kind = LayerKind::kMix;
  mix.decision = 0;
  mix.members = {{}, {0}, {1, 2}, {0, 3}};
  mix.output = parts.front().shape;
  std::vector<NetworkGraph::Vertex> inputs;
  for (const auto& part : parts) inputs.push_back(part.vertex);
  NetworkGraph graph = b.finish(parts.back());  // zeros become a layer where something reads them
  inputs.back() = graph.output();
  graph.set_output(graph.add(std::move(mix), inputs));
  return graph;
}

TEST(SoftSelection, AMixOfSubsetsSumsTheInputsOfItsOptions) {
  Threads threads(1);
  const InputShape input{3, 5, 6, 2};
  const NetworkGraph graph = graph_of_subsets(input);
  const WeightBank bank(graph, Rng(1));
  Executor executor(bank);
  const at::Tensor images = images_for(input, 2, 1), w = normal_tensor({4}, 2).set_requires_grad(true);
  const auto reference = [&](const at::Tensor& weights) {
    return reference_values(graph, in_double(bank), images.to(at::kDouble), nullptr, {weights})[graph.output()];
  };
  const at::Tensor y = executor.run(graph, images, Pass::kArchitect, nullptr, {w});
  EXPECT_LT(largest_difference(y, reference(w)), 1e-5);
  const at::Tensor dy = normal_images(y.sizes(), 3), exact = w.detach().to(at::kDouble).set_requires_grad(true);
  const at::Tensor seen = torch::autograd::grad({y}, {w}, {dy}).front();
  EXPECT_LT(largest_difference(seen, torch::autograd::grad({reference(exact)}, {exact}, {dy.to(at::kDouble)}).front()),
            1e-4);
  EXPECT_EQ(seen[0].item<float>(), 0);
  EXPECT_EQ(executor.run(graph, images, Pass::kArchitect, nullptr, {at::tensor({1.0F, 0.0F, 0.0F, 0.0F})})
                .abs()
                .max()
                .item<float>(),
            0);
  EXPECT_THROWS_WITH(executor.run(graph, images, Pass::kTrain, nullptr, {at::ones({3})}), std::logic_error,
                     "wrong shape");
}

TEST(Executor, AuxiliaryOutputsRunOnlyWhereAskedFor) {
  Threads threads(1);
  const auto space = shared(cell_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const at::Tensor images = images_for(supernet.input, 4, 1);
  const NetworkGraph graph = supernet.build(Architecture{{1, 1}});  // the widest
  ASSERT_EQ(graph.auxiliaries().size(), 1U);
  EXPECT_EQ(graph.auxiliaries().front().weight, 0.4);
  EXPECT_TRUE(supernet.bank.contains("auxiliary.classifier.weight"));
  EXPECT_FALSE(supernet.bank.extract(graph).contains("auxiliary.classifier.weight"));
  const auto expected = reference_values(graph, in_double(supernet.bank), images.to(at::kDouble));
  Executor executor(supernet.bank);
  const std::vector<NetworkGraph::Vertex> both = {graph.output(), graph.auxiliaries().front().vertex};
  const auto seen = executor.run(graph, both, images, Pass::kTrain);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_LT(largest_difference(seen[i], flat(expected[both[i]])), 1e-4);
  EXPECT_EQ(executor.executed_macs(), cost(graph).macs);  // the network's own
  std::set<bool> ran;
  executor.set_hook([&](NetworkGraph::Vertex v, const at::Tensor&) { ran.insert(graph[v].training_only); });
  EXPECT_TRUE(same_bits(executor.run(graph, images, Pass::kTrain), seen[0]));
  EXPECT_EQ(ran, std::set<bool>{false});
}

TEST(Executor, MisuseIsNamed) {
  Threads threads(1);
  const auto space = shared(branch_space());
  const Supernet supernet(space, space->default_input(), Rng(0));
  const at::Tensor images = images_for(supernet.input, 2, 1);
  const NetworkGraph graph = supernet.build(soft(*space)), hard = supernet.build(Architecture{{2, 2}});
  Executor executor(supernet.bank);
  EXPECT_THROWS_WITH(executor.run(hard, images, Pass::kCalibrate), std::logic_error,
                     "need a place for batch-norm statistics");
  EXPECT_THROWS_WITH(executor.run(hard, images, Pass::kEvaluate), std::logic_error,
                     "need a place for batch-norm statistics");
  BatchNormStatistics empty;
  EXPECT_THROWS_WITH(executor.run(hard, images, Pass::kEvaluate, &empty), std::logic_error, "were not calibrated");
  EXPECT_THROWS_WITH(executor.run(graph, images, Pass::kTrain), std::logic_error,
                     "without the weights of its decision");
  EXPECT_THROWS_WITH(executor.run(graph, images, Pass::kTrain, nullptr, {at::ones({4})}), std::logic_error,
                     "without the weights");
  EXPECT_THROWS_WITH(executor.run(graph, images, Pass::kTrain, nullptr, {at::ones({3}), at::ones({4})}),
                     std::logic_error, "wrong shape");
  const auto widths = shared(nested_space());
  const Supernet other(widths, widths->default_input(), Rng(0));
  Executor wide(other.bank);
  EXPECT_THROW(wide.run(other.build(soft(*widths)), images, Pass::kTrain), std::logic_error);
  const WeightBank small =
      other.bank.extract(other.build(Architecture{std::vector<std::uint16_t>(widths->decisions().size(), 0)}));
  Executor without(small);
  EXPECT_THROW(without.run(other.build(random_archs(*widths, 3).back()), images, Pass::kTrain), std::logic_error);
}

}  // namespace
}  // namespace frontier
