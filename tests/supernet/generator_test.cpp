// The generator's loops against the same network written in tensor operations.
#include "supernet/samplers/generator.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <map>
#include <tuple>

#include "search_spaces/registry.h"
#include "supernet/samplers/gumbel.h"
#include "support/small_spaces.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::largest_difference;

/// What the generator computes, in ATen and float64, from leaves of autograd.
struct Reference {
  std::map<std::string, at::Tensor> leaves;
  std::vector<at::Tensor> gates, log_p;
  at::Tensor entropy;
  Architecture arch;

  Reference(const SearchSpace& space, const ArchitectureGenerator& generator) {
    for (const auto& [name, values] : generator.parameters().tensors())
      leaves[name] = values.to(at::kDouble).clone().set_requires_grad(true);
    decisions = space.decisions();
  }
  static std::string head(const Decision& d) {
    return "head.kind" + std::to_string(static_cast<int>(d.kind)) + "of" + std::to_string(d.options.size());
  }
  void draw(const at::Tensor& cost, double temperature, Rng rng) {
    const at::Tensor wanted = (cost * leaves.at("cost.weight")).unsqueeze(0);
    at::Tensor hidden = at::zeros_like(wanted), memory = hidden, x = wanted;
    for (std::size_t d = 0; d < decisions.size(); ++d) {
      const auto place = static_cast<std::int64_t>(d);
      x = x + leaves.at("places").slice(0, place, place + 1);
      std::tie(hidden, memory) =
          at::lstm_cell(x, {hidden, memory}, leaves.at("cell.input.weight"), leaves.at("cell.hidden.weight"),
                        leaves.at("cell.input.bias"), leaves.at("cell.hidden.bias"));
      const std::string name = head(decisions[d]);
      const at::Tensor logits = at::linear(hidden, leaves.at(name + ".weight"), leaves.at(name + ".bias")).squeeze(0);
      log_p.push_back(at::log_softmax(logits, 0));
      gates.push_back(
          straight_through(logits, gumbel_noise(decisions[d].options.size(), rng, at::kDouble), temperature));
      arch.choices.push_back(static_cast<std::uint16_t>(gates.back().argmax(0).item<std::int64_t>()));
      x = wanted + at::matmul(gates.back(), leaves.at(name + ".chosen")).unsqueeze(0);
      const at::Tensor own = -(log_p.back().exp() * log_p.back()).sum();
      entropy = entropy.defined() ? entropy + own : own;
    }
    entropy = entropy / static_cast<double>(decisions.size());
  }
  std::span<const Decision> decisions;
};

/// Heads that say something, so that gradients are not those of a flat distribution.
constexpr GeneratorOptions kLively{.hidden = 16, .head_deviation = 1};

TEST(Generator, EqualsTheSameNetworkInTensorOperations) {
  for (const char* name : {"mobile_cnn", "nas_bench_201", "elastic_vit_28"}) {
    const auto space = make_space(name);
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      SCOPED_TRACE(testing::Message() << name << ", seed " << seed);
      const ArchitectureGenerator generator(space->decisions(), kLively, Rng(seed));
      Reference reference(*space, generator);
      const double wanted = 0.1 + 0.2 * static_cast<double>(seed), temperature = seed % 2 == 0 ? 1 : 0.5;
      const at::Tensor cost = at::full({}, wanted).set_requires_grad(true),
                       exact = at::full({}, wanted, at::kDouble).set_requires_grad(true);
      Rng rng(seed + 10);
      reference.draw(exact, temperature, rng);
      const auto seen = generator.draw(cost, temperature, rng);
      ASSERT_EQ(seen.arch, reference.arch);
      EXPECT_NEAR(seen.entropy.item<double>(), reference.entropy.item<double>(), 1e-5);
      // Any function of gates and entropy.
      at::Tensor loss = 3 * seen.entropy, expected = 3 * reference.entropy;
      for (std::size_t d = 0; d < seen.gates.size(); ++d) {
        EXPECT_TRUE(at::equal(seen.gates[d].to(at::kDouble), reference.gates[d]));
        for (std::size_t o = 0; o < seen.scores[d].size(); ++o)
          EXPECT_NEAR(seen.scores[d][o], reference.log_p[d][static_cast<std::int64_t>(o)].item<double>(), 1e-4);
        const at::Tensor by = testing_support::normal_tensor(seen.gates[d].sizes(), 100 * seed + d);
        loss = loss + (seen.gates[d] * by).sum();
        expected = expected + (reference.gates[d] * by).sum();
      }
      loss.backward();
      expected.backward();
      EXPECT_NEAR(cost.grad().item<double>(), exact.grad().item<double>(),
                  1e-4 * (1 + std::abs(exact.grad().item<double>())));
      for (const auto& [parameter, leaf] : reference.leaves) {
        const double scale = leaf.grad().abs().max().item<double>();
        // The head of a decision with one option has no choice.
        const bool decides = !parameter.ends_with("of1.weight") && !parameter.ends_with("of1.bias");
        EXPECT_EQ(scale > 0, decides) << parameter;
        EXPECT_LE(largest_difference(generator.parameters().gradient(parameter).to(at::kDouble), leaf.grad()),
                  1e-4 * scale)
            << parameter;
      }
    }
  }
}

TEST(Generator, TheScoresOfADrawAreGreatestForWhatWasDrawn) {
  const auto space = make_space("mobile_cnn");
  const ArchitectureGenerator generator(space->decisions(), kLively, Rng(1));
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed), same(seed);
    const auto drawn = generator.drawn(0.5, rng);
    EXPECT_EQ(drawn.arch, generator.draw(at::full({}, 0.5), 1, same).arch);
    EXPECT_TRUE(drawn.gates.empty());
    for (std::size_t d = 0; d < drawn.scores.size(); ++d)
      for (const double score : drawn.scores[d]) EXPECT_LE(score, drawn.scores[d][drawn.arch.choices[d]]);
  }
  const auto likeliest = generator.likeliest(0.5);
  for (std::size_t d = 0; d < likeliest.scores.size(); ++d) {
    double sum = 0;
    for (const double score : likeliest.scores[d]) {
      EXPECT_LE(score, likeliest.scores[d][likeliest.arch.choices[d]]);
      sum += std::exp(score);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

/// Every option of a decision as often as its probability, given what was chosen before.
TEST(Generator, DrawsByItsProbabilities) {
  const SearchSpace space = testing_support::shared_decision_space();
  const ArchitectureGenerator generator(space.decisions(), kLively, Rng(3));
  constexpr int kDraws = 20'000;
  Rng rng(4);
  std::vector<int> counts(space.decisions()[0].options.size(), 0);
  for (int i = 0; i < kDraws; ++i) ++counts[generator.drawn(0.3, rng).arch.choices[0]];
  const auto scores = generator.likeliest(0.3).scores[0];
  double chi_square = 0;
  for (std::size_t o = 0; o < counts.size(); ++o) {
    const double expected = kDraws * std::exp(scores[o]);
    chi_square += (counts[o] - expected) * (counts[o] - expected) / expected;
  }
  EXPECT_LT(chi_square, 13.8) << "2 degrees of freedom, one in a thousand";
}

}  // namespace
}  // namespace frontier
