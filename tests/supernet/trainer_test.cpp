#include "supernet/trainer.h"

#include <torch/types.h>

#include <cmath>
#include <numbers>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "supernet/checkpoint.h"
#include "supernet/samplers/uniform.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/small_spaces.h"
#include "support/temporary_folder.h"
#include "support/tensors.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Space = std::shared_ptr<const SearchSpace>;

Space shared(SearchSpace space) { return std::make_shared<const SearchSpace>(std::move(space)); }

/// Random images whose label is the signs of two channels' means: learnable. `step` decides everything.
LabelledImages batch_of(std::int64_t step, std::int64_t count = 16) {
  const auto seed = static_cast<std::uint64_t>(step);
  at::Tensor images = normal_images({count, 3, 8, 8}, 1000 + seed, 0, 0.5);
  const at::Tensor labels = random_labels(count, 4, 5000 + seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = labels[i].item<std::int64_t>();
    for (std::int64_t c = 0; c < 2; ++c) images[i][c].add_((label >> c) % 2 ? 0.7 : -0.7);
  }
  return {images, labels};
}

/// A sampler that gives the same subnets every step and keeps what it is told.
class Fixed : public Sampler {
 public:
  explicit Fixed(std::vector<Architecture> archs, bool teaches = false) : archs_(std::move(archs)), teaches_(teaches) {}
  std::string_view name() const override { return "fixed"; }
  std::vector<SampledSubnet> next(const TrainingState& state, Rng&) override {
    states.push_back(state);
    std::vector<SampledSubnet> subnets;
    for (const auto& arch : archs_) subnets.push_back({arch, {}});
    return subnets;
  }
  void observe(std::span<const Feedback> feedback) override { observed.emplace_back(feedback.begin(), feedback.end()); }
  bool teaches() const override { return teaches_; }

  std::vector<TrainingState> states;
  std::vector<std::vector<Feedback>> observed;

 private:
  std::vector<Architecture> archs_;
  bool teaches_;
};

/// Everything of a training of nested_space, plain by default: momentum, decay, smoothing and clipping off.
struct Setting {
  Space space = shared(nested_space());
  Supernet supernet{space, space->default_input(), Rng(3)};
  TrainerOptions options;
  Setting() {
    options.steps = 10;
    options.lr = 0.1;
    options.optimizer.momentum = 0;
    options.optimizer.nesterov = false;
    options.optimizer.weight_decay = 0;
    options.label_smoothing = 0;
    options.clip_norm = 0;
  }
  std::vector<Architecture> archs() const {
    std::vector<Architecture> result;
    Rng rng(1);
    for (int i = 0; i < 3; ++i) result.push_back(space->random(rng));
    return result;
  }
  Trainer trainer(
      Sampler& sampler, BatchSource source = [](std::int64_t s) { return batch_of(s); }) {
    return {supernet, sampler, options, 7, std::move(source)};
  }
  /// The gradients of one subnet's loss on batch `step`, by the executor alone.
  at::Tensor gradients(const Architecture& arch, std::int64_t step, double smoothing = 0) {
    supernet.bank.gradients().zero_();
    Executor executor(supernet.bank);
    const auto batch = batch_of(step);
    const at::Tensor logits = executor.run(supernet.build(arch), batch.images, Pass::kTrain);
    executor.backward(at::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Mean, -100, smoothing));
    return supernet.bank.gradients().clone();
  }
  at::Tensor logits(const Architecture& arch, std::int64_t step) {
    Executor executor(supernet.bank);
    return executor.run(supernet.build(arch), batch_of(step).images, Pass::kTrain).detach();
  }
};

TEST(Trainer, AuxiliaryOutputsAddTheirWeightedLossesInTraining) {
  Threads threads(1);
  Setting s;
  s.supernet = Supernet(shared(cell_space()), {3, 8, 8, 4}, Rng(3));
  const Architecture arch{{0, 1}};
  const NetworkGraph graph = s.supernet.build(arch);
  const auto batch = batch_of(0);
  const at::Tensor before = s.supernet.bank.weights().clone();
  Executor executor(s.supernet.bank);
  const std::vector<NetworkGraph::Vertex> both = {graph.output(), graph.auxiliaries().front().vertex};
  const auto logits = executor.run(graph, both, batch.images, Pass::kTrain);
  const at::Tensor loss =
      at::cross_entropy_loss(logits[0], batch.labels) + 0.4 * at::cross_entropy_loss(logits[1], batch.labels);
  executor.backward(loss);
  const at::Tensor gradients = s.supernet.bank.gradients().clone();
  EXPECT_GT(s.supernet.bank.gradient_slice("auxiliary.conv.weight", {4, 8, 3, 3}).abs().sum().item<double>(), 0);
  Fixed sampler({arch});
  Trainer trainer = s.trainer(sampler);
  const StepReport report = trainer.step();
  EXPECT_NEAR(report.loss, loss.item<double>(), 1e-6);
  EXPECT_EQ(report.macs, cost(graph).macs);
  EXPECT_LT(largest_difference(s.supernet.bank.weights(), before - gradients * 0.1), 1e-6);
}

TEST(Trainer, TheLearningRateWarmsUpAndFallsAlongACosine) {
  Threads threads(1);
  Setting s;
  s.options.steps = 100;
  s.options.warmup_steps = 10;
  s.options.lr = 0.5;
  Fixed sampler({s.archs().front()});
  const Trainer trainer = s.trainer(sampler);
  EXPECT_DOUBLE_EQ(trainer.learning_rate(0), 0.05);
  EXPECT_DOUBLE_EQ(trainer.learning_rate(9), 0.5);
  EXPECT_DOUBLE_EQ(trainer.learning_rate(10), 0.5);
  EXPECT_NEAR(trainer.learning_rate(55), 0.25, 1e-12);
  EXPECT_NEAR(trainer.learning_rate(40), 0.5 * 0.5 * (1 + std::cos(std::numbers::pi / 3)), 1e-12);
  EXPECT_NEAR(trainer.learning_rate(100), 0, 1e-12);
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_GT(trainer.learning_rate(i), 0);
  s.options.warmup_steps = 500;
  EXPECT_DOUBLE_EQ(s.trainer(sampler).learning_rate(99), 0.1);
}

TEST(Trainer, AStepMovesByTheSumOfTheSubnetsGradients) {
  Threads threads(1);
  Setting s;
  s.options.label_smoothing = 0.1;
  const auto archs = s.archs();
  const at::Tensor before = s.supernet.bank.weights().clone();
  at::Tensor sum = at::zeros_like(before);
  double loss = 0;
  std::int64_t macs = 0;
  for (const auto& arch : archs) {
    sum.add_(s.gradients(arch, 0, 0.1));
    loss += at::cross_entropy_loss(s.logits(arch, 0), batch_of(0).labels, {}, at::Reduction::Mean, -100, 0.1)
                .item<double>() /
            3;
    macs += cost(s.supernet.build(arch)).macs;
  }
  Fixed sampler(archs);
  Trainer trainer = s.trainer(sampler);
  const StepReport report = trainer.step();
  EXPECT_EQ(report.step, 1);
  EXPECT_NEAR(report.loss, loss, 1e-6);
  EXPECT_EQ(report.macs, macs);
  EXPECT_DOUBLE_EQ(report.lr, 0.1);
  EXPECT_LT(largest_difference(s.supernet.bank.weights(), before - sum * 0.1), 1e-6);
  ASSERT_EQ(sampler.observed.size(), 1U);
  ASSERT_EQ(sampler.observed[0].size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(sampler.observed[0][i].subnet, i);
  trainer.step();
  EXPECT_EQ(sampler.states[1].step, 1);
  EXPECT_EQ(sampler.states[1].total_steps, 10);
}

TEST(Trainer, LabelSmoothingFollowsItsFormula) {
  Threads threads(1);
  Setting s;
  s.options.label_smoothing = 0.3;
  const auto arch = s.archs().front();
  const auto batch = batch_of(0);
  const at::Tensor log_p = at::log_softmax(s.logits(arch, 0).to(at::kDouble), 1);
  const at::Tensor target = at::one_hot(batch.labels, 4).to(at::kDouble) * 0.7 + 0.3 / 4;
  Fixed sampler({arch});
  EXPECT_NEAR(s.trainer(sampler).step().loss, -(target * log_p).sum(1).mean().item<double>(), 1e-6);
}

TEST(Trainer, ClippingScalesTheWholeGradient) {
  Threads threads(1);
  Setting s;
  const auto arch = s.archs().front();
  const at::Tensor before = s.supernet.bank.weights().clone(), gradient = s.gradients(arch, 0);
  const double norm = gradient.norm().item<double>();
  Fixed sampler({arch});
  s.options.clip_norm = norm / 4;
  s.trainer(sampler).step();
  EXPECT_LT(largest_difference(s.supernet.bank.weights(), before - gradient * 0.025), 1e-6);
  s.supernet.bank.weights().copy_(before);
  s.options.clip_norm = norm * 2;
  s.trainer(sampler).step();
  EXPECT_LT(largest_difference(s.supernet.bank.weights(), before - gradient * 0.1), 1e-6);
}

TEST(Trainer, TheAverageFollowsItsFormulaAndIsWrittenAtTheEnd) {
  Threads threads(1);
  Setting s;
  s.options.ema_decay = 0.6;
  Fixed sampler({s.archs().front()});
  Trainer trainer = s.trainer(sampler);
  at::Tensor average = s.supernet.bank.weights().to(at::kDouble);
  for (int step = 0; step < 10; ++step) {
    trainer.step();
    const double decay = std::min(0.6, (1.0 + step) / (10.0 + step));
    average = average * decay + s.supernet.bank.weights().to(at::kDouble) * (1 - decay);
  }
  EXPECT_TRUE(trainer.finished());
  EXPECT_GT(largest_difference(s.supernet.bank.weights(), average), 1e-4);
  trainer.use_average();
  EXPECT_LT(largest_difference(s.supernet.bank.weights(), average), 1e-6);
}

TEST(Trainer, InPlaceDistillationTeachesWithTheFirstSubnet) {
  Threads threads(1);
  Setting s;
  s.options.distill = "inplace";
  const auto archs = s.archs();
  const at::Tensor before = s.supernet.bank.weights().clone();
  const at::Tensor teacher = at::softmax(s.logits(archs[0], 0), 1);
  at::Tensor expected = s.gradients(archs[0], 0);
  double loss = at::cross_entropy_loss(s.logits(archs[0], 0), batch_of(0).labels).item<double>() / 3;
  for (std::size_t i = 1; i < 3; ++i) {
    s.supernet.bank.gradients().zero_();
    Executor executor(s.supernet.bank);
    // Kullback-Leibler divergence: the same gradient as cross-entropy with soft targets.
    const at::Tensor log_p =
        at::log_softmax(executor.run(s.supernet.build(archs[i]), batch_of(0).images, Pass::kTrain), 1);
    loss += -(teacher * log_p).sum(1).mean().item<double>() / 3;
    executor.backward((teacher * (teacher.log() - log_p)).sum(1).mean());
    expected.add_(s.supernet.bank.gradients());
  }
  Fixed sampler(archs, /*teaches=*/true);
  EXPECT_NEAR(s.trainer(sampler).step().loss, loss, 1e-6);
  EXPECT_LT(largest_difference(s.supernet.bank.weights(), before - expected * 0.1), 1e-6);
}

TEST(Trainer, ALossThatIsNotFiniteNamesStepSeedAndSubnetAndChangesNothing) {
  Threads threads(1);
  Setting s;
  s.options.ema_decay = 0.5;
  s.options.optimizer.momentum = 0.9;
  const auto archs = s.archs();
  Fixed sampler(archs);
  Trainer trainer = s.trainer(sampler, [](std::int64_t step) {
    auto batch = batch_of(step);
    if (step == 2) batch.images[0][0][0][0] = std::numeric_limits<float>::quiet_NaN();
    return batch;
  });
  trainer.step();
  trainer.step();
  const at::Tensor before = s.supernet.bank.weights().clone();
  const at::Tensor average = trainer.state_tensors().at("average").clone();
  const at::Tensor momentum = trainer.state_tensors().at("optimizer.momentum").clone();
  const std::string arch = s.space->to_string(archs.front());
  EXPECT_THROWS_WITH(trainer.step(), Error, "the training loss is not finite (nan) at step 2, seed 7, subnet " + arch);
  EXPECT_TRUE(same_bits(s.supernet.bank.weights(), before));
  EXPECT_TRUE(same_bits(trainer.state_tensors().at("average"), average));
  EXPECT_TRUE(same_bits(trainer.state_tensors().at("optimizer.momentum"), momentum));
  EXPECT_EQ(trainer.steps_done(), 2);
}

TEST(Trainer, ADivergingRunStopsWithAnError) {
  Threads threads(1);
  for (const double clip : {0.0, 5.0}) {
    SCOPED_TRACE(clip);
    Setting s;
    s.options.lr = 1e38;
    s.options.optimizer.momentum = 0.9;
    s.options.clip_norm = clip;
    Fixed sampler(s.archs());
    Trainer trainer = s.trainer(sampler);
    EXPECT_THROWS_WITH(for (int i = 0; i < 10; ++i) trainer.step(), Error, "not finite");
  }
}

TEST(Trainer, SettingsThatDoNotGoTogetherAreRefused) {
  Threads threads(1);
  Setting s;
  Fixed sampler(s.archs());
  s.options.distill = "inplace";
  EXPECT_THROWS_WITH(s.trainer(sampler), UsageError, "'fixed' has none");
  s.options.distill = "none";
  s.options.bf16 = true;
  EXPECT_THROWS_WITH(s.trainer(sampler), UsageError, "trainer.bf16");
  s.options.bf16 = false;
  const Space branches = shared(branch_space());
  Supernet supernet(branches, branches->default_input(), Rng(0));
  const auto darts = make_sampler("darts", branches, nlohmann::json::object());
  EXPECT_THROWS_WITH(Trainer(supernet, *darts, s.options, 0, [](std::int64_t i) { return batch_of(i); }), UsageError,
                     "'darts' learns on batches of its own");
}

TEST(Trainer, TheLossFallsOnATinyProblem) {
  Threads threads(1);
  Setting s;
  s.options.steps = 120;
  s.options.optimizer.momentum = 0.9;
  const auto sampler = make_sampler("uniform", s.space, nlohmann::json::object());
  Trainer trainer = s.trainer(*sampler);
  double first = 0, last = 0;
  while (!trainer.finished()) {
    const StepReport report = trainer.step();
    if (report.step <= 10) first += report.loss / 10;
    if (report.step > 110) last += report.loss / 10;
  }
  EXPECT_NEAR(first, std::log(4.0), 0.25);
  EXPECT_LT(last, 0.5);
}

/// A training of branch_space by DARTS.
struct DartsSetting {
  Space space = shared(branch_space());
  Supernet supernet{space, space->default_input(), Rng(3)};
  std::unique_ptr<Sampler> sampler = make_sampler("darts", space, nlohmann::json::object());
  TrainerOptions options;
  DartsSetting() {
    options.steps = 60;
    options.lr = 0.2;
    options.arch_lr = 0.05;
  }
  Trainer trainer() {
    return {supernet,
            *sampler,
            options,
            7,
            [](std::int64_t s) { return batch_of(s); },
            [](std::int64_t s) { return batch_of(s + 1000); }};
  }
  at::Tensor logits() { return at::cat(sampler->parameters()).detach().clone(); }
};

TEST(TrainerWithDarts, ArchitectureStepsLeaveWeightsAloneAndWeightStepsLeaveLogits) {
  Threads threads(1);
  {
    DartsSetting s;  // a weight rate of 0: whatever moves a weight is the architecture step
    s.options.lr = 0;
    Trainer trainer = s.trainer();
    const at::Tensor weights = s.supernet.bank.weights().clone(), logits = s.logits();
    for (int i = 0; i < 3; ++i) EXPECT_GT(trainer.step().arch_loss.value(), 0);
    EXPECT_TRUE(same_bits(s.supernet.bank.weights(), weights));
    EXPECT_FALSE(same_bits(s.logits(), logits));
  }
  {
    DartsSetting s;  // warm-up: no architecture steps
    s.options.arch_warmup_steps = 3;
    Trainer trainer = s.trainer();
    const at::Tensor weights = s.supernet.bank.weights().clone(), logits = s.logits();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(trainer.step().arch_loss, std::nullopt);
    EXPECT_FALSE(same_bits(s.supernet.bank.weights(), weights));
    EXPECT_TRUE(same_bits(s.logits(), logits));
    trainer.step();
    EXPECT_FALSE(same_bits(s.logits(), logits));
  }
}

TEST(TrainerWithDarts, TheFirstArchitectureStepIsOneOfAdam) {
  Threads threads(1);
  DartsSetting s;
  s.options.arch_weight_decay = 0;
  Trainer trainer = s.trainer();
  const auto parameters = s.sampler->parameters();
  const at::Tensor before = s.logits();
  Rng rng(0);
  const auto subnet = s.sampler->next({}, rng).front();
  Executor executor(s.supernet.bank);
  const auto batch = batch_of(1000);
  const at::Tensor logits =
      executor.run(s.supernet.build(subnet.selection), batch.images, Pass::kArchitect, nullptr, subnet.weights);
  const auto gradients = torch::autograd::grad(
      {at::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Mean, -100, s.options.label_smoothing)},
      parameters);
  trainer.step();
  // After one step of Adam the corrected moments are the gradient and its square.
  const at::Tensor g = at::cat(gradients);
  EXPECT_LT(largest_difference(s.logits(), before - 0.05 * g / (g.abs() + 1e-8)), 1e-4);
}

TEST(TrainerWithDarts, LearnsAndAvoidsTheBranchOfZeros) {
  Threads threads(1);
  DartsSetting s;
  s.options.steps = 100;
  Trainer trainer = s.trainer();
  double first = 0, last = 0;
  while (!trainer.finished()) {
    const StepReport report = trainer.step();
    if (report.step <= 10) first += report.loss / 10;
    if (report.step > 90) last += report.loss / 10;
  }
  EXPECT_LT(last, first - 0.3);
  const auto derived = s.sampler->derive();
  ASSERT_TRUE(derived.has_value());
  for (const auto choice : derived->choices) EXPECT_NE(choice, 1);
}

/// Trains 20 steps at once, and 7 then 13 with everything written to disk and read into new objects between.
template <class Make>
void expect_resume_equals_straight(const Make& make) {
  Threads threads(1);
  auto straight = make();
  {
    Trainer trainer = straight->trainer();
    for (int i = 0; i < 20; ++i) trainer.step();
  }
  testing::TemporaryFolder temporary;
  {
    auto first = make();
    Trainer trainer = first->trainer();
    for (int i = 0; i < 7; ++i) trainer.step();
    save_checkpoint(temporary / "run",
                    {first->supernet.bank.tensors(), trainer.state_tensors(), {{"trainer", trainer.state()}}});
  }
  auto second = make();
  second->supernet.bank.weights().fill_(-5);
  const Checkpoint checkpoint = load_checkpoint(temporary / "run", true);
  second->supernet.bank.load(checkpoint.weights);
  Trainer trainer = second->trainer();
  trainer.load(checkpoint.state, checkpoint.run.at("trainer"));
  EXPECT_EQ(trainer.steps_done(), 7);
  for (int i = 0; i < 13; ++i) trainer.step();
  EXPECT_TRUE(same_bits(straight->supernet.bank.weights(), second->supernet.bank.weights()));
  trainer.use_average();
  EXPECT_EQ(trainer.steps_done(), 20);
}

struct UniformSetting : Setting {
  UniformSampler sampler{space, UniformSampler::Options{.subnets_per_step = 2}};
  Trainer trainer() { return Setting::trainer(sampler); }
};

std::unique_ptr<UniformSetting> full_setting(const std::string& optimizer) {
  auto s = std::make_unique<UniformSetting>();
  const TrainerOptions defaults;
  s->options = defaults;
  s->options.steps = 20;
  s->options.lr = optimizer == "sgd" ? 0.1 : 0.003;
  s->options.warmup_steps = 3;
  s->options.optimizer.name = optimizer;
  s->options.ema_decay = 0.9;
  return s;
}

TEST(Resume, ContinuesSgdBitForBit) {
  expect_resume_equals_straight([] { return full_setting("sgd"); });
}
TEST(Resume, ContinuesAdamwBitForBit) {
  expect_resume_equals_straight([] { return full_setting("adamw"); });
}
TEST(Resume, ContinuesDartsBitForBit) {
  expect_resume_equals_straight([] { return std::make_unique<DartsSetting>(); });
}

TEST(Resume, RestoresTheAverageAndTheLogits) {
  Threads threads(1);
  auto a = full_setting("sgd");
  Trainer trainer = a->trainer();
  for (int i = 0; i < 5; ++i) trainer.step();
  const auto tensors = trainer.state_tensors();
  auto b = full_setting("sgd");
  Trainer other = b->trainer();
  other.load(tensors, trainer.state());
  EXPECT_TRUE(same_bits(other.state_tensors().at("average"), tensors.at("average")));
  EXPECT_TRUE(same_bits(other.state_tensors().at("optimizer.momentum"), tensors.at("optimizer.momentum")));
  EXPECT_EQ(other.state(), trainer.state());

  DartsSetting d, e;
  Trainer darts = d.trainer(), resumed = e.trainer();
  for (int i = 0; i < 4; ++i) darts.step();
  resumed.load(darts.state_tensors(), darts.state());
  EXPECT_TRUE(same_bits(d.logits(), e.logits()));
}

TEST(Resume, RefusesAStateOfOtherSettings) {
  Threads threads(1);
  auto a = full_setting("sgd"), b = full_setting("adamw");
  Trainer sgd = a->trainer(), adamw = b->trainer();
  EXPECT_THROWS_WITH(sgd.load(adamw.state_tensors(), adamw.state()), UsageError, "'momentum' is missing");
  auto tensors = sgd.state_tensors();
  tensors.erase("average");
  EXPECT_THROWS_WITH(sgd.load(tensors, sgd.state()), UsageError, "'average' is missing");
  for (const char* key : {"step", "rng", "sampler"}) {
    auto state = sgd.state();
    state.erase(key);
    EXPECT_THROWS_WITH(sgd.load(sgd.state_tensors(), state), UsageError, "incomplete");
  }
  auto state = sgd.state();
  state["rng"] = "not a state";
  EXPECT_THROW(sgd.load(sgd.state_tensors(), state), UsageError);
  EXPECT_THROWS_WITH(sgd.load(sgd.state_tensors(), nlohmann::json::array()), UsageError, "incomplete");
  DartsSetting d;
  Trainer darts = d.trainer();
  tensors = darts.state_tensors();
  tensors.erase("architecture");
  EXPECT_THROWS_WITH(darts.load(tensors, darts.state()), UsageError, "'architecture' is missing");
}

}  // namespace
}  // namespace frontier
