#include "search_spaces/cost.h"

#include <benchmark/benchmark.h>

#include <iterator>

#include "search_spaces/budget.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

const char* const kSpaces[] = {"nas_bench_macro",  "mobile_cnn", "mobile_cnn_32",   "mobile_cnn_224",
                               "nas_bench_201",    "darts",      "ofa_mobilenetv3", "autoformer_small",
                               "resnet_shape_110", "elastic_vit"};
constexpr int kLastSpace = static_cast<int>(std::size(kSpaces)) - 1;

std::vector<Architecture> random_subnets(const SearchSpace& space, std::size_t n) {
  Rng rng(1);
  std::vector<Architecture> archs;
  for (std::size_t i = 0; i < n; ++i) archs.push_back(space.random(rng));
  return archs;
}

/// One query a subnet, 1,024 different ones in turn.
void query_macs(benchmark::State& state) {
  const auto space = make_space(kSpaces[state.range(0)]);
  const CostTable table = space->cost_table(space->default_input());
  const auto archs = random_subnets(*space, 1024);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.macs(archs[i++ % archs.size()]));
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(space->name());
}
BENCHMARK(query_macs)->DenseRange(0, kLastSpace);

void query_macs_and_params(benchmark::State& state) {
  const auto space = make_space(kSpaces[state.range(0)]);
  const CostTable table = space->cost_table(space->default_input());
  const auto archs = random_subnets(*space, 1024);
  std::size_t i = 0;
  for (auto _ : state) {
    const auto& arch = archs[i++ % archs.size()];
    benchmark::DoNotOptimize(table.macs(arch));
    benchmark::DoNotOptimize(table.params(arch));
  }
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(space->name());
}
BENCHMARK(query_macs_and_params)->DenseRange(0, kLastSpace);

void build_graph(benchmark::State& state) {
  const auto space = make_space(kSpaces[state.range(0)]);
  const auto archs = random_subnets(*space, 64);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(space->build(archs[i++ % archs.size()], space->default_input()).size());
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(space->name());
}
BENCHMARK(build_graph)->DenseRange(0, kLastSpace);

void make_cost_table(benchmark::State& state) {
  const auto space = make_space(kSpaces[state.range(0)]);
  for (auto _ : state) benchmark::DoNotOptimize(space->cost_table(space->default_input()).macs_sum().constant());
  state.SetLabel(space->name());
}
BENCHMARK(make_cost_table)->DenseRange(0, kLastSpace);

void canonical_form(benchmark::State& state) {
  const auto space = make_space(kSpaces[state.range(0)]);
  const auto archs = random_subnets(*space, 1024);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(space->canonical(archs[i++ % archs.size()]));
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(space->name());
}
BENCHMARK(canonical_form)->DenseRange(0, kLastSpace);

/// Half way between the cheapest and the dearest.
Budget middle_budget(const SearchSpace& space) {
  const FeasibleSet set(space, space.default_input(), {});
  return {(set.least_macs().macs + set.most_macs().macs) / 2, {}};
}

void draw_within_budget(benchmark::State& state) {
  const auto space = make_space(kSpaces[state.range(0)]);
  const FeasibleSet set(*space, space->default_input(), middle_budget(*space));
  Rng rng(1);
  benchmark::DoNotOptimize(set.draw(rng));  // makes the tables
  for (auto _ : state) benchmark::DoNotOptimize(set.draw(rng));
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(space->name());
}
BENCHMARK(draw_within_budget)->DenseRange(0, kLastSpace);

void count_within_budget(benchmark::State& state) {
  const auto space = make_space(kSpaces[state.range(0)]);
  const Budget budget = middle_budget(*space);
  bool exact = false;
  for (auto _ : state) {
    const FeasibleSet set(*space, space->default_input(), budget);
    exact = set.count().is_exact();
  }
  state.SetLabel(space->name() + (exact ? ", exact" : ", bounds"));
}
BENCHMARK(count_within_budget)->DenseRange(0, kLastSpace)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace frontier

BENCHMARK_MAIN();
