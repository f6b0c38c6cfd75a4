// population [images] [threads] [seed]: evaluates 64 mobile_cnn subnets (8 random parents and 7 children of each that
// differ in one decision) on Fashion-MNIST with inherited weights, batch-norm recalibration included: merged into one
// graph, and one by one. Prints seconds, the ratio and whether all metrics are equal to the last bit; exits with 1
// where they are not. The weights are untrained: the work is the same.

#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "evaluators/supernet_accuracy.h"
#include "search_spaces/registry.h"
#include "supernet/memory.h"

using namespace frontier;

namespace {

/// `parent` with one active decision changed.
Architecture mutated(const SearchSpace& space, const Architecture& parent, Rng& rng) {
  for (;;) {
    Architecture child = parent;
    const std::size_t d = rng.below(child.choices.size());
    child.choices[d] = static_cast<std::uint16_t>(rng.below(space.decisions()[d].options.size()));
    child = space.canonical(child);
    if (child != parent) return child;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t images = argc > 1 ? std::atoll(argv[1]) : 10'000;
  at::set_num_threads(argc > 2 ? std::atoi(argv[2]) : 2);
  keep_freed_memory();  // as the program's engine does
  Rng rng(argc > 3 ? static_cast<std::uint64_t>(std::atoll(argv[3])) : 0);
  const auto space = make_space("mobile_cnn");
  const Supernet supernet(space, space->default_input(), Rng(1));
  const DataSplits data = load_data({});
  const Classification task;
  std::vector<Architecture> archs;
  for (int parent = 0; parent < 8; ++parent) {
    archs.push_back(space->random(rng));
    const Architecture base = archs.back();
    for (int child = 0; child < 7; ++child) archs.push_back(mutated(*space, base, rng));
  }
  const auto run = [&](std::int64_t population, std::vector<Measurement>& measured) {
    SupernetAccuracyOptions options;
    options.images = images;
    options.population = population;
    SupernetAccuracy evaluator(supernet, task, data.train, data.test, options);
    const auto start = std::chrono::steady_clock::now();
    measured = evaluator.evaluate(archs);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%s: %.2f s, %zu layers run of %zu\n", population == 1 ? "one by one" : "merged", seconds,
                evaluator.layers_run().first, evaluator.layers_run().second);
    return seconds;
  };
  std::vector<Measurement> merged, single;
  const double merged_seconds = run(64, merged), single_seconds = run(1, single);
  bool equal = true;
  for (std::size_t i = 0; i < archs.size(); ++i) equal = equal && merged[i].metrics == single[i].metrics;
  std::printf("ratio %.2f, metrics %s\n", single_seconds / merged_seconds, equal ? "equal to the last bit" : "DIFFER");
  return equal ? 0 : 1;
}
