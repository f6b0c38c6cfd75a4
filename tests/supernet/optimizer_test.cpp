#include "supernet/optimizer.h"

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
OptimizerOptions adamw(double decay) {
  OptimizerOptions o;
  o.name = "adamw";
  o.weight_decay = decay;
  return o;
}

at::Tensor run(const OptimizerOptions& options) {
  at::Tensor w = normal_tensor({kSize}, 1);
  Optimizer optimizer(options, w, kDecayed);
  for (std::int64_t s = 0; s < kSteps; ++s)
    optimizer.step(w, normal_tensor({kSize}, static_cast<std::uint64_t>(100 + s)), rate(s));
  return w;
}

/// The update as it stands in the papers, a scalar at a time in double.
at::Tensor textbook(const OptimizerOptions& o) {
  at::Tensor result = normal_tensor({kSize}, 1);
  for (std::int64_t i = 0; i < kSize; ++i) {
    double w = result[i].item<double>(), v = 0, m = 0, u = 0;
    const double decay = i < kDecayed ? o.weight_decay : 0;
    for (std::int64_t s = 0; s < kSteps; ++s) {
      double g = normal_tensor({kSize}, static_cast<std::uint64_t>(100 + s))[i].item<double>();
      const double lr = rate(s), n = static_cast<double>(s + 1);
      if (o.name == "sgd") {
        g += decay * w;
        v = o.momentum * v + g;
        w -= lr * (o.nesterov ? g + o.momentum * v : v);
      } else {
        m = o.beta1 * m + (1 - o.beta1) * g;
        u = o.beta2 * u + (1 - o.beta2) * g * g;
        w = w - lr * decay * w -
            lr * (m / (1 - std::pow(o.beta1, n))) / (std::sqrt(u / (1 - std::pow(o.beta2, n))) + o.epsilon);
      }
    }
    result[i] = w;
  }
  return result;
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
  for (const auto& options :
       {sgd(0.9, true, 0.01), sgd(0.9, false, 0.01), sgd(0, false, 0), sgd(0.5, true, 0), adamw(0.1), adamw(0)})
    EXPECT_LT(largest_difference(run(options), textbook(options)), 1e-5) << options.name << " " << options.momentum;
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
}

TEST(Optimizer, StateRoundTripContinuesTheSameSequence) {
  for (const auto& options : {sgd(0.9, true, 0.01), adamw(0.1)}) {
    at::Tensor straight = normal_tensor({kSize}, 1), resumed = straight.clone();
    Optimizer a(options, straight, kDecayed), b(options, resumed, kDecayed);
    const auto gradient = [](int s) { return normal_tensor({kSize}, static_cast<std::uint64_t>(s)); };
    for (int s = 0; s < 9; ++s) a.step(straight, gradient(s), 0.1);
    for (int s = 0; s < 4; ++s) b.step(resumed, gradient(s), 0.1);
    Optimizer c(options, resumed, kDecayed);
    c.load(b.state());
    for (int s = 4; s < 9; ++s) c.step(resumed, gradient(s), 0.1);
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
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"name", "adam"}}, "trainer.optimizer", o), UsageError, "adamw");
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"momentum", 1.5}}, "trainer.optimizer", o), UsageError,
                     "trainer.optimizer.momentum");
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"momentun", 0.5}}, "trainer.optimizer", o), UsageError, "momentum");
}

}  // namespace
}  // namespace frontier
