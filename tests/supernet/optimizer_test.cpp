#include "supernet/optimizer.h"

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <cmath>
#include <memory>

#include "common/errors.h"
#include "common/options.h"
#include "support/messages.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::largest_difference;
using testing_support::normal_tensor;
using testing_support::same_bits;

constexpr std::int64_t kSize = 37, kDecayed = 20, kSteps = 30;

double rate(std::int64_t step) { return 0.05 / (1 + 0.1 * static_cast<double>(step)); }

OptimizerOptions sgd(double momentum, bool nesterov, double decay) {
  return {.name = "sgd", .momentum = momentum, .nesterov = nesterov, .weight_decay = decay};
}
OptimizerOptions adam(const std::string& name, double decay) {
  OptimizerOptions o;
  o.name = name;
  o.weight_decay = decay;
  return o;
}
OptimizerOptions adamw(double decay) { return adam("adamw", decay); }

at::Tensor gradient_of(std::int64_t step) { return normal_tensor({kSize}, static_cast<std::uint64_t>(100 + step)); }

at::Tensor run(const OptimizerOptions& options, std::optional<Optimizer::Path> path = std::nullopt) {
  at::Tensor w = normal_tensor({kSize}, 1);
  Optimizer optimizer(options, w, kDecayed, path);
  for (std::int64_t s = 0; s < kSteps; ++s) optimizer.step(w, gradient_of(s), rate(s));
  return w;
}

/// The update as it stands in the papers, a scalar at a time in double.
struct Textbook {
  OptimizerOptions o;
  double decay = 0;  ///< of this scalar
  double v = 0, m = 0, u = 0, steps = 0;

  double step(double w, double g, double lr) {
    ++steps;
    if (o.name == "sgd") {
      g += decay * w;
      v = o.momentum * v + g;
      return w - lr * (o.nesterov ? g + o.momentum * v : v);
    }
    if (o.name == "adam") g += decay * w;
    m = o.beta1 * m + (1 - o.beta1) * g;
    u = o.beta2 * u + (1 - o.beta2) * g * g;
    const double corrected = m / (1 - std::pow(o.beta1, steps)), scale = u / (1 - std::pow(o.beta2, steps));
    return w - (o.name == "adamw" ? lr * decay * w : 0) - lr * corrected / (std::sqrt(scale) + o.epsilon);
  }
};

at::Tensor textbook(const OptimizerOptions& o) {
  at::Tensor result = normal_tensor({kSize}, 1);
  for (std::int64_t i = 0; i < kSize; ++i) {
    Textbook rule{o, i < kDecayed ? o.weight_decay : 0};
    double w = result[i].item<double>();
    for (std::int64_t s = 0; s < kSteps; ++s) w = rule.step(w, gradient_of(s)[i].item<double>(), rate(s));
    result[i] = w;
  }
  return result;
}

/// A store of two groups, of which the second is looked at: weights with and without decay, sliced and not.
ParameterStore two_groups(std::uint64_t seed, at::ScalarType type) {
  std::vector<Parameter> parameters = {{.name = "other", .shape = {3, 2}},
                                       {.name = "bias", .shape = {7}, .group = "trained"},
                                       {.name = "weight", .shape = {6, 5}, .decays = true, .group = "trained"}};
  for (auto& p : parameters) p.initializer = {"normal"};
  return ParameterStore(std::move(parameters), Rng(seed), type);
}

struct Draw {
  OptimizerOptions options;
  bool scaled = false, averaged = false;
};

Draw random_draw(Rng& rng) {
  Draw d;
  d.options.name = std::vector<std::string>{"sgd", "adam", "adamw"}[rng.below(3)];
  if (d.options.name == "sgd") {
    d.options.momentum = rng.below(4) == 0 ? 0 : rng.uniform();
    d.options.nesterov = rng.below(2) == 0;
  } else {
    d.options.beta1 = 0.95 * rng.uniform();
    d.options.beta2 = 0.9 + 0.0999 * rng.uniform();
    d.options.epsilon = rng.below(2) == 0 ? 1e-8 : 1e-3;
  }
  d.options.weight_decay = rng.below(3) == 0 ? 0 : 0.1 * rng.uniform();
  d.scaled = rng.below(2) == 0;
  d.averaged = rng.below(2) == 0;
  return d;
}

/// Ten steps with gradients in random slices only. @return the values and the average.
std::pair<at::Tensor, at::Tensor> ten_steps(const Draw& draw, std::uint64_t seed, at::ScalarType type,
                                            std::optional<Optimizer::Path> path) {
  ParameterStore store = two_groups(seed, type);
  Optimizer optimizer(draw.options, store, "trained", path);
  const ParameterStore average = store.snapshot("trained");
  Rng rng(seed + 1);
  for (int s = 0; s < 10; ++s) {
    store.clear_gradients();
    const auto rows = static_cast<std::int64_t>(1 + rng.below(6));
    store.add_gradient(store.region("weight", {rows, 3}), normal_tensor({rows, 3}, rng.next()).to(type));
    if (s % 2 == 0) store.add_gradient(store.region("bias", {7}), normal_tensor({7}, rng.next()).to(type));
    StepOptions step{.learning_rate = rate(s)};
    if (draw.scaled) step.scale = at::full({}, 0.25 + 0.5 * rng.uniform(), at::kFloat);
    if (draw.averaged) {
      step.average = average.values();
      step.average_step = 0.3;
    }
    optimizer.step(store, step);
  }
  return {store.values(), average.values()};
}

std::pair<at::Tensor, at::Tensor> ten_steps_by_hand(const Draw& draw, std::uint64_t seed) {
  ParameterStore store = two_groups(seed, at::kDouble);
  const GroupSpan span = store.layout().group("trained");
  at::Tensor average = store.values().slice(0, span.begin, span.end).clone();
  std::vector<Textbook> rules;
  for (std::int64_t i = span.begin; i < span.end; ++i)
    rules.push_back({draw.options, i < span.decayed_end ? draw.options.weight_decay : 0});
  Rng rng(seed + 1);
  double* w = store.values().data_ptr<double>() + span.begin;
  for (int s = 0; s < 10; ++s) {
    at::Tensor g = at::zeros({store.num_scalars()}, at::kDouble);
    const auto rows = static_cast<std::int64_t>(1 + rng.below(6));
    store.layout().view(g, store.region("weight", {rows, 3})).copy_(normal_tensor({rows, 3}, rng.next()));
    if (s % 2 == 0) store.layout().view(g, store.region("bias", {7})).copy_(normal_tensor({7}, rng.next()));
    const double scale = draw.scaled ? static_cast<double>(static_cast<float>(0.25 + 0.5 * rng.uniform())) : 1;
    for (std::size_t i = 0; i < rules.size(); ++i)
      w[i] = rules[i].step(w[i], scale * g[span.begin + static_cast<std::int64_t>(i)].item<double>(), rate(s));
    if (draw.averaged) average = 0.7 * average + 0.3 * store.values().slice(0, span.begin, span.end);
  }
  return {store.values(), average};
}

/// LibTorch's own optimiser with two groups of parameters.
template <class Torch, class Options>
at::Tensor torch_run(Options options, double decay) {
  const at::Tensor start = normal_tensor({kSize}, 1);
  at::Tensor decayed = start.narrow(0, 0, kDecayed).clone().set_requires_grad(true);
  at::Tensor rest = start.narrow(0, kDecayed, kSize - kDecayed).clone().set_requires_grad(true);
  auto with_decay = std::make_unique<Options>(options), without = std::make_unique<Options>(options);
  with_decay->weight_decay(decay);
  without->weight_decay(0);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{decayed}, std::move(with_decay));
  groups.emplace_back(std::vector<at::Tensor>{rest}, std::move(without));
  Torch optimizer(groups, options);
  for (std::int64_t s = 0; s < kSteps; ++s) {
    const at::Tensor g = normal_tensor({kSize}, static_cast<std::uint64_t>(100 + s));
    decayed.mutable_grad() = g.narrow(0, 0, kDecayed).clone();
    rest.mutable_grad() = g.narrow(0, kDecayed, kSize - kDecayed).clone();
    for (auto& group : optimizer.param_groups()) group.options().set_lr(rate(s));
    optimizer.step();
  }
  return at::cat({decayed.detach(), rest.detach()});
}

TEST(Optimizer, FollowsTheTextbook) {
  for (const auto& options : {sgd(0.9, true, 0.01), sgd(0.9, false, 0.01), sgd(0, false, 0), sgd(0.5, true, 0),
                              adamw(0.1), adamw(0), adam("adam", 0.1), adam("adam", 0)})
    EXPECT_LT(largest_difference(run(options), textbook(options)), 1e-5) << options.name << " " << options.momentum;
}

TEST(Optimizer, EveryPathTakesTheStepsOfTheTextbook) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Rng rng(seed);
    const Draw draw = random_draw(rng);
    SCOPED_TRACE(testing::Message() << "seed " << seed << " " << write_options(draw.options).dump());
    const auto [values, average] = ten_steps_by_hand(draw, seed);
    const struct {
      at::ScalarType type;
      Optimizer::Path path;
      double tolerance;  ///< relative to the largest value
    } cases[] = {{at::kDouble, Optimizer::Path::kAten, 1e-12},
                 {at::kFloat, Optimizer::Path::kAten, 2e-6},
                 {at::kFloat, Optimizer::Path::kFused, 2e-6}};
    for (const auto& c : cases) {
      const auto seen = ten_steps(draw, seed, c.type, c.path);
      const double largest = values.abs().max().item<double>();
      EXPECT_LT(largest_difference(seen.first, values) / largest, c.tolerance) << static_cast<int>(c.path);
      EXPECT_LT(largest_difference(seen.second, average) / largest, c.tolerance) << static_cast<int>(c.path);
    }
    const auto fused = ten_steps(draw, seed, at::kFloat, Optimizer::Path::kFused);
    const auto aten = ten_steps(draw, seed, at::kFloat, Optimizer::Path::kAten);
    EXPECT_LT(largest_difference(fused.first, aten.first) / values.abs().max().item<double>(), 1e-6);
    EXPECT_TRUE(same_bits(ten_steps(draw, seed, at::kFloat, std::nullopt).first, fused.first));
  }
}

TEST(Optimizer, TheBitsDoNotDependOnHowTheWorkIsSplit) {
  const std::int64_t size = 300'003, decayed = 180'001;
  const at::Tensor start = normal_tensor({size}, 1), gradient = normal_tensor({size}, 2);
  for (const auto& options : {sgd(0.9, true, 0.01), adam("adam", 0.1), adamw(0.1)}) {
    const auto weights = [&](int threads) {
      const testing_support::Threads limit(threads);
      at::Tensor w = start.clone();
      Optimizer optimizer(options, w, decayed);
      for (int s = 0; s < 2; ++s) optimizer.step(w, gradient, 0.1);
      return w;
    };
    const at::Tensor one = weights(1);
    EXPECT_TRUE(same_bits(one, weights(2))) << options.name;
    EXPECT_TRUE(same_bits(one, weights(3))) << options.name;
  }
}

TEST(Optimizer, WithoutGradientsMomentumAndDecayGoOn) {
  at::Tensor w = at::ones({2});
  Optimizer optimizer(sgd(0.5, false, 0.1), w, 1);
  optimizer.step(w, at::ones({2}), 1);   // v = {1.1, 1}
  optimizer.step(w, at::zeros({2}), 1);  // v = {0.55 - 0.01, 0.5}
  EXPECT_LT(largest_difference(w, at::tensor({-0.1 - 0.54, -0.5})), 1e-6);
}

TEST(Optimizer, AdamAddsTheDecayToTheGradientAndAdamWDoesNot) {
  // A logit without gradient: L2 makes its step as large as any other's, decoupled decay shrinks it in proportion.
  const auto moved = [](const std::string& name, double value) {
    at::Tensor w = at::full({1}, value);
    OptimizerOptions options = adam(name, 1e-3);
    options.beta1 = 0.5;
    Optimizer optimizer(options, w, 1);
    optimizer.step(w, at::zeros({1}), 3e-3);
    return w.item<double>() - value;
  };
  for (const double value : {1.0, 0.1, -2.0}) {
    EXPECT_NEAR(moved("adam", value), value > 0 ? -3e-3 : 3e-3, 1e-6) << value;
    EXPECT_NEAR(moved("adamw", value), -3e-6 * value, 2e-7) << value;
  }
}

TEST(Optimizer, AScaleThatIsNotFiniteChangesNothing) {
  for (const auto path : {Optimizer::Path::kFused, Optimizer::Path::kAten})
    for (const auto& options : {sgd(0.9, true, 0.01), adam("adam", 0.1), adamw(0.1)})
      for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        const auto steps = [&](bool with_bad_one) {
          at::Tensor w = normal_tensor({kSize}, 1), average = w.clone();
          Optimizer optimizer(options, w, kDecayed, path);
          for (std::int64_t s = 0; s < 5; ++s) {
            optimizer.step(w, gradient_of(s), {.learning_rate = 0.1, .average = average, .average_step = 0.3});
            if (s == 2 && with_bad_one)
              optimizer.step(w, gradient_of(s) / 0,
                             {.learning_rate = 0.1,
                              .scale = at::full({}, bad, at::kFloat),
                              .average = average,
                              .average_step = 0.3});
          }
          return at::cat({w, average});
        };
        EXPECT_TRUE(same_bits(steps(true), steps(false))) << options.name << " " << static_cast<int>(path);
      }
}

TEST(Optimizer, FollowsLibTorch) {
  using torch::optim::AdamW;
  using torch::optim::AdamWOptions;
  using torch::optim::SGD;
  using torch::optim::SGDOptions;
  for (const bool nesterov : {false, true})
    EXPECT_LT(largest_difference(run(sgd(0.9, nesterov, 0.02)),
                                 torch_run<SGD>(SGDOptions(0.1).momentum(0.9).nesterov(nesterov), 0.02)),
              1e-5);
  EXPECT_LT(largest_difference(run(adamw(0.05)), torch_run<AdamW>(AdamWOptions(0.1), 0.05)), 1e-5);
  EXPECT_LT(
      largest_difference(run(adam("adam", 0.05)), torch_run<torch::optim::Adam>(torch::optim::AdamOptions(0.1), 0.05)),
      1e-5);
}

TEST(Optimizer, StateRoundTripContinuesTheSameSequence) {
  for (const auto path : {Optimizer::Path::kFused, Optimizer::Path::kAten})
    for (const auto& options : {sgd(0.9, true, 0.01), adam("adam", 0.1), adamw(0.1)}) {
      at::Tensor straight = normal_tensor({kSize}, 1), resumed = straight.clone();
      Optimizer a(options, straight, kDecayed, path), b(options, resumed, kDecayed, path);
      for (int s = 0; s < 9; ++s) a.step(straight, gradient_of(s), 0.1);
      for (int s = 0; s < 4; ++s) b.step(resumed, gradient_of(s), 0.1);
      Optimizer c(options, resumed, kDecayed, path);
      c.load(b.state());
      for (int s = 4; s < 9; ++s) c.step(resumed, gradient_of(s), 0.1);
      EXPECT_TRUE(same_bits(straight, resumed)) << options.name;
    }
}

TEST(Optimizer, RefusesTheStateOfAnother) {
  const at::Tensor w = normal_tensor({kSize}, 1), longer = normal_tensor({kSize + 1}, 1);
  Optimizer a(sgd(0.9, true, 0), w, kDecayed), b(adamw(0), w, kDecayed), c(sgd(0.9, true, 0), longer, kDecayed);
  EXPECT_THROWS_WITH(a.load(b.state()), UsageError, "'momentum' is missing");
  EXPECT_THROWS_WITH(b.load(a.state()), UsageError, "'first' is missing");
  EXPECT_THROWS_WITH(a.load(c.state()), UsageError, "has another shape");
  auto state = b.state();
  state.erase("steps");
  EXPECT_THROWS_WITH(b.load(state), UsageError, "'steps' is missing");
}

TEST(Optimizer, OptionsAreChecked) {
  OptimizerOptions o;
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"name", "adan"}}, "trainer.optimizer", o), UsageError,
                     "did you mean 'adam'?");
  const auto refused = [](const nlohmann::json& json, const std::string& message) {
    OptimizerOptions options;
    EXPECT_THROWS_WITH(read_options(json, "trainer.optimizer", options), UsageError, message);
  };
  refused({{"beta1", 0.5}}, "the optimiser 'sgd' has no beta1; it is a setting of adam and adamw");
  refused({{"beta2", 0.5}}, "'sgd' has no beta2");
  refused({{"epsilon", 0.5}}, "'sgd' has no epsilon");
  refused({{"name", "adam"}, {"momentum", 0.5}}, "the optimiser 'adam' has no momentum; it is a setting of sgd");
  refused({{"name", "adamw"}, {"nesterov", false}}, "'adamw' has no nesterov");
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"momentum", 1.5}}, "trainer.optimizer", o), UsageError,
                     "trainer.optimizer.momentum");
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"momentun", 0.5}}, "trainer.optimizer", o), UsageError, "momentum");
}

}  // namespace
}  // namespace frontier
