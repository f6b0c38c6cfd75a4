#include "evaluators/supernet_accuracy.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "common/errors.h"
#include "datasets/loader.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "supernet/samplers/sandwich.h"
#include "supernet/trainer.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/reference_network.h"
#include "support/small_spaces.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Space = std::shared_ptr<const SearchSpace>;

DataSplits synthetic(const InputShape& input, std::int64_t train, std::int64_t test) {
  DataOptions options;
  options.name = "synthetic";
  options.synthetic.channels = static_cast<int>(input.channels);
  options.synthetic.height = static_cast<int>(input.height);
  options.synthetic.width = static_cast<int>(input.width);
  options.synthetic.classes = static_cast<int>(input.classes);
  options.synthetic.train_size = train;
  options.synthetic.test_size = test;
  options.search_size = train / 4;
  return load_data(options);
}

/// A space with a supernet whose every weight is random, and data of its shape.
struct Setting {
  Space space;
  Supernet supernet;
  DataSplits data;
  SupernetAccuracyOptions options;
  Classification task;

  explicit Setting(Space s, std::int64_t train = 160, std::int64_t test = 40)
      : space(std::move(s)),
        supernet(space, space->default_input(), Rng(2)),
        data(synthetic(supernet.input, train, test)) {
    std::uint64_t seed = 40;
    for (const auto& p : supernet.bank.parameters())
      supernet.bank.parameter(p).add_(normal_tensor(p.shape, ++seed, 0, p.shape.size() == 4 ? 0.05 : 0.3));
    options.calibration_images = 64;
    options.calibration_batch = 32;
    options.batch = 25;
  }
  SupernetAccuracy evaluator() const { return {supernet, task, data.train, data.test, options}; }
};

Space shared(SearchSpace space) { return std::make_shared<const SearchSpace>(std::move(space)); }

void expect_same(const Measurement& a, const Measurement& b) { EXPECT_EQ(a.metrics, b.metrics); }

/// Parents and, for each, children that differ in one decision.
std::vector<Architecture> families(const SearchSpace& space, int parents, int children, std::uint64_t seed) {
  std::vector<Architecture> archs;
  Rng rng(seed);
  for (int p = 0; p < parents; ++p) {
    const Architecture parent = space.random(rng);
    archs.push_back(parent);
    for (int c = 0; c < children; ++c) {
      Architecture child = parent;
      const auto d = rng.below(child.choices.size());
      child.choices[d] = static_cast<std::uint16_t>(rng.below(space.decisions()[d].options.size()));
      archs.push_back(space.canonical(child));
    }
  }
  return archs;
}

void expect_population_equals_one_by_one(const Setting& s, const std::vector<Architecture>& archs) {
  SupernetAccuracy together = s.evaluator(), alone = s.evaluator();
  const auto all = together.evaluate(archs);
  ASSERT_EQ(all.size(), archs.size());
  const auto [run, without] = together.layers_run();
  EXPECT_LT(run, without);
  for (std::size_t i = 0; i < archs.size(); ++i) {
    SCOPED_TRACE(s.space->to_string(archs[i]));
    expect_same(alone.evaluate(std::span(&archs[i], 1)).front(), all[i]);
    EXPECT_EQ(alone.layers_run().first, alone.layers_run().second);
  }
}

TEST(SupernetAccuracy, APopulationGetsWhatItsMembersGetAlone) {
  Threads threads(1);
  const Setting s(make_space("mobile_cnn"));
  std::vector<Architecture> archs = families(*s.space, 3, 5, 1);
  for (const auto& arch : families(*s.space, 6, 0, 2)) archs.push_back(arch);
  archs.push_back(archs.front());
  expect_population_equals_one_by_one(s, archs);
}

TEST(SupernetAccuracy, SoItIsInSpacesWithOtherLayersAndOnTwoThreads) {
  Threads threads(2);
  for (const Space& space : {shared(all_layers_space()), shared(nested_space()), shared(branch_space())})
    expect_population_equals_one_by_one(Setting(space, 160, 30), families(*space, 4, 6, 3));
}

TEST(SupernetAccuracy, NeitherOrderNorGroupSizeMatters) {
  Threads threads(1);
  Setting s(shared(nested_space()));
  auto archs = families(*s.space, 5, 4, 4);
  const auto expected = s.evaluator().evaluate(archs);
  std::vector<std::size_t> order(archs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Rng(6).shuffle(order);
  std::vector<Architecture> shuffled;
  for (const auto i : order) shuffled.push_back(archs[i]);
  const auto seen = s.evaluator().evaluate(shuffled);
  for (std::size_t i = 0; i < order.size(); ++i) expect_same(seen[i], expected[order[i]]);
  for (const std::int64_t group : {1, 3, 7}) {
    s.options.population = group;
    const auto grouped = s.evaluator().evaluate(archs);
    for (std::size_t i = 0; i < archs.size(); ++i) expect_same(grouped[i], expected[i]);
  }
  EXPECT_TRUE(s.evaluator().evaluate({}).empty());
}

TEST(SupernetAccuracy, EqualsTheUnfoldedReferenceInDouble) {
  Threads threads(1);
  const Setting s(make_space("mobile_cnn"));
  for (const auto& arch : families(*s.space, 3, 0, 8)) {
    const NetworkGraph graph = s.supernet.build(arch);
    std::map<std::string, at::Tensor> parameters;
    for (const auto& [name, tensor] : s.supernet.bank.extract(graph).tensors())
      parameters.emplace(name, tensor.to(at::kDouble));
    BatchNormStatistics statistics;
    const Dataset calibration = s.data.train.draw(64, Rng(0).domain("evaluation.calibration"));
    for (std::int64_t b = 0; b < 2; ++b) {
      const auto values =
          reference_values(graph, parameters, evaluation_batch(calibration, 32 * b, 32).images.to(at::kDouble));
      for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
        if (!graph[v].is("batch_norm")) continue;
        const at::Tensor& x = values[graph.inputs(v).front()];
        statistics.add(v, x.mean(at::IntArrayRef{0, 2, 3}), x.var(at::IntArrayRef{0, 2, 3}, false));
      }
    }
    const Batch test = evaluation_batch(s.data.test, 0, 40);
    const at::Tensor logits =
        reference_values(graph, parameters, test.images.to(at::kDouble), &statistics)[graph.output()].flatten(1);
    SupernetAccuracy evaluator = s.evaluator();
    const auto metrics = evaluator.evaluate(std::span(&arch, 1)).front().metrics;
    EXPECT_EQ(metrics.size(), 3U);
    EXPECT_EQ(metrics.at("images"), 40);
    EXPECT_NEAR(metrics.at("top1"), logits.argmax(1).eq(test.labels).to(at::kDouble).mean().item<double>(), 1e-12);
    EXPECT_NEAR(metrics.at("loss"), at::cross_entropy_loss(logits, test.labels).item<double>(), 1e-4);
  }
}

TEST(SupernetAccuracy, ClassifiesImagesDrawnBySeedIfAsked) {
  Threads threads(1);
  Setting s(shared(nested_space()));
  const auto archs = families(*s.space, 2, 2, 4);
  EXPECT_EQ(s.evaluator().images(), "40 images");
  s.options.images = 17;
  s.options.seed = 3;
  SupernetAccuracy evaluator = s.evaluator();
  EXPECT_EQ(evaluator.images(), "17 of 40 images, drawn by seed 3");
  const auto some = evaluator.evaluate(archs);
  s.data.test = s.data.test.draw(17, Rng(3).domain("evaluation.images"));
  s.options.images = 0;
  s.options.batch = 5;
  const auto subset = s.evaluator().evaluate(archs);
  s.options.images = 1000;
  EXPECT_EQ(s.evaluator().images(), "17 images");
  const auto more = s.evaluator().evaluate(archs);
  for (std::size_t i = 0; i < archs.size(); ++i) {
    EXPECT_EQ(some[i].metrics.at("top1"), subset[i].metrics.at("top1"));
    EXPECT_NEAR(some[i].metrics.at("loss"), subset[i].metrics.at("loss"), 1e-6);
    expect_same(more[i], subset[i]);
  }
}

/// The same images, in another order.
Dataset reordered(const Dataset& data, const at::Tensor& order) {
  const auto* first = order.const_data_ptr<std::int64_t>();
  return data.subset({first, static_cast<std::size_t>(order.numel())});
}

TEST(SupernetAccuracy, TheSameImagesSortedByClassGiveTheSameNumbers) {
  Threads threads(1);
  Setting s(shared(nested_space()), 8000, 1000);  // 6,000 of them are for training
  ASSERT_EQ(s.data.train.size(), 6000);
  const auto archs = families(*s.space, 2, 2, 4);
  s.options.images = 200;
  const auto expected = s.evaluator().evaluate(archs);
  const auto sorted = [](const Dataset& data) {
    return reordered(data, std::get<1>(data.labels.sort(/*stable=*/true, 0, false)));
  };
  s.data.train = sorted(s.data.train);
  s.data.test = sorted(s.data.test);
  const auto seen = s.evaluator().evaluate(archs);
  for (std::size_t i = 0; i < archs.size(); ++i) expect_same(seen[i], expected[i]);
}

TEST(SupernetAccuracy, OtherSeedsDrawOtherImages) {
  Threads threads(1);
  Setting s(shared(nested_space()));
  const auto archs = families(*s.space, 1, 0, 4);
  std::set<double> losses, calibrated;
  for (s.options.seed = 0; s.options.seed < 5; ++s.options.seed) {
    s.options.images = 0;
    calibrated.insert(s.evaluator().evaluate(archs).front().metrics.at("loss"));
    s.options.images = 17;
    losses.insert(s.evaluator().evaluate(archs).front().metrics.at("loss"));
  }
  EXPECT_EQ(calibrated.size(), 5U);
  EXPECT_EQ(losses.size(), 5U);
}

TEST(SupernetAccuracy, SaysWhatItCalibratesOn) {
  Setting s(shared(nested_space()));
  const auto text = [&](std::int64_t images, std::int64_t batch, std::int64_t seed) {
    s.options.calibration_images = images;
    s.options.calibration_batch = batch;
    s.options.seed = seed;
    return s.evaluator().calibration();
  };
  EXPECT_EQ(text(20, 8, 0), "batch norm recalibrated on 16 training images in batches of 8, drawn by seed 0");
  EXPECT_EQ(text(2, 8, 1), "batch norm recalibrated on 8 training images in batches of 8, drawn by seed 1");
  EXPECT_EQ(text(1000, 40, 7), "batch norm recalibrated on 120 training images in batches of 40, drawn by seed 7");
}

TEST(SupernetAccuracy, CalibratesOnTheImagesAskedFor) {
  Threads threads(1);
  Setting s(shared(nested_space()));
  const auto archs = families(*s.space, 1, 0, 4);
  const auto loss = [&](std::int64_t images, std::int64_t batch) {
    s.options.calibration_images = images;
    s.options.calibration_batch = batch;
    return s.evaluator().evaluate(archs).front().metrics.at("loss");
  };
  EXPECT_EQ(loss(64, 32), loss(95, 32));  // whole batches only
  EXPECT_EQ(loss(1, 32), loss(32, 32));   // one at least
  EXPECT_NE(loss(32, 32), loss(64, 32));
  EXPECT_EQ(loss(120, 30), loss(5000, 30));  // all there are
}

TEST(SupernetAccuracy, LeavesTheSupernetAsItWas) {
  Threads threads(1);
  const Setting s(shared(nested_space()));
  const at::Tensor weights = s.supernet.bank.weights().clone();
  s.supernet.bank.gradients().fill_(3);
  s.evaluator().evaluate(families(*s.space, 3, 3, 5));
  EXPECT_TRUE(same_bits(s.supernet.bank.weights(), weights));
  EXPECT_TRUE(s.supernet.bank.gradients().eq(3).all().item<bool>());
  EXPECT_FALSE(s.supernet.bank.weights().requires_grad());
}

TEST(SupernetAccuracy, MisuseAndBrokenWeightsAreNamed) {
  Threads threads(1);
  Setting s(shared(nested_space()));
  const auto archs = families(*s.space, 2, 2, 5);
  s.options.calibration_batch = 121;
  EXPECT_THROWS_WITH(s.evaluator(), UsageError,
                     "evaluation.calibration_batch = 121 is more than the 120 training images");
  s.options.calibration_batch = 32;
  Dataset empty = s.data.test;
  empty.images = empty.images.narrow(0, 0, 0);
  empty.labels = empty.labels.narrow(0, 0, 0);
  EXPECT_THROWS_WITH(SupernetAccuracy(s.supernet, s.task, s.data.train, empty, s.options), UsageError, "no images");
  const Architecture alien{{0, 0, 9}};
  SupernetAccuracy evaluator = s.evaluator();
  EXPECT_THROWS_WITH(evaluator.evaluate(std::span(&alien, 1)), InvalidArchitecture, "decisions");
  evaluator.set_check([] { throw Interrupted("stop"); });
  EXPECT_THROWS_WITH(evaluator.evaluate(archs), Interrupted, "stop");
  s.supernet.bank.slice("stem.weight", {4, 3, 3, 3}).fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THROWS_WITH(s.evaluator().evaluate(archs), Error, "is not finite");
}

TEST(SupernetAccuracy, OptionsAreChecked) {
  SupernetAccuracyOptions o;
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"batch", 0}}, "evaluation", o), UsageError, "evaluation.batch");
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"population", 5000}}, "evaluation", o), UsageError, "4096");
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"calibration_image", 5}}, "evaluation", o), UsageError,
                     "calibration_images");
}

TEST(SupernetAccuracy, ATrainedSupernetBeatsChanceAndItsSubnetsDiffer) {
  Threads threads(1);
  const Space space = shared(nested_space());
  Supernet supernet(space, space->default_input(), Rng(1));
  const DataSplits data = synthetic(supernet.input, 1600, 400);
  Loader loader(data.train, {.batch_size = 32, .prefetch = 0}, Rng(3));
  SandwichSampler sampler(space, space->default_input(), {.random_subnets = 1}, Rng(0));
  const Classification task;
  TrainerOptions training;
  training.steps = 250;
  training.lr = 0.1;
  Trainer trainer(supernet, sampler, task, training, 5, {{Stream::kTrain, [&](std::int64_t) {
                                                            const Batch batch = loader.next();
                                                            return TrainingBatch{batch.images, batch.labels, {}};
                                                          }}});
  while (!trainer.finished()) trainer.step();

  const FeasibleSet all(*space, supernet.input, Budget{});
  std::vector<Architecture> archs = {all.most_macs().arch, all.least_macs().arch};
  for (const auto& arch : families(*space, 6, 0, 9)) archs.push_back(arch);
  SupernetAccuracy evaluator(supernet, task, data.train, data.test,
                             {.calibration_images = 512, .calibration_batch = 128});
  const auto measured = evaluator.evaluate(archs);
  // 4 classes, 400 images: chance is 0.25 with a standard deviation of 0.022.
  for (const auto& m : measured) EXPECT_GT(m.metrics.at("top1"), 0.25 + 5 * 0.022);
  EXPECT_NE(measured[0].metrics.at("top1"), measured[1].metrics.at("top1"));
  EXPECT_LT(measured[0].metrics.at("loss"), measured[1].metrics.at("loss"));
}

TEST(ExtractedNetwork, MeasuresWhatTheSubnetMeasures) {
  Threads threads(1);
  Setting s(make_space("mobile_cnn"));
  Rng rng(5);
  for (int i = 0; i < 3; ++i) {
    const Architecture arch = s.space->random(rng);
    auto expected = s.evaluator().evaluate(std::span(&arch, 1)).front().metrics;
    EXPECT_EQ(expected.extract("images").mapped(), 40);
    const Network network = extract_network(s.supernet, arch, s.data.train, s.options);
    const auto statistics = network.statistics();
    // Once more from what would be written down, and after the supernet has changed.
    const Network again(s.supernet.build(arch), network.weights().snapshot(),
                        statistics_of(network.graph(), statistics));
    s.supernet.bank.values().add_(0.01);
    for (const Network* n : {&network, &again}) {
      at::Tensor sums = at::zeros({2}, at::kDouble);
      for (std::int64_t first = 0; first < s.data.test.size(); first += s.options.batch) {
        const Batch batch = evaluation_batch(s.data.test, first, std::min(s.options.batch, s.data.test.size() - first));
        sums += s.task.sums((*n)(batch.images), {batch.images, batch.labels, {}});
      }
      EXPECT_EQ(s.task.means(sums, s.data.test.size()), expected);
    }
    TensorMap less = statistics;
    less.erase(less.begin());
    EXPECT_THROWS_WITH(statistics_of(network.graph(), less), UsageError, "is missing or of another size");
  }
}

}  // namespace
}  // namespace frontier
