// A search space of one's own: residual networks with searched widths, depth and kernels, defined by one function; then
// what comes with it.

#include <cstdio>

#include "datasets/loader.h"
#include "evaluators/supernet_accuracy.h"
#include "search_spaces/budget.h"
#include "supernet/trainer.h"

using namespace frontier;

namespace {

Signal network(Builder& b, Signal x, std::int64_t classes) {
  x = b.conv_bn("stem", x, {.out = b.choose("stem", {16, 24}), .kernel = 3}, Activation::kReLU);
  for (int s = 0; s < 2; ++s) {
    auto stage = b.scope("stage" + std::to_string(s));
    const Dim width = b.choose("width", {16 << s, 24 << s, 32 << s});
    x = b.conv_bn("widen", x, {.out = width, .kernel = 3, .stride = 2}, Activation::kReLU);
    x = b.repeat("depth", {1, 2, 3}, x, [&](int i, Signal in) {
      auto block = b.scope("block" + std::to_string(i));
      Signal y = b.conv_bn("a", in, {.out = width, .kernel = b.choose("kernel", {3, 5})}, Activation::kReLU);
      y = b.conv_bn("b", y, {.out = width, .kernel = 3});
      return b.activation(b.residual(in, y), Activation::kReLU);
    });
  }
  return b.linear("classifier", b.global_pool(x), classes);
}

}  // namespace

int main() {
  const auto space = std::make_shared<const SearchSpace>("my_resnet.v1", InputShape{1, 16, 16, 10}, network);

  const FeasibleSet all(*space, space->default_input(), {});
  const FeasibleSet small(*space, space->default_input(), {.max_macs = 1'000'000});
  std::printf("%s subnets, %lld to %lld MACs; %s of at most 1 M\n", to_string(all.size()).c_str(),
              static_cast<long long>(all.least_macs().macs), static_cast<long long>(all.most_macs().macs),
              to_string(small.count().at_least).c_str());

  DataOptions data_options{.name = "synthetic"};
  data_options.synthetic.height = data_options.synthetic.width = 16;
  data_options.synthetic.noise = 0.5;
  const DataSplits data = load_data(data_options);
  Loader loader(data.train, {.batch_size = 64}, Rng(1).domain("loader.train"));

  Supernet supernet(space, space->default_input(), Rng(1).domain("weights"));
  const auto sampler =
      make_sampler("sandwich", space, space->default_input(), {{"random_subnets", 1}}, Rng(1).domain("sampler.start"));
  const Classification task(/*label_smoothing=*/0.1);
  TrainerOptions options;
  options.steps = 100;
  const BatchSource batches = [&](std::int64_t) -> TrainingBatch {
    const Batch batch = loader.next();
    return {batch.images, batch.labels, batch.targets};
  };
  Trainer trainer(supernet, *sampler, task, options, /*seed=*/1, {{Stream::kTrain, batches}});
  while (!trainer.finished()) trainer.step();

  Rng rng(2);
  const std::vector<Architecture> archs{small.draw(rng), all.most_macs().arch};
  SupernetAccuracy evaluator(supernet, task, data.train, data.search,
                             {.calibration_images = 512, .calibration_batch = 128});
  const auto measured = evaluator.evaluate(archs);
  for (std::size_t i = 0; i < archs.size(); ++i)
    std::printf("%s: %lld MACs, %.1f %% of the search split\n", space->to_string(archs[i]).c_str(),
                static_cast<long long>(all.table().macs(archs[i])), 100 * measured[i].metrics.at("top1"));
}
