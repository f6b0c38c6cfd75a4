#include "supernet/trainer.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

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
  const auto darts = make_sampler("darts", branches, branches->default_input(), none, Rng(0));
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
  const auto sampler = make_sampler("uniform", s.space, s.space->default_input(), none, Rng(0));
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
  DartsSampler::Options sampler_options;
  std::unique_ptr<DartsSampler> sampler;
  TrainerOptions options;
  Classification task{0.1};
  DartsSetting() {
    sampler_options.lr = 0.05;
    options.steps = 60;
    options.lr = 0.2;
  }
  Trainer trainer() {
    sampler = std::make_unique<DartsSampler>(space, space->default_input(), sampler_options, Rng(0));
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

/// Trains the subnet on whose held-out loss the weights have gained most since they were last kept, three steps ago.
class Watching : public StatelessSampler {
 public:
  explicit Watching(std::vector<Architecture> archs) : archs_(std::move(archs)) {}
  std::string_view name() const override { return "watching"; }
  bool uses(Stream stream) const override { return stream != Stream::kArchitecture; }
  std::optional<Work> next(const StepContext& context, Rng&) override {
    std::vector<Candidate> all;
    for (const auto& arch : archs_) all.push_back({arch});
    const bool watches = context.step % 3 == 0 && context.step > 0;
    if (watches && context.works < 2)
      return Work{.subnets = all,
                  .stream = Stream::kHeldOut,
                  .learn = Learn::kNothing,
                  .weights = context.works == 0 ? "before" : "",
                  .then_step = {}};
    if (context.works == (watches ? 3U : 1U)) return std::nullopt;
    std::size_t best = static_cast<std::size_t>(context.step) % archs_.size();
    if (watches) {
      std::vector<double> gains;
      for (std::size_t i = 0; i < archs_.size(); ++i)
        gains.push_back((context.outcomes[0][i].loss - context.outcomes[1][i].loss).item<double>());
      best = static_cast<std::size_t>(std::max_element(gains.begin(), gains.end()) - gains.begin());
    }
    return Work{.subnets = {{archs_[best]}}, .then_keep = context.step % 3 == 0 ? "before" : ""};
  }
  void observe(const Work& work, std::span<const Outcome> outcomes) override {
    if (work.stream == Stream::kHeldOut)
      for (const Outcome& outcome : outcomes) losses.push_back(outcome.loss.item<double>());
  }
  std::vector<double> losses;

 private:
  std::vector<Architecture> archs_;
};

struct WatchingSetting : Setting {
  Watching sampler{archs()};
  WatchingSetting() { options.steps = 20; }
  Trainer trainer() {
    task = std::make_unique<Classification>(0);
    return {supernet,
            sampler,
            *task,
            options,
            7,
            {{Stream::kTrain, [](std::int64_t s) { return batch_of(s); }},
             {Stream::kHeldOut, [](std::int64_t s) { return batch_of(s + 2000, 24); }}}};
  }
};

TEST(TrainerWorks, RunOnKeptWeightsAndOnImagesHeldOut) {
  Threads threads(1);
  WatchingSetting s;
  Trainer trainer = s.trainer();
  trainer.step();
  WatchingSetting before;  // the same weights as those that the first step kept
  before.supernet.bank.copy_from(s.supernet.bank);
  trainer.step();
  trainer.step();
  WatchingSetting now;
  now.supernet.bank.copy_from(s.supernet.bank);
  const StepReport report = trainer.step();
  std::vector<double> expected;
  for (WatchingSetting* weights : {&before, &now})
    for (const auto& arch : s.archs()) {
      const auto batch = batch_of(3 + 2000, 24);
      const at::Tensor logits = testing_support::logits(weights->supernet.build(arch), weights->supernet.bank,
                                                        batch.images, testing_support::training());
      expected.push_back(at::cross_entropy_loss(logits, batch.labels).item<double>());
    }
  ASSERT_EQ(s.sampler.losses.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(s.sampler.losses[i], expected[i], 1e-6) << i;
  EXPECT_EQ(report.images, 16 + 24);
  EXPECT_EQ(report.arch_loss, std::nullopt);
}

/// A sampler that asks for one work.
class Asking : public StatelessSampler {
 public:
  Asking(Work work, std::set<Stream> streams) : work_(std::move(work)), streams_(std::move(streams)) {}
  std::string_view name() const override { return "asking"; }
  bool uses(Stream stream) const override { return streams_.contains(stream); }
  std::optional<Work> next(const StepContext& context, Rng&) override {
    return context.works > 0 ? std::nullopt : std::optional(work_);
  }

 private:
  Work work_;
  std::set<Stream> streams_;
};

TEST(TrainerWorks, ASubnetsFactorIsThatOfItsGradients) {
  Threads threads(1);
  const auto moved = [](const std::vector<double>& factors) {
    Setting s;
    Work work;
    for (const double factor : factors) {
      work.subnets.push_back({s.archs().front()});
      work.subnets.back().factor = factor;
    }
    Asking sampler(std::move(work), {Stream::kTrain});
    const Classification task;
    Trainer trainer(s.supernet, sampler, task, s.options, 7,
                    {{Stream::kTrain, [](std::int64_t) { return batch_of(0); }}});
    const at::Tensor before = s.supernet.bank.values().clone();
    trainer.step();
    return at::Tensor(s.supernet.bank.values() - before);
  };
  const at::Tensor once = moved({1});
  EXPECT_GT(once.abs().max().item<double>(), 1e-3);
  EXPECT_LT((moved({-1}) + once).abs().max().item<double>(), 1e-6);
  EXPECT_LT((moved({0.25, 0.5}) - 0.75 * once).abs().max().item<double>(), 1e-6);
  EXPECT_LT(moved({1, -1}).abs().max().item<double>(), 1e-6);
}

TEST(TrainerWorks, AreRefusedWhereTheyContradictThemselves) {
  Threads threads(1);
  Setting s;
  const Candidate subnet{s.archs().front()};
  const auto expect_refused = [&](Work work, const std::string& why) {
    Asking sampler(std::move(work), {Stream::kTrain, Stream::kHeldOut});
    const Classification task;
    const auto source = [](std::int64_t step) { return batch_of(step); };
    Trainer trainer(s.supernet, sampler, task, s.options, 7, {{Stream::kTrain, source}, {Stream::kHeldOut, source}});
    EXPECT_THROWS_WITH(trainer.step(), std::logic_error, why);
  };
  expect_refused({.subnets = {subnet}, .stream = Stream::kHeldOut}, "trains weights on images that are held out");
  expect_refused({.subnets = {subnet}, .stream = Stream::kArchitecture}, "does not say that it uses");
  expect_refused({.subnets = {subnet}, .learn = Learn::kNothing, .weights = "never", .then_step = {}},
                 "asks for weights 'never', which no work has kept");
  expect_refused({.subnets = {subnet}, .learn = Learn::kGates, .unrolled = true}, "does not say that it unrolls");
  expect_refused({.subnets = {subnet}, .then_keep = "a.b"}, "keeps weights as 'a.b'");
  expect_refused({.subnets = {{.selection = subnet.selection, .lesson = {.teacher = "nobody"}}}},
                 "names a teacher 'nobody', which is not given");
}

TEST(TrainerWorks, LessonsOfATeacherCountBesideTheLabels) {
  Threads threads(1);
  Setting s;
  const Architecture arch = s.archs().front();
  const auto teacher = [](const at::Tensor& images) {
    return images.mean({2, 3}).matmul(at::ones({3, 4})) * 3 + at::arange(4);
  };
  const auto batch = batch_of(0);
  const at::Tensor logits =
      testing_support::logits(s.supernet.build(arch), s.supernet.bank, batch.images, testing_support::training());
  const at::Tensor said = at::softmax(teacher(batch.images) / 4, 1);
  const at::Tensor by_teacher = 16 * -(said * at::log_softmax(logits / 4, 1)).sum(1).mean();
  const double expected = (0.7 * by_teacher + 0.3 * at::cross_entropy_loss(logits, batch.labels)).item<double>();
  const Candidate subnet{.selection = arch, .lesson = {.teacher = "wise", .temperature = 4, .share = 0.7}};
  Asking sampler({.subnets = {subnet, subnet}}, {Stream::kTrain});
  int asked = 0;
  const Classification task;
  Trainer trainer(s.supernet, sampler, task, s.options, 7,
                  {{Stream::kTrain, [](std::int64_t step) { return batch_of(step); }}},
                  {{"wise", [&](const at::Tensor& images) {
                      ++asked;
                      return teacher(images);
                    }}});
  EXPECT_NEAR(trainer.step().loss, expected, 1e-5);
  EXPECT_EQ(asked, 1);  // once a batch
}

/// DARTS whose logits step by minus their gradient.
class PlainDarts : public DartsSampler {
 public:
  using DartsSampler::DartsSampler;
  std::vector<ParameterGroup> groups() override {
    auto groups = DartsSampler::groups();
    groups.front().options.optimizer = {.name = "sgd", .momentum = 0, .nesterov = false, .weight_decay = 0};
    groups.front().options.lr = {.start = 1};
    return groups;
  }
};

/// The loss on the architecture's batch behind one plain step of the weights on the training batch, by the executor
/// alone. @param logits of both decisions.
double unrolled_loss(const Space& space, const TrainerOptions& options, const Classification& task,
                     const std::vector<at::Tensor>& logits) {
  const Supernet supernet(space, space->default_input(), Rng(3));
  std::vector<at::Tensor> softmax;
  for (const at::Tensor& l : logits) softmax.push_back(at::softmax(l, 0));
  const Gates gates(space->decisions(), softmax);
  const NetworkGraph graph = supernet.build(Selection::everything(space->decisions()));
  const auto output = [&](const TrainingBatch& batch) {
    return testing_support::logits(graph, supernet.bank, batch.images, testing_support::training(&gates));
  };
  task.loss(output(batch_of(0)), batch_of(0)).backward();
  at::NoGradGuard no_grad;
  const std::int64_t decayed = supernet.bank.num_decayed();
  at::Tensor step = supernet.bank.gradients().clone();
  step.slice(0, 0, decayed).add_(supernet.bank.values().slice(0, 0, decayed), options.optimizer.weight_decay);
  supernet.bank.values().sub_(step, options.lr);
  return task.clean_loss(output(batch_of(1000)).to(at::kDouble), batch_of(1000)).item<double>();
}

TEST(TrainerWithDarts, SecondOrderIsTheGradientThroughAStepOfTheWeights) {
  Threads threads(1);
  std::vector<at::Tensor> gradients;  // of first and second order
  StepReport reports[2];
  DartsSetting s;
  s.options.lr = 0.5;
  s.options.optimizer.weight_decay = 0.01;
  std::vector<at::Tensor> start;
  for (const int order : {1, 2}) {
    s.supernet = Supernet(s.space, s.space->default_input(), Rng(3));
    DartsSampler::Options options;
    options.init_deviation = 0.5;
    options.order = order;
    PlainDarts sampler(s.space, s.space->default_input(), options, Rng(0));
    start = {sampler.logits(0).clone(), sampler.logits(1).clone()};
    Trainer trainer(s.supernet, sampler, s.task, s.options, 7,
                    {{Stream::kTrain, [](std::int64_t step) { return batch_of(step); }},
                     {Stream::kArchitecture, [](std::int64_t step) { return batch_of(step + 1000); }}});
    reports[order - 1] = trainer.step();
    gradients.push_back(at::cat(start) - at::cat(std::vector<at::Tensor>{sampler.logits(0), sampler.logits(1)}));
  }
  std::vector<double> expected;
  const double h = 0.02;
  for (std::size_t d = 0; d < start.size(); ++d)
    for (std::int64_t i = 0; i < start[d].numel(); ++i) {
      double loss[2];
      for (const int side : {0, 1}) {
        std::vector<at::Tensor> logits{start[0].clone(), start[1].clone()};
        logits[d][i].add_(side == 0 ? h : -h);
        loss[side] = unrolled_loss(s.space, s.options, s.task, logits);
      }
      expected.push_back((loss[0] - loss[1]) / (2 * h));
    }
  const at::Tensor truth = at::tensor(expected, at::kDouble);
  const double size = truth.norm().item<double>();
  EXPECT_LT((gradients[1].to(at::kDouble) - truth).norm().item<double>(), 0.03 * size);
  EXPECT_GT((gradients[0].to(at::kDouble) - truth).norm().item<double>(), 0.2 * size);  // first order is another thing
  // The same images, three runs more: the step that is looked ahead to and the two sides of the difference.
  EXPECT_EQ(reports[1].images, reports[0].images);
  EXPECT_EQ(reports[1].macs, reports[0].macs / 2 * 5);
}

/// DARTS that never trains the weights.
class LogitsAlone : public DartsSampler {
 public:
  using DartsSampler::DartsSampler;
  std::optional<Work> next(const StepContext& context, Rng& rng) override {
    return context.works > 0 ? std::nullopt : DartsSampler::next(context, rng);
  }
};

TEST(TrainerWithDarts, LookingAheadLeavesTheWeightsAsTheyWere) {
  Threads threads(1);
  DartsSetting s;
  s.sampler_options.order = 2;
  LogitsAlone sampler(s.space, s.space->default_input(), s.sampler_options, Rng(0));
  const BatchSource source = [](std::int64_t step) { return batch_of(step); };
  const BatchSources batches = {{Stream::kTrain, source}, {Stream::kArchitecture, source}};
  Trainer trainer(s.supernet, sampler, s.task, s.options, 7, batches);
  const at::Tensor weights = s.supernet.bank.weights().clone(), logits = sampler.logits(0).clone();
  for (int i = 0; i < 2; ++i) trainer.step();
  EXPECT_TRUE(same_bits(s.supernet.bank.weights(), weights));
  EXPECT_FALSE(same_bits(sampler.logits(0), logits));
  s.options.optimizer.name = "adamw";
  EXPECT_THROWS_WITH(Trainer(s.supernet, sampler, s.task, s.options, 7, batches), UsageError, "must be one of SGD");
}

struct UniformSetting : Setting {
  UniformSampler sampler{space, space->default_input(), UniformSampler::Options{.subnets_per_step = 2}, Rng(0)};
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
TEST(Resume, ContinuesDartsOfSecondOrderBitForBit) {
  expect_resume_equals_straight([] {
    auto s = std::make_unique<DartsSetting>();
    s->sampler_options.order = 2;
    return s;
  });
}
TEST(Resume, ContinuesWorksOnKeptWeightsBitForBit) {
  expect_resume_equals_straight([] { return std::make_unique<WatchingSetting>(); });
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
