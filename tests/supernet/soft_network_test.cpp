#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>

#include "search_spaces/registry.h"
#include "supernet/program.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/runs.h"
#include "support/small_spaces.h"
#include "support/tensors.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Vertex = NetworkGraph::Vertex;

/// Decisions that stay hard, by the end of their names, and all others with everything selected.
Selection everything_but(const SearchSpace& space, const Architecture& arch, const std::vector<std::string>& hard) {
  const Selection everything = Selection::everything(space.decisions());
  std::vector<SelectedOptions> all(everything.decisions().begin(), everything.decisions().end());
  for (std::size_t d = 0; d < all.size(); ++d)
    for (const auto& name : hard)
      if (space.decisions()[d].name.ends_with(name)) all[d].options = {arch.choices[d]};
  return Selection(std::move(all));
}

Gates one_hot(const SearchSpace& space, const Architecture& arch, at::ScalarType type, const Selection& selection) {
  const Gates all = Gates::one_hot(space.decisions(), arch, type);
  std::vector<at::Tensor> gates;
  for (std::size_t d = 0; d < arch.choices.size(); ++d) gates.push_back(all[d]);
  return Gates(space.decisions(), std::move(gates), selection);
}

/// Weights as if they were trained: no norm at one, no bias at zero, logits of order one.
WeightBank lively_bank(const SearchSpace& space, const InputShape& input, at::ScalarType type) {
  WeightBank bank(space.build_everything(input), Rng(1), {.type = type});
  std::uint64_t seed = 1;
  for (const auto& p : bank.parameters()) {
    at::Tensor w = bank.parameter(p);
    if (p.shape.size() == 1) w.add_(normal_tensor(p.shape, ++seed, 0, 0.3));
    if (p.shape.size() == 2 || p.shape.size() == 3) w.mul_(10);
  }
  return bank;
}

std::int64_t num_layers(const NetworkGraph& graph, std::string_view kind) {
  std::int64_t count = 0;
  for (Vertex v = 0; v < graph.size(); ++v) count += graph[v].is(kind);
  return count;
}

/// A space's soft networks against its hard ones, over one bank.
class Comparison {
 public:
  Comparison(const SearchSpace& space, const InputShape& input, std::int64_t batch, at::ScalarType type)
      : space_(space),
        input_(input),
        bank_(lively_bank(space, input, type)),
        images_(normal_images({batch, input.channels, input.height, input.width}, 3).to(type)),
        labels_(random_labels(batch, input.classes, 4)) {}

  /// Largest differences, as parts of the largest value.
  struct Differences {
    double outputs = 0, gradients = 0;
  };
  /// Of outputs and of the gradients of all weights. Those outside the hard network's slices must be exactly 0.
  Differences compare(const Architecture& arch, const Selection& selection) {
    const NetworkGraph hard = space_.build(arch, input_);
    EXPECT_EQ(num_layers(hard, "mask"), 0);
    const NetworkGraph soft = space_.build(selection, input_);
    const at::Tensor expected = run_and_learn(hard, nullptr), gradients = bank_.gradients().clone();
    const Gates gates = one_hot(space_, arch, bank_.gradients().scalar_type(), selection);
    const at::Tensor seen = run_and_learn(soft, &gates);
    largest_ = std::max(largest_, largest(expected));
    const Differences result{largest_difference(seen, expected) / largest(expected),
                             largest_difference(bank_.gradients(), gradients) / largest(gradients)};
    for (Vertex v = 0; v < hard.size(); ++v)
      for (const ParameterSpec& spec : parameters_of(hard, v)) {
        std::vector<std::int64_t> shape;
        for (const Dim& dim : spec.shape) shape.push_back(dim.value());
        bank_.gradient_slice(hard[v].name + "." + spec.name, shape).zero_();
      }
    EXPECT_EQ(bank_.gradients().count_nonzero().item<std::int64_t>(), 0) << "outside the slices of the hard network";
    return result;
  }

  void expect_equal(const Architecture& arch, const Selection& selection, double tolerance) {
    const Differences seen = compare(arch, selection);
    EXPECT_LT(seen.outputs, tolerance);
    EXPECT_LT(seen.gradients, tolerance);
  }

  std::int64_t num_weights() const { return bank_.num_scalars(); }
  /// Of all outputs seen.
  double largest_output() const { return largest_; }

 private:
  static double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

  at::Tensor run_and_learn(const NetworkGraph& graph, const Gates* gates) {
    bank_.gradients().zero_();
    const at::Tensor y = logits(graph, bank_, images_, training(gates));
    at::cross_entropy_loss(y, labels_).backward();
    return y.detach();
  }

  const SearchSpace& space_;
  InputShape input_;
  WeightBank bank_;
  at::Tensor images_, labels_;
  double largest_ = 0;
};

/// What cannot be soft, and in which words a network with everything selected is refused.
struct Refusal {
  std::vector<std::string> hard;  ///< decisions that must be
  std::string message;
};

const std::map<std::string, Refusal>& refusals() {
  const Refusal resolution{{"resolution"}, "resize '': its height depends on decision 'resolution'"};
  const Refusal vit{{"resolution", "v_scale"}, resolution.message};
  static const std::map<std::string, Refusal> kRefusals = {{"ofa_mobilenetv3", resolution},
                                                           {"ofa_mobilenetv3_w1.2", resolution},
                                                           {"elastic_vit", vit},
                                                           {"elastic_vit_28", vit}};
  return kRefusals;
}

/// Sides at which a space's layers still have something to do, and no more: the comparison is of numbers, not of sizes.
InputShape small_input(const SearchSpace& space) {
  InputShape input = space.default_input();
  input.height = input.width = input.height > 32 ? 32 : input.height == 32 ? 8 : 12;
  input.classes = 10;
  return input;
}

class SoftSpace : public testing::TestWithParam<std::string> {};

TEST_P(SoftSpace, UnderOneHotGatesIsTheHardNetwork) {
  Threads threads(1);
  const auto space = make_space(GetParam());
  const InputShape input = small_input(*space);
  const Selection everything = Selection::everything(space->decisions());
  if (space->listed()) {
    EXPECT_THROWS_WITH(space->build(everything, input), std::logic_error, "has no soft networks");
    return;
  }
  std::vector<std::string> hard;
  if (const auto refusal = refusals().find(GetParam()); refusal != refusals().end()) {
    EXPECT_THROWS_WITH(space->build(everything, input), std::logic_error, refusal->second.message);
    hard = refusal->second.hard;
  }
  // At a side of 1 batch norm needs some images, or its gradients are those of rounding; sides of their own are
  // greater.
  Comparison comparison(*space, input, hard.empty() ? 4 : 2, at::kDouble);
  // Seconds a subnet: those with sides of their own, of 128 pixels at least, and those of many weights or layers.
  // FRONTIER_THOROUGH=1 takes 50 of these, too.
  const bool large = (space->default_input().height > 32 && (!hard.empty() || comparison.num_weights() > 10'000'000)) ||
                     space->build_everything(input).size() > 2000;
  const bool with_options = space->name().ends_with(')');  // the layers are those of others, in another order
  const bool thorough = std::getenv("FRONTIER_THOROUGH") != nullptr;
  for (std::uint64_t seed = 0; seed < (thorough ? 50U : large ? 2U : with_options ? 10U : 50U); ++seed) {
    Rng rng(seed);
    Architecture arch = space->random(rng);
    for (std::size_t d = 0; d < arch.choices.size(); ++d)  // sides of their own: the smallest
      if (space->decisions()[d].name == "resolution") arch.choices[d] = 0;
    SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << space->to_string(arch));
    comparison.expect_equal(arch, everything_but(*space, arch, hard), 1e-5);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(comparison.largest_output(), 0.1);
}

std::vector<std::string> names_of_spaces() {
  std::vector<std::string> names;
  for (const auto& info : known_spaces()) names.push_back(info.name);
  names.insert(names.end(), {"darts(cells=3,channels=8,search=true)", "darts(cells=3,channels=8,partial=2,search=true)",
                             "resnet_shape_20(norms=per_width)"});
  return names;
}
INSTANTIATE_TEST_SUITE_P(Registered, SoftSpace, testing::ValuesIn(names_of_spaces()), [](const auto& space) {
  std::string name = space.param;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
});

/// The same through our own kernels.
TEST(SoftNetwork, IsTheHardNetworkInSinglePrecision) {
  Threads threads(1);
  for (SearchSpace (*make)() : {nested_space, shared_decision_space, branch_space, token_space}) {
    const SearchSpace space = make();
    Comparison comparison(space, space.default_input(), 4, at::kFloat);
    const Selection everything = Selection::everything(space.decisions());
    for (const auto& arch : all_choices(space)) {
      SCOPED_TRACE(space.name() + " " + space.to_string(arch));
      comparison.expect_equal(arch, everything, 1e-4);
    }
  }
  // Among the activations of a larger network rounding may move one over the corner of its ReLU6, which changes all
  // gradients before it: seen of 2 subnets in 20. In double precision none is.
  const auto space = make_space("mobile_cnn");
  const Selection everything = Selection::everything(space->decisions());
  Comparison single(*space, space->default_input(), 4, at::kFloat),
      exact(*space, space->default_input(), 4, at::kDouble);
  int over_a_corner = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Architecture arch = space->random(rng);
    exact.expect_equal(arch, everything, 1e-10);
    const auto seen = single.compare(arch, everything);
    EXPECT_LT(seen.outputs, 1e-4);
    over_a_corner += seen.gradients >= 1e-4;
  }
  EXPECT_LE(over_a_corner, 1);
}

TEST(SoftNetwork, OfSomeOptionsIsTheHardNetworkOfEachOfThem) {
  Threads threads(1);
  const auto space = make_space("mobile_cnn");
  const InputShape input = small_input(*space);
  Comparison comparison(*space, input, 2, at::kDouble);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Architecture a = space->random(rng), b = space->random(rng);
    std::vector<SelectedOptions> options;
    for (std::size_t d = 0; d < a.choices.size(); ++d) {
      options.push_back({{a.choices[d]}, usual_combine(space->decisions()[d].kind)});
      if (a.choices[d] != b.choices[d]) options.back().options.push_back(b.choices[d]);
      std::sort(options.back().options.begin(), options.back().options.end());
    }
    for (const Architecture& arch : {a, b}) comparison.expect_equal(arch, Selection(options), 1e-5);
  }
}

TEST(SoftNetwork, GradientsOfTheGatesEqualFiniteDifferences) {
  Threads threads(1);
  for (SearchSpace (*make)() : {nested_space, token_space}) {
    const SearchSpace space = make();
    const InputShape input = space.default_input();
    const WeightBank bank = lively_bank(space, input, at::kDouble);
    const NetworkGraph graph = space.build(Selection::everything(space.decisions()), input);
    const at::Tensor images = normal_images({3, input.channels, input.height, input.width}, 1).to(at::kDouble);
    const at::Tensor labels = random_labels(3, input.classes, 2);
    std::vector<at::Tensor> values;
    for (const auto& decision : space.decisions())
      values.push_back(at::softmax(
          normal_tensor({static_cast<std::int64_t>(decision.options.size())}, values.size()).to(at::kDouble), 0));
    const auto loss_at = [&](const std::vector<at::Tensor>& at) {
      const Gates gates(space.decisions(), at);
      return at::cross_entropy_loss(logits(graph, bank, images, learning_gates(gates)), labels);
    };
    std::vector<at::Tensor> leaves;
    for (const auto& value : values) leaves.push_back(value.clone().set_requires_grad(true));
    const auto gradients = torch::autograd::grad({loss_at(leaves)}, leaves);
    EXPECT_EQ(bank.gradients().count_nonzero().item<std::int64_t>(), 0);
    double largest = 0;
    for (std::size_t d = 0; d < values.size(); ++d) {
      for (std::int64_t i = 0; i < values[d].size(0); ++i) {
        constexpr double kStep = 1e-6;
        const auto moved = [&](double by) {
          std::vector<at::Tensor> at;
          for (const auto& value : values) at.push_back(value.clone());
          at[d][i] += by;
          return loss_at(at).item<double>();
        };
        const double gradient = gradients[d][i].item<double>();
        EXPECT_NEAR(gradient, (moved(kStep) - moved(-kStep)) / (2 * kStep), 1e-6)
            << space.name() << " " << space.decisions()[d].name << " " << i;
        largest = std::max(largest, std::abs(gradient));
      }
    }
    EXPECT_GT(largest, 1e-3);
  }
}

TEST(SoftNetwork, CollectsAndStoresStatisticsAsTheHardNetworkDoes) {
  Threads threads(1);
  const SearchSpace space = nested_space();
  const InputShape input = space.default_input();
  const WeightBank bank = lively_bank(space, input, at::kFloat);
  const NetworkGraph soft = space.build(Selection::everything(space.decisions()), input);
  const at::Tensor images = normal_images({4, 3, 8, 8}, 1), others = normal_images({4, 3, 8, 8}, 2);
  for (const auto& arch : all_choices(space)) {
    SCOPED_TRACE(space.to_string(arch));
    const NetworkGraph hard = space.build(arch, input);
    const Gates gates = Gates::one_hot(space.decisions(), arch);
    BatchNormStatistics of_soft, of_hard;
    run(hard, bank, images, calibrating(of_hard));
    run(soft, bank, images, calibrating(of_soft, &gates));
    const at::Tensor expected = logits(hard, bank, others, evaluating(of_hard));
    const at::Tensor seen = logits(soft, bank, others, evaluating(of_soft, &gates));
    EXPECT_LT(largest_difference(seen, expected), 1e-4 * (1 + expected.abs().max().item<double>()));
  }
}

TEST(SoftNetwork, OfOpenNumbersNeedsGates) {
  Threads threads(1);
  const SearchSpace space = nested_space();
  const WeightBank bank(space.build_everything(space.default_input()), Rng(1));
  const NetworkGraph graph = space.build(Selection::everything(space.decisions()), space.default_input());
  EXPECT_THROW(logits(graph, bank, normal_images({1, 3, 8, 8}, 1), training()), std::logic_error);
}

}  // namespace
}  // namespace frontier
