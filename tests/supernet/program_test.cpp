#include "supernet/program.h"

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
#include "support/runs.h"
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
  const at::Tensor images = images_for(input, 1, 1);
  for (int seed = 0; seed < subnets; ++seed) {
    Rng rng(static_cast<std::uint64_t>(seed));
    const Architecture arch = space->random(rng);
    SCOPED_TRACE(name + " " + space->to_string(arch));
    BatchNormStatistics statistics;
    const NetworkGraph graph = supernet.build(arch);
    const std::int64_t macs = run(graph, supernet.bank, images, calibrating(statistics)).macs;
    EXPECT_EQ(macs, cost(graph).macs);
    EXPECT_EQ(macs, table.macs(arch));
  }
}

TEST(ProgramMacs, OfMobileCnnEqualTheCostPass) {
  Threads threads(1);
  expect_executed_macs_of("mobile_cnn", {1, 28, 28, 10}, 200);
  expect_executed_macs_of("mobile_cnn", {3, 17, 20, 7}, 20);
}
TEST(ProgramMacs, OfMobileCnn32EqualTheCostPass) {
  Threads threads(1);
  expect_executed_macs_of("mobile_cnn_32", {3, 32, 32, 10}, 100);
  expect_executed_macs_of("mobile_cnn_32", {3, 16, 16, 10}, 100);
}
TEST(ProgramMacs, OfMobileCnn224EqualTheCostPass) {
  Threads threads(1);
  expect_executed_macs_of("mobile_cnn_224", {3, 224, 224, 10}, 10);
  expect_executed_macs_of("mobile_cnn_224", {3, 33, 33, 10}, 190);
}
TEST(ProgramMacs, OfNasBenchMacroEqualTheCostPass) {
  Threads threads(1);
  expect_executed_macs_of("nas_bench_macro", {3, 32, 32, 10}, 20);
  expect_executed_macs_of("nas_bench_macro", {3, 8, 8, 10}, 180);
}

TEST(Program, EveryPassRunsTheSameMacs) {
  Threads threads(1);
  for (SearchSpace (*make)() : {all_layers_space, token_space, pyramid_space, cell_space}) {
    const auto space = shared(make());
    const Supernet supernet(space, space->default_input(), Rng(0));
    const CostTable table = space->cost_table(supernet.input);
    const at::Tensor images = images_for(supernet.input, 3, 1);
    for (const auto& arch : all_choices(*space)) {
      SCOPED_TRACE(space->name() + " " + space->to_string(arch));
      const NetworkGraph graph = supernet.build(arch);
      BatchNormStatistics statistics;
      for (const RunSpec& spec : all_runs(statistics))
        EXPECT_EQ(run(graph, supernet.bank, images, spec).macs, cost(graph).macs);
      EXPECT_EQ(table.macs(arch), cost(graph).macs);
      EXPECT_EQ(table.params(arch), cost(graph).params);
      EXPECT_EQ(supernet.bank.extract(graph).num_scalars(), cost(graph).params);
    }
  }
}

void expect_equal_to_reference(const Space& space, const std::vector<Architecture>& archs, std::int64_t batch) {
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const WeightBank& bank = supernet.bank;
  const at::Tensor images = images_for(supernet.input, batch, 4), others = images_for(supernet.input, batch, 5);
  for (const auto& arch : archs) {
    SCOPED_TRACE(space->to_string(arch));
    const NetworkGraph graph = supernet.build(arch);
    const auto parameters = in_double(supernet.bank.extract(graph));
    const at::Tensor expected = flat(reference_values(graph, parameters, images.to(at::kDouble))[graph.output()]);
    EXPECT_LT(largest_difference(logits(graph, bank, images, training()), expected), 1e-4);
    EXPECT_LT(largest_difference(logits(graph, bank, images, {.learn = Learn::kWeights, .twice = true}), expected),
              1e-4);
    BatchNormStatistics statistics;
    EXPECT_LT(largest_difference(logits(graph, bank, images, calibrating(statistics)), expected), 1e-4);
    run(graph, bank, others, calibrating(statistics));
    const auto calibrated = reference_values(graph, parameters, images.to(at::kDouble), &statistics);
    const at::Tensor seen = logits(graph, bank, images, evaluating(statistics));
    EXPECT_LT(largest_difference(seen, flat(calibrated[graph.output()])), 1e-4);
    EXPECT_FALSE(seen.requires_grad());
    const at::Tensor learning =
        logits(graph, bank, images, {.norm = Norm::kStored, .learn = Learn::kWeights, .statistics = &statistics});
    EXPECT_LT(largest_difference(learning, seen), 1e-4);
    EXPECT_TRUE(learning.requires_grad());
    for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
      EXPECT_EQ(statistics.entries().contains(v), graph[v].is("batch_norm") && !graph[v].training_only);
  }
}

std::vector<Architecture> random_archs(const SearchSpace& space, int count) {
  std::vector<Architecture> archs;
  Rng rng(11);
  for (int i = 0; i < count; ++i) archs.push_back(space.random(rng));
  return archs;
}

TEST(Program, EveryLayerKindEqualsTheUnfoldedReference) {
  Threads threads(1);
  const auto space = shared(all_layers_space());
  expect_equal_to_reference(space, all_choices(*space), 6);
}

TEST(Program, TokenLayersEqualTheReferenceWithEveryPairWrittenOut) {
  Threads threads(1);
  for (SearchSpace (*make)() : {token_space, pyramid_space}) {
    const auto space = shared(make());
    expect_equal_to_reference(space, random_archs(*space, 12), 3);
  }
}

TEST(Program, LayersOfCellsEqualTheUnfoldedReference) {
  Threads threads(1);
  const auto space = shared(cell_space());
  expect_equal_to_reference(space, all_choices(*space), 5);
}

TEST(Program, SmallSpacesEqualTheUnfoldedReference) {
  Threads threads(1);
  const auto nested = shared(nested_space()), branches = shared(branch_space());
  expect_equal_to_reference(nested, random_archs(*nested, 40), 5);
  expect_equal_to_reference(branches, all_choices(*branches), 5);
}

TEST(Program, RegisteredSpacesEqualTheUnfoldedReference) {
  Threads threads(1);
  for (const auto& [name, count] : std::map<std::string, int>{{"mobile_cnn", 6}, {"nas_bench_macro", 1}}) {
    const auto space = make_space(name);
    expect_equal_to_reference(space, random_archs(*space, count), 3);
  }
}

void expect_extracted_to_give_the_same(const Space& space, std::uint64_t subnets) {
  const Supernet supernet = lively_supernet(space, space->default_input(), 1);
  double worst = 0, largest = 0;
  for (std::uint64_t seed = 0; seed < subnets; ++seed) {
    Rng rng(seed);
    const Architecture arch = space->random(rng);
    const NetworkGraph graph = supernet.build(arch);
    const WeightBank own = supernet.bank.extract(graph);
    const at::Tensor images = images_for(supernet.input, 4, seed);
    BatchNormStatistics a, b;
    for (std::size_t i = 0; i < all_runs(a).size(); ++i) {
      const at::Tensor x = logits(graph, supernet.bank, images, all_runs(a)[i]);
      const at::Tensor y = logits(graph, own, images, all_runs(b)[i]);
      worst = std::max(worst, largest_difference(x, y));
      largest = std::max(largest, y.abs().max().item<double>());
    }
  }
  EXPECT_LT(worst, 1e-5) << space->name();
  EXPECT_GT(largest, 0.5) << space->name();  // not equal because all is zero
}

TEST(Program, TheSupernetGivesWhatTheExtractedSubnetGives) {
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
  const at::Tensor images = images_for(input, 2, 3);
  double worst = 0, largest = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const Architecture arch = space->random(rng);
    SCOPED_TRACE(space->to_string(arch));
    const NetworkGraph graph = supernet.build(arch);
    const WeightBank own = supernet.bank.extract(graph);
    BatchNormStatistics a, b;
    for (std::size_t i = 1; i < all_runs(a).size(); ++i) {
      const Forward forward = run(graph, supernet.bank, images, all_runs(a)[i]);
      const at::Tensor x = forward.logits(), y = logits(graph, own, images, all_runs(b)[i]);
      ASSERT_EQ(forward.macs, cost(graph).macs);
      ASSERT_EQ(forward.macs, table.macs(arch));
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
      at::cross_entropy_loss(logits(graph, bank, images, training()), labels).backward();
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

TEST(Program, GradientsReachExactlyTheSlicesUsed) {
  Threads threads(1);
  expect_gradients_in_slices_alone(make_space("mobile_cnn"), 25);
  for (SearchSpace (*make)() : {token_space, pyramid_space, cell_space})
    expect_gradients_in_slices_alone(shared(make()), 12);
}

TEST(Program, GradientsEqualTheReferenceInDouble) {
  Threads threads(1);
  for (SearchSpace (*make)() : {all_layers_space, nested_space, branch_space, token_space, pyramid_space, cell_space}) {
    const auto space = shared(make());
    const Supernet supernet = lively_supernet(space, space->default_input(), 3);
    const at::Tensor images = images_for(supernet.input, 6, 1), labels = random_labels(6, supernet.input.classes, 2);
    for (const auto& arch : random_archs(*space, 12)) {
      SCOPED_TRACE(space->name() + " " + space->to_string(arch));
      const NetworkGraph graph = supernet.build(arch);
      supernet.bank.gradients().zero_();
      at::cross_entropy_loss(logits(graph, supernet.bank, images, training()), labels).backward();
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

TEST(Program, BackwardAddsToTheGradientsThatAreThere) {
  Threads threads(1);
  const auto space = shared(nested_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const at::Tensor images = images_for(supernet.input, 3, 1);
  const NetworkGraph graph = supernet.build(random_archs(*space, 1).front());
  const auto loss = [&] { return logits(graph, supernet.bank, images, training()).square().sum(); };
  loss().backward();
  const at::Tensor once = supernet.bank.gradients().clone();
  loss().backward();
  EXPECT_TRUE(same_bits(supernet.bank.gradients(), once * 2));
}

TEST(Program, TwoRunsBeforeOneBackwardKeepBothGradients) {
  Threads threads(1);
  const auto space = shared(nested_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const auto archs = random_archs(*space, 2);
  const NetworkGraph graphs[] = {supernet.build(archs[0]), supernet.build(archs[1])};
  const at::Tensor images = images_for(supernet.input, 3, 1), others = images_for(supernet.input, 3, 2);
  const auto loss = [&](std::size_t i) {
    return logits(graphs[i], supernet.bank, i == 0 ? images : others, training()).square().sum();
  };
  for (std::size_t i = 0; i < 2; ++i) loss(i).backward();
  const at::Tensor one_by_one = supernet.bank.gradients().clone();
  supernet.bank.gradients().zero_();
  const at::Tensor first = loss(0), second = loss(1);
  (first + second).backward();
  EXPECT_GT(one_by_one.abs().max().item<double>(), 0);
  EXPECT_LT(largest_difference(supernet.bank.gradients(), one_by_one), 1e-5 * one_by_one.abs().max().item<double>());
  // One program run twice, too.
  supernet.bank.gradients().zero_();
  const Program program(graphs[0], supernet.bank, training());
  const at::Tensor both = program(images).logits().square().sum() + program(images).logits().square().sum();
  both.backward();
  const at::Tensor twice = supernet.bank.gradients().clone();
  supernet.bank.gradients().zero_();
  loss(0).backward();
  EXPECT_LT(largest_difference(twice, supernet.bank.gradients() * 2), 1e-5 * twice.abs().max().item<double>());
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
  const auto expected = reference_values(graph, in_double(supernet.bank.extract(graph)), images.to(at::kDouble));
  // Every vertex on its own, then every neighbouring pair: what one run fuses, another must give unfused.
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    for (const std::vector<NetworkGraph::Vertex>& outputs :
         {std::vector<NetworkGraph::Vertex>{v}, {graph.output(), v}, {v, v == 0 ? v : v - 1, v}}) {
      BatchNormStatistics statistics;
      run(graph, supernet.bank, images, calibrating(statistics));
      BatchNormStatistics fresh;
      for (const RunSpec& spec : {training(), calibrating(fresh), evaluating(statistics)}) {
        const auto seen = testing_support::outputs(graph, supernet.bank, outputs, images, spec);
        ASSERT_EQ(seen.size(), outputs.size());
        for (std::size_t i = 0; i < outputs.size(); ++i)
          EXPECT_LT(largest_difference(seen[i], expected[outputs[i]].reshape(seen[i].sizes())), 1e-4)
              << "vertex " << outputs[i] << " with " << v << " with norm " << static_cast<int>(spec.norm);
      }
    }
  }
}

TEST(Program, EveryVertexMayBeAnOutput) {
  Threads threads(1);
  const auto layers = shared(all_layers_space()), tokens = shared(token_space()), pyramid = shared(pyramid_space());
  expect_every_vertex_equal_to_reference(layers, layers->parse("12,5,7,se"));
  expect_every_vertex_equal_to_reference(tokens, random_archs(*tokens, 1).front());
  expect_every_vertex_equal_to_reference(pyramid, random_archs(*pyramid, 1).front());
}

TEST(Program, RunsOnlyWhatTheOutputsNeed) {
  Threads threads(1);
  const auto space = shared(all_layers_space());
  const Supernet supernet(space, space->default_input(), Rng(3));
  const NetworkGraph graph = supernet.build(space->parse("12,5,7,se"));
  const at::Tensor images = images_for(supernet.input, 3, 1);
  const NetworkGraph::Vertex stem = 1;
  const Program program(graph, supernet.bank, training(), std::span(&stem, 1));
  EXPECT_EQ(program.num_steps(), 2U);
  EXPECT_EQ(program(images).macs, 5 * 5 * 3 * 12 * 13 * 10);
}

/// Sees every layer of one parity, and changes the output of one.
class ParityTap : public Tap {
 public:
  ParityTap(NetworkGraph::Vertex parity, NetworkGraph::Vertex doubled) : parity_(parity), doubled_(doubled) {}
  bool wants(NetworkGraph::Vertex v) const override { return v % 2 == parity_; }
  void before(NetworkGraph::Vertex v, std::span<const at::Tensor> inputs) override {
    EXPECT_EQ(outputs.contains(v), false);
    for (const at::Tensor& input : inputs) EXPECT_TRUE(input.defined()) << v;
    ++num_before;
  }
  at::Tensor after(NetworkGraph::Vertex v, const at::Tensor& output) override {
    EXPECT_TRUE(outputs.emplace(v, output).second) << v;
    return v == doubled_ ? output * 2 : output;
  }
  std::map<NetworkGraph::Vertex, at::Tensor> outputs;
  std::size_t num_before = 0;

 private:
  NetworkGraph::Vertex parity_, doubled_;
};

TEST(Program, TheTapSeesEveryLayerItWantsUnfusedAndMayReplaceOutputs) {
  Threads threads(1);
  const auto space = shared(all_layers_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const NetworkGraph graph = supernet.build(space->parse("8,3,5,hswish"));
  const at::Tensor images = images_for(supernet.input, 3, 1);
  const auto expected = reference_values(graph, in_double(supernet.bank.extract(graph)), images.to(at::kDouble));
  BatchNormStatistics statistics;
  for (NetworkGraph::Vertex parity : {0U, 1U}) {
    for (RunSpec spec : all_runs(statistics)) {
      SCOPED_TRACE(static_cast<int>(spec.norm));
      ParityTap tap(parity, graph.size());
      spec.tap = &tap;
      const at::Tensor seen = logits(graph, supernet.bank, images, spec);
      EXPECT_LT(largest_difference(seen, flat(expected[graph.output()])), 1e-4);
      for (NetworkGraph::Vertex v = parity; v < graph.size(); v += 2) {
        ASSERT_TRUE(tap.outputs.contains(v)) << v;
        const at::Tensor& output = tap.outputs.at(v);
        EXPECT_LT(largest_difference(output, expected[v].reshape(output.sizes())), 1e-4)
            << v << " " << graph[v].kind->name;
      }
      EXPECT_EQ(tap.num_before, tap.outputs.size());
    }
  }
  ParityTap doubles(graph.output() % 2, graph.output());
  RunSpec spec = training();
  spec.tap = &doubles;
  EXPECT_LT(largest_difference(logits(graph, supernet.bank, images, spec), flat(expected[graph.output()]) * 2), 1e-4);
}

TEST(Program, AViewGivesTheWeightsThatAreUsedAndGradientsPassThroughIt) {
  Threads threads(1);
  const auto space = shared(all_layers_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const NetworkGraph graph = supernet.build(space->parse("8,3,5,hswish"));
  const at::Tensor images = images_for(supernet.input, 3, 1), labels = random_labels(3, supernet.input.classes, 2);
  const WeightView halves = [](const Layer& layer, const ParameterSpec& spec, const at::Tensor& slice) {
    return layer.is("conv") && spec.name == "weight" ? slice * 0.5 : slice;
  };
  RunSpec spec = training();
  spec.view = &halves;
  const at::Tensor viewed = logits(graph, supernet.bank, images, spec);
  supernet.bank.gradients().zero_();
  at::cross_entropy_loss(viewed, labels).backward();
  const at::Tensor through_view = supernet.bank.gradients().clone();
  std::set<std::string> halved;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (graph[v].is("conv")) halved.insert(graph[v].name + ".weight");
  for (const auto& p : supernet.bank.parameters())
    if (halved.contains(p.name)) supernet.bank.parameter(p).mul_(0.5);
  EXPECT_TRUE(same_bits(logits(graph, supernet.bank, images, training()), viewed));
  supernet.bank.gradients().zero_();
  at::cross_entropy_loss(logits(graph, supernet.bank, images, training()), labels).backward();
  for (const auto& p : supernet.bank.parameters())
    if (halved.contains(p.name)) supernet.bank.gradient(p).mul_(0.5);
  EXPECT_LT(largest_difference(supernet.bank.gradients(), through_view), 1e-6);
}

TEST(Program, IdentityNormsPassTheirInputOn) {
  Threads threads(1);
  const auto space = shared(branch_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const NetworkGraph graph = supernet.build(Architecture{{2, 1}});
  const at::Tensor images = images_for(supernet.input, 3, 1);
  std::vector<NetworkGraph::Vertex> norms;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (graph[v].is("batch_norm")) norms.insert(norms.end(), {graph.inputs(v).front(), v});
  ASSERT_FALSE(norms.empty());
  const auto values = testing_support::outputs(graph, supernet.bank, norms, images, {.norm = Norm::kIdentity});
  for (std::size_t i = 0; i < values.size(); i += 2) EXPECT_TRUE(same_bits(values[i], values[i + 1]));
}

TEST(Program, RefusesANetworkThatRunsOtherMacsThanItHas) {
  Threads threads(1);
  const InputShape input{3, 6, 6, 2};
  Builder b(input);
  const Signal x = b.conv("a", b.input(), {.out = 4, .kernel = 3});
  const NetworkGraph graph = b.finish(b.linear("classifier", b.global_pool(x), 2));
  const WeightBank bank(graph, Rng(1));
  const Program program(graph, bank, {});
  EXPECT_EQ(program(images_for(input, 2, 1)).macs, cost(graph).macs);
  EXPECT_THROWS_WITH(program(images_for({3, 5, 6, 2}, 2, 1)), std::logic_error,
                     "multiply-accumulates an image ran, the network has");
}

Selection soft(const SearchSpace& space) { return Selection::everything(space.decisions()); }

TEST(SoftNetwork, TheOutputIsLinearInTheGatesOfTheLastMix) {
  Threads threads(1);
  const auto space = shared(branch_space());
  Supernet supernet = lively_supernet(space, space->default_input(), 3);
  supernet.bank.slice("classifier.bias", {4}).zero_();
  const at::Tensor images = images_for(supernet.input, 4, 1), first = at::softmax(normal_tensor({4}, 9), 0);
  const NetworkGraph graph = supernet.build(soft(*space));
  const auto run = [&](const at::Tensor& w) {
    const Gates gates(space->decisions(), {first, w});
    return logits(graph, supernet.bank, images, training(&gates));
  };
  const at::Tensor a = normal_tensor({4}, 5), b = normal_tensor({4}, 6);
  EXPECT_LT(largest_difference(run(a * 0.3 + b * 2), run(a) * 0.3 + run(b) * 2), 1e-5);
  EXPECT_LT(run(at::zeros({4})).abs().max().item<double>(), 1e-12);
}

TEST(SoftNetwork, EqualsTheReferenceAndItsGateGradientsMatchFiniteDifferences) {
  Threads threads(1);
  const auto space = shared(branch_space());
  const Supernet supernet = lively_supernet(space, space->default_input(), 3);
  const at::Tensor images = images_for(supernet.input, 4, 1), labels = random_labels(4, 4, 2);
  const NetworkGraph graph = supernet.build(soft(*space));
  std::vector<at::Tensor> weights = {at::softmax(normal_tensor({4}, 5), 0), at::softmax(normal_tensor({4}, 6), 0)};
  const auto parameters = in_double(supernet.bank);
  const auto loss_at = [&](const std::vector<at::Tensor>& w) {
    const auto values = reference_values(graph, parameters, images.to(at::kDouble), nullptr, w);
    return at::cross_entropy_loss(flat(values[graph.output()]), labels).item<double>();
  };
  for (auto& w : weights) w.set_requires_grad(true);
  const Gates gates(space->decisions(), weights);
  const at::Tensor loss = at::cross_entropy_loss(logits(graph, supernet.bank, images, learning_gates(gates)), labels);
  EXPECT_NEAR(loss.item<double>(), loss_at(weights), 1e-5);
  const auto gradients = torch::autograd::grad({loss}, weights);
  EXPECT_EQ(supernet.bank.gradients().count_nonzero().item<std::int64_t>(), 0);
  for (std::size_t d = 0; d < 2; ++d) {
    for (std::int64_t i = 0; i < 4; ++i) {
      constexpr double kStep = 1e-5;
      const auto moved = [&](double by) {
        std::vector<at::Tensor> w;
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
  mix.kind = &layer_kind("mix");
  mix.indicators = {Dim(0, {0, 1, 0, 1}), Dim(0, {0, 0, 1, 0}), Dim(0, {0, 0, 1, 0}), Dim(0, {0, 0, 0, 1})};
  mix.output = parts.front().shape;
  std::vector<NetworkGraph::Vertex> inputs;
  for (const auto& part : parts) inputs.push_back(part.vertex);
  NetworkGraph graph = b.finish(parts.back());  // zeros become a layer where something reads them
  inputs.back() = graph.output();
  graph.set_output(graph.add(std::move(mix), inputs));
  return graph;
}

TEST(SoftNetwork, AMixOfSubsetsSumsTheInputsOfItsOptions) {
  Threads threads(1);
  const InputShape input{3, 5, 6, 2};
  const NetworkGraph graph = graph_of_subsets(input);
  const WeightBank bank(graph, Rng(1));
  const std::vector<Decision> decisions = {{"subset", {"none", "a", "b+c", "a+zero"}}};
  const at::Tensor images = images_for(input, 2, 1), w = normal_tensor({4}, 2).set_requires_grad(true);
  const auto reference = [&](const at::Tensor& weights) {
    return reference_values(graph, in_double(bank), images.to(at::kDouble), nullptr, {weights})[graph.output()];
  };
  const Gates gates(decisions, {w});
  const at::Tensor y = logits(graph, bank, images, learning_gates(gates));
  EXPECT_LT(largest_difference(y, reference(w)), 1e-5);
  const at::Tensor dy = normal_images(y.sizes(), 3), exact = w.detach().to(at::kDouble).set_requires_grad(true);
  const at::Tensor seen = torch::autograd::grad({y}, {w}, {dy}).front();
  EXPECT_LT(largest_difference(seen, torch::autograd::grad({reference(exact)}, {exact}, {dy.to(at::kDouble)}).front()),
            1e-4);
  EXPECT_EQ(seen[0].item<float>(), 0);
  const Gates none(decisions, {at::tensor({1.0F, 0.0F, 0.0F, 0.0F})});
  EXPECT_EQ(logits(graph, bank, images, learning_gates(none)).abs().max().item<float>(), 0);
}

TEST(Program, AuxiliaryOutputsRunOnlyWhereAskedFor) {
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
  const std::vector<NetworkGraph::Vertex> both = {graph.output(), graph.auxiliaries().front().vertex};
  const Forward forward = Program(graph, supernet.bank, training(), both)(images);
  const auto& seen = forward.outputs;
  for (std::size_t i = 0; i < 2; ++i) EXPECT_LT(largest_difference(seen[i], flat(expected[both[i]])), 1e-4);
  EXPECT_EQ(forward.macs, cost(graph).macs);  // the network's own
  const Program alone(graph, supernet.bank, training()), together(graph, supernet.bank, training(), both);
  EXPECT_TRUE(same_bits(alone(images).logits(), seen[0]));
  EXPECT_LT(alone.num_steps(), together.num_steps());
}

TEST(Program, MisuseIsNamed) {
  Threads threads(1);
  const auto space = shared(branch_space());
  const Supernet supernet(space, space->default_input(), Rng(0));
  const at::Tensor images = images_for(supernet.input, 2, 1);
  const NetworkGraph graph = supernet.build(soft(*space)), hard = supernet.build(Architecture{{2, 2}});
  const auto logits_of = [&](const NetworkGraph& g, const RunSpec& spec) {
    return logits(g, supernet.bank, images, spec);
  };
  EXPECT_THROWS_WITH(logits_of(hard, {.norm = Norm::kCollect}), std::logic_error,
                     "need a place for batch-norm statistics");
  EXPECT_THROWS_WITH(logits_of(hard, {.norm = Norm::kStored}), std::logic_error,
                     "need a place for batch-norm statistics");
  BatchNormStatistics empty;
  EXPECT_THROWS_WITH(logits_of(hard, evaluating(empty)), std::logic_error, "were not calibrated");
  EXPECT_THROWS_WITH(logits_of(graph, training()), std::logic_error, "ran without gates");
  EXPECT_THROWS_WITH(Gates(space->decisions(), {at::ones({4})}), std::logic_error, "");
  EXPECT_THROWS_WITH(Gates(space->decisions(), {at::ones({3}), at::ones({4})}), std::logic_error, "");
  const auto widths = shared(nested_space());
  const Supernet other(widths, widths->default_input(), Rng(0));
  EXPECT_THROW(logits(other.build(soft(*widths)), other.bank, images, training()), std::logic_error);
  const WeightBank small =
      other.bank.extract(other.build(Architecture{std::vector<std::uint16_t>(widths->decisions().size(), 0)}));
  EXPECT_THROW(logits(other.build(random_archs(*widths, 3).back()), small, images, training()), std::logic_error);
}

TEST(PixelShuffle, MovesChannelsToPixels) {
  Threads threads(1);
  const InputShape input{12, 3, 2, 2};
  Builder b(input);
  const NetworkGraph graph = b.finish(b.pixel_shuffle(b.input(), 2));
  EXPECT_EQ(cost(graph).macs, 0);
  const WeightBank bank(graph, Rng(1));
  const at::Tensor x = images_for(input, 2, 1), y = logits(graph, bank, x, training());
  ASSERT_EQ(y.sizes(), (std::vector<std::int64_t>{2, 3, 6, 4}));
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t h = 0; h < 6; ++h)
      for (std::int64_t w = 0; w < 4; ++w)
        EXPECT_TRUE(at::equal(y.select(1, c).select(1, h).select(1, w),
                              x.select(1, 4 * c + 2 * (h % 2) + w % 2).select(1, h / 2).select(1, w / 2)));
  Builder other(InputShape{6, 3, 2, 2});
  EXPECT_THROWS_WITH(other.pixel_shuffle(other.input(), 2), std::logic_error,
                     "the square of the factor does not divide the channels");
  EXPECT_THROWS_WITH(other.pixel_shuffle(other.input(), 0), std::logic_error, "the factor is below 1");
}

TEST(ResizeBilinear, IsExactOnPlanes) {
  Threads threads(1);
  const InputShape input{1, 4, 5, 2};
  Builder b(input);
  const NetworkGraph graph = b.finish(b.resize_bilinear(b.input(), 8, 10));
  const WeightBank bank(graph, Rng(1));
  const auto plane = [](std::int64_t height, std::int64_t width, double step) {
    const at::Tensor h = (at::arange(height, at::kFloat) + 0.5) * step,
                     w = (at::arange(width, at::kFloat) + 0.5) * step;
    return (h.unsqueeze(1) * 2 + w.unsqueeze(0) * 3).reshape({1, 1, height, width});
  };
  const at::Tensor y = logits(graph, bank, plane(4, 5, 1), training()), expected = plane(8, 10, 0.5);
  ASSERT_EQ(y.sizes(), expected.sizes());
  // Between the outermost pixel centres; beyond them edges are repeated.
  EXPECT_LT(largest_difference(y.slice(2, 1, 7).slice(3, 1, 9), expected.slice(2, 1, 7).slice(3, 1, 9)), 1e-5);
}

}  // namespace
}  // namespace frontier
