#include "common/pareto.h"

#include <benchmark/benchmark.h>

#include "common/rng.h"

namespace frontier {
namespace {

/// Points spread evenly over the cube: about n^(1/2) fronts of two objectives.
std::vector<double> random_points(std::size_t n, std::size_t dims) {
  Rng rng(1);
  std::vector<double> points(n * dims);
  for (double& x : points) x = rng.uniform();
  return points;
}

void ranks(benchmark::State& state) {
  const auto dims = static_cast<std::size_t>(state.range(1));
  const auto points = random_points(static_cast<std::size_t>(state.range(0)), dims);
  for (auto _ : state) benchmark::DoNotOptimize(pareto_ranks(points, dims));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ranks)->Args({100000, 2})->Args({100000, 3})->Args({10000, 4})->Unit(benchmark::kMillisecond);

void front(benchmark::State& state) {
  const auto dims = static_cast<std::size_t>(state.range(1));
  const auto points = random_points(static_cast<std::size_t>(state.range(0)), dims);
  for (auto _ : state) benchmark::DoNotOptimize(pareto_front(points, dims));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(front)
    ->Args({100000, 2})
    ->Args({1000000, 2})
    ->Args({1000000, 3})
    ->Args({100000, 4})
    ->Unit(benchmark::kMillisecond);

void volume(benchmark::State& state) {
  const auto dims = static_cast<std::size_t>(state.range(1));
  const auto points = random_points(static_cast<std::size_t>(state.range(0)), dims);
  const std::vector<double> reference(dims, 1.0);
  for (auto _ : state) benchmark::DoNotOptimize(hypervolume(points, reference));
}
BENCHMARK(volume)->Args({100000, 2})->Args({100000, 3})->Args({1000, 4})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace frontier
