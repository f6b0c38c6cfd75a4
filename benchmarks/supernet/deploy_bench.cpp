// Milliseconds from a wanted cost to a subnet: what the generator of ShiftNAS says of it, and the likeliest subnet that
// costs at most 3 % less (as searcher 'shiftnas' asks for it), at 20 costs across the range. The generator has learned
// by its costs alone, or not at all, which is the hardest case of the search: its scores are nearly equal. The line is
// 5 ms.
//
// build/release/benchmarks/supernet/deploy_bench [STEPS (1000)]

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "search_spaces/registry.h"
#include "supernet/parameter_group.h"
#include "supernet/samplers/shiftnas.h"

namespace frontier {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCosts = 20, kRounds = 5;
constexpr double kWithin = 0.03, kSlack = 1e-3;  // as the searcher's

double milliseconds(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - start).count();
}

/// The generator learns by how far its costs are off.
void train(ShiftNasSampler& sampler, std::int64_t steps) {
  ParameterGroup group = sampler.groups()[0];
  group.options.lr = {.kind = "cosine", .start = 3e-3};
  GroupTrainer generator(group, std::max<std::int64_t>(1, steps));
  Rng rng(2);
  for (std::int64_t step = 0; step < steps; ++step) {
    const auto work = sampler.next({step, std::int64_t{1} << 40, 0, {}}, rng);
    sampler.penalty(*work, work->subnets[0]).backward();
    generator.step(step);
    group.store->clear_gradients();
  }
}

/// Numbers of all costs; the time of one is the least of some rounds.
struct Numbers {
  std::vector<double> generator_ms, window_ms, search_ms, all_ms, below;
};

Numbers deploy(const ShiftNasSampler& sampler) {
  Numbers numbers;
  const FeasibleSet all(sampler.bins().all(), {.max_macs = sampler.bins().most()});
  const auto least = static_cast<double>(sampler.bins().least()), most = static_cast<double>(sampler.bins().most());
  for (int i = 1; i <= kCosts; ++i) {
    const auto wanted = static_cast<std::int64_t>(least + (most - least) * i / kCosts);
    const auto from = static_cast<std::int64_t>(std::ceil((1 - kWithin) * static_cast<double>(wanted)));
    double parts[4] = {1e9, 1e9, 1e9, 1e9};
    std::int64_t macs = 0;
    for (int round = 0; round < kRounds; ++round) {
      const auto begin = Clock::now();
      const auto scores = sampler.scores(static_cast<double>(wanted), nullptr);
      const auto asked = Clock::now();
      const FeasibleSet window(all, {.limits = {{"macs", from, wanted}}});
      const auto made = Clock::now();
      const Architecture arch = window.best(scores, kSlack);
      const auto found = Clock::now();
      macs = all.table().macs(arch);
      const double now[4] = {milliseconds(begin, asked), milliseconds(asked, made), milliseconds(made, found),
                             milliseconds(begin, found)};
      for (int part = 0; part < 4; ++part) parts[part] = std::min(parts[part], now[part]);
    }
    numbers.generator_ms.push_back(parts[0]);
    numbers.window_ms.push_back(parts[1]);
    numbers.search_ms.push_back(parts[2]);
    numbers.all_ms.push_back(parts[3]);
    numbers.below.push_back(100 * static_cast<double>(wanted - macs) / static_cast<double>(wanted));
  }
  return numbers;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[values.size() / 2] + values[(values.size() - 1) / 2]) / 2;
}
double greatest(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

void report(const std::string& name, std::int64_t steps) {
  const std::shared_ptr<const SearchSpace> space = make_space(name);
  ShiftNasSampler::Options options;
  options.cost_weight = 30;
  ShiftNasSampler sampler(space, space->default_input(), options, Rng(0));
  train(sampler, steps);
  const Numbers n = deploy(sampler);
  std::printf("| %s | %lld | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", name.c_str(),
              static_cast<long long>(steps), median(n.all_ms), greatest(n.all_ms), median(n.generator_ms),
              median(n.window_ms), median(n.search_ms), median(n.below), greatest(n.below));
  std::fflush(stdout);
}

}  // namespace
}  // namespace frontier

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const std::int64_t steps = argc > 1 ? std::atoll(argv[1]) : 1000;
  std::puts(
      "| space | steps | median ms | worst ms | generator | window | search | median % below | worst |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const char* space : {"mobile_cnn", "mobile_cnn_224", "autoformer_tiny"})
    for (const std::int64_t learned : {steps, std::int64_t{0}}) frontier::report(space, learned);
}
