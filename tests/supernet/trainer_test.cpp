#include "supernet/trainer.h"

#include <torch/types.h>

#include <cmath>
#include <numbers>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "supernet/checkpoint.h"
#include "supernet/samplers/darts.h"
#include "supernet/samplers/uniform.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/runs.h"
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
TrainingBatch batch_of(std::int64_t step, std::int64_t count = 16) {
  const auto seed = static_cast<std::uint64_t>(step);
  at::Tensor images = normal_images({count, 3, 8, 8}, 1000 + seed, 0, 0.5);
  const at::Tensor labels = random_labels(count, 4, 5000 + seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = labels[i].item<std::int64_t>();
    for (std::int64_t c = 0; c < 2; ++c) images[i][c].add_((label >> c) % 2 ? 0.7 : -0.7);
  }
  return {images, labels, {}};
}

/// A sampler that gives the same subnets every step and keeps what it is told.
class Fixed : public StatelessSampler {
 public:
  explicit Fixed(std::vector<Architecture> archs, bool teaches = false) : archs_(std::move(archs)), teaches_(teaches) {}
  std::string_view name() const override { return "fixed"; }
  std::optional<Work> next(const StepContext& context, Rng&) override {
    if (context.works > 0) return std::nullopt;
    contexts.push_back(context);
    Work work;
    for (const auto& arch : archs_) {
      work.subnets.push_back({arch});
      if (teaches_ && work.subnets.size() > 1) work.subnets.back().lesson.of = {0};
    }
    return work;
  }
  void observe(const Work&, std::span<const Outcome> outcomes) override {
    observed.emplace_back();
    for (const auto& outcome : outcomes)
      observed.back().push_back({outcome.loss.item<double>(), outcome.clean_loss().item<double>()});
  }

  struct Seen {
    double loss, clean_loss;
  };
  std::vector<StepContext> contexts;
  std::vector<std::vector<Seen>> observed;

 private:
  std::vector<Architecture> archs_;
  bool teaches_;
};

/// Everything of a training of nested_space, plain by default: momentum, decay, smoothing and clipping off.
struct Setting {
  Space space = shared(nested_space());
  Supernet supernet{space, space->default_input(), Rng(3)};
  TrainerOptions options;
  std::unique_ptr<Classification> task;
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
    task = std::make_unique<Classification>(options.label_smoothing);
    return {supernet, sampler, *task, options, 7, {{Stream::kTrain, std::move(source)}}};
  }
  /// The gradients of one subnet's loss on batch `step`, by the executor alone.
  at::Tensor gradients(const Architecture& arch, std::int64_t step, double smoothing = 0) {
    supernet.bank.gradients().zero_();
    const auto batch = batch_of(step);
    const at::Tensor logits =
        testing_support::logits(supernet.build(arch), supernet.bank, batch.images, testing_support::training());
    at::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Mean, -100, smoothing).backward();
    return supernet.bank.gradients().clone();
  }
  at::Tensor logits(const Architecture& arch, std::int64_t step) {
    return testing_support::logits(supernet.build(arch), supernet.bank, batch_of(step).images,
                                   testing_support::training())
        .detach();
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
  const std::vector<NetworkGraph::Vertex> both = {graph.output(), graph.auxiliaries().front().vertex};
  const auto logits = testing_support::outputs(graph, s.supernet.bank, both, batch.images, testing_support::training());
  const at::Tensor loss =
      at::cross_entropy_loss(logits[0], batch.labels) + 0.4 * at::cross_entropy_loss(logits[1], batch.labels);
  loss.backward();
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
  double loss = 0, clean_loss = 0;
  std::int64_t macs = 0;
  for (const auto& arch : archs) {
    clean_loss += at::cross_entropy_loss(s.logits(arch, 0), batch_of(0).labels).item<double>() / 3;
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
  double observed = 0, clean = 0;
  for (const auto& seen : sampler.observed[0]) {
    observed += seen.loss / 3;
    clean += seen.clean_loss / 3;
  }
  EXPECT_NEAR(observed, loss, 1e-6);
  EXPECT_NEAR(clean, clean_loss, 1e-6);
  EXPECT_EQ(report.images, 16);
  trainer.step();
  EXPECT_EQ(sampler.contexts[1].step, 1);
  EXPECT_EQ(sampler.contexts[1].total_steps, 10);
  EXPECT_EQ(trainer.images_seen(), 32);
  EXPECT_DOUBLE_EQ(trainer.macs_done(), 32.0 * static_cast<double>(macs));
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
  trainer.use_averages();
  EXPECT_LT(largest_difference(s.supernet.bank.weights(), average), 1e-6);
}

TEST(Trainer, InPlaceDistillationTeachesWithTheFirstSubnet) {
  Threads threads(1);
  Setting s;
  const auto archs = s.archs();
  const at::Tensor before = s.supernet.bank.weights().clone();
  const at::Tensor teacher = at::softmax(s.logits(archs[0], 0), 1);
  at::Tensor expected = s.gradients(archs[0], 0);
  double loss = at::cross_entropy_loss(s.logits(archs[0], 0), batch_of(0).labels).item<double>() / 3;
  for (std::size_t i = 1; i < 3; ++i) {
    s.supernet.bank.gradients().zero_();
    // Kullback-Leibler divergence: the same gradient as cross-entropy with soft targets.
    const at::Tensor log_p = at::log_softmax(testing_support::logits(s.supernet.build(archs[i]), s.supernet.bank,
                                                                     batch_of(0).images, testing_support::training()),
                                             1);
    loss += -(teacher * log_p).sum(1).mean().item<double>() / 3;
    (teacher * (teacher.log() - log_p)).sum(1).mean().backward();
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
  const auto state = [&](const std::string& prefix) {
    std::vector<at::Tensor> tensors;
    for (const auto& [name, tensor] : part_of(prefix, trainer.state_tensors())) tensors.push_back(tensor.flatten());
    EXPECT_FALSE(tensors.empty()) << prefix;
    return at::cat(tensors).clone();
  };
  const at::Tensor average = state("average.");
  const at::Tensor momentum = trainer.state_tensors().at("optimizer.momentum").clone();
  const std::string arch = s.space->to_string(archs.front());
  EXPECT_THROWS_WITH(trainer.step(), Error, "the training loss is not finite (nan) at step 2, seed 7, subnet " + arch);
  EXPECT_TRUE(same_bits(s.supernet.bank.weights(), before));
  EXPECT_TRUE(same_bits(state("average."), average));
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
  s.options.bf16 = true;
  EXPECT_THROWS_WITH(s.trainer(sampler), UsageError, "trainer.bf16");
  s.options.bf16 = false;
  const Space branches = shared(branch_space());
  Supernet supernet(branches, branches->default_input(), Rng(0));
  nlohmann::json none = nlohmann::json::object();
  const auto darts = make_sampler("darts", branches, none, Rng(0));
  const Classification task;
  EXPECT_THROWS_WITH(
      Trainer(supernet, *darts, task, s.options, 0, {{Stream::kTrain, [](std::int64_t i) { return batch_of(i); }}}),
      std::logic_error, "asks for batches of stream 'architecture'");
  s.options.lr_schedule = "constant";
  s.options.lr_end = 0.5;
  EXPECT_THROW(s.trainer(sampler), UsageError);
}

TEST(Trainer, TheLossFallsOnATinyProblem) {
  Threads threads(1);
  Setting s;
  s.options.steps = 120;
  s.options.optimizer.momentum = 0.9;
  nlohmann::json none = nlohmann::json::object();
  const auto sampler = make_sampler("uniform", s.space, none, Rng(0));
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
  DartsSampler::Options sampler_options{.lr = 0.05};
  std::unique_ptr<DartsSampler> sampler;
  TrainerOptions options;
  Classification task{0.1};
  DartsSetting() {
    options.steps = 60;
    options.lr = 0.2;
  }
  Trainer trainer() {
    sampler = std::make_unique<DartsSampler>(space, sampler_options, Rng(0));
    return {supernet,
            *sampler,
            task,
            options,
            7,
            {{Stream::kTrain, [](std::int64_t s) { return batch_of(s); }},
             {Stream::kArchitecture, [](std::int64_t s) { return batch_of(s + 1000); }}}};
  }
  at::Tensor logits() const { return at::cat(std::vector<at::Tensor>{sampler->logits(0), sampler->logits(1)}).clone(); }
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
    s.sampler_options.warmup_steps = 3;
    Trainer trainer = s.trainer();
    const at::Tensor weights = s.supernet.bank.weights().clone(), logits = s.logits();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(trainer.step().arch_loss, std::nullopt);
    EXPECT_FALSE(same_bits(s.supernet.bank.weights(), weights));
    EXPECT_TRUE(same_bits(s.logits(), logits));
    trainer.step();
    EXPECT_FALSE(same_bits(s.logits(), logits));
  }
}

TEST(TrainerWithDarts, ArchitectureBatchesCount) {
  Threads threads(1);
  DartsSetting s;
  s.sampler_options.warmup_steps = 1;
  Trainer trainer = s.trainer();
  const StepReport alone = trainer.step(), both = trainer.step();
  EXPECT_EQ(alone.images, 16);
  EXPECT_EQ(both.images, 32);
  EXPECT_EQ(both.macs, 2 * alone.macs);
  EXPECT_EQ(trainer.images_seen(), 48);
  EXPECT_DOUBLE_EQ(trainer.macs_done(), 16.0 * static_cast<double>(alone.macs + both.macs));
}

TEST(TrainerWithDarts, TheFirstArchitectureStepIsOneOfAdamWithoutLabelSmoothing) {
  Threads threads(1);
  DartsSetting s;
  s.sampler_options.weight_decay = 0;
  Trainer trainer = s.trainer();
  const at::Tensor before = s.logits();
  Rng rng(0);
  const Work work = s.sampler->next({}, rng).value();
  const auto batch = batch_of(1000);
  std::vector<at::Tensor> logits;
  std::vector<at::Tensor> gates;
  for (std::size_t d = 0; d < 2; ++d) {
    logits.push_back(s.sampler->logits(d).clone().set_requires_grad(true));
    gates.push_back(at::softmax(logits.back(), 0));
  }
  const Gates own(s.space->decisions(), gates);
  const at::Tensor output = testing_support::logits(s.supernet.build(work.subnets.front().selection), s.supernet.bank,
                                                    batch.images, testing_support::learning_gates(own));
  const auto gradients = torch::autograd::grad({at::cross_entropy_loss(output, batch.labels)}, logits);
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
  trainer.use_averages();
  EXPECT_EQ(trainer.steps_done(), 20);
}

struct UniformSetting : Setting {
  UniformSampler sampler{space, UniformSampler::Options{.subnets_per_step = 2}, Rng(0)};
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
  for (const auto& [name, tensor] : tensors) EXPECT_TRUE(same_bits(other.state_tensors().at(name), tensor)) << name;
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
  std::erase_if(tensors, [](const auto& item) { return item.first.starts_with("average."); });
  EXPECT_THROWS_WITH(sgd.load(tensors, sgd.state()), UsageError, "averages in the checkpoint");
  for (const char* key : {"step", "rng", "sampler", "images", "macs"}) {
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
  std::erase_if(tensors, [](const auto& item) { return item.first.starts_with("sampler."); });
  EXPECT_THROWS_WITH(darts.load(tensors, darts.state()), UsageError, "architecture parameters");
}

}  // namespace
}  // namespace frontier
