// What everything behind the backward pass of one training step costs: zeroing, norm, clipping, SGD with Nesterov
// momentum, average. "Passes" are tensor operations over the whole bank; "Trainer" is GroupTrainer over what a subnet
// of half the width touched.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/types.h>

#include "supernet/parameter_group.h"

namespace frontier {
namespace {

/// Pointwise convolutions of 512 channels, as many as make about `scalars`, and their norms.
ParameterStore bank_of(std::int64_t scalars) {
  std::vector<Parameter> parameters;
  for (std::int64_t i = 0; i < std::max<std::int64_t>(1, scalars / (512 * 512)); ++i) {
    const std::string layer = "layer" + std::to_string(i);
    parameters.push_back(
        {.name = layer + ".weight", .shape = {512, 512, 1, 1}, .decays = true, .initializer = {"he_normal"}});
    parameters.push_back({.name = layer + ".bn.weight", .shape = {512}, .initializer = {"one"}});
  }
  return ParameterStore(std::move(parameters), Rng(1));
}

void add_gradients(ParameterStore& store) {
  for (std::size_t i = 0; i < store.parameters().size(); ++i) {
    std::vector<std::int64_t> shape = store.parameters()[i].shape;
    for (auto& size : shape) size = (size + 1) / 2;
    store.touch(store.layout().region(i, shape));
  }
}

void report(benchmark::State& state, const ParameterStore& store) {
  state.counters["weights"] = static_cast<double>(store.num_scalars());
  state.SetItemsProcessed(state.iterations() * store.num_scalars());
}

void BM_Passes(benchmark::State& state) {
  at::set_num_threads(1);
  ParameterStore store = bank_of(state.range(0));
  const at::Tensor w = store.values(), g = store.gradients(), average = w.clone(), momentum = at::zeros_like(w);
  const std::int64_t decayed = store.layout().group("").decayed_end;
  for (auto _ : state) {
    g.zero_();
    const double norm = g.norm().item<double>();
    g.mul_(5 / (norm + 6));
    g.narrow(0, 0, decayed).add_(w.narrow(0, 0, decayed), 5e-5);
    momentum.mul_(0.9).add_(g);
    g.add_(momentum, 0.9);
    w.add_(g, -0.01);
    average.lerp_(w, 0.01);
  }
  report(state, store);
}
BENCHMARK(BM_Passes)->Arg(300'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

void BM_Trainer(benchmark::State& state) {
  at::set_num_threads(1);
  ParameterStore store = bank_of(state.range(0));
  GroupTrainer trainer({.name = "weights", .store = &store, .options = {.clip = {.norm = 5}, .average_decay = 0.99}},
                       1 << 30);
  std::int64_t step = 0;
  for (auto _ : state) {
    store.clear_gradients();
    add_gradients(store);
    benchmark::DoNotOptimize(trainer.step(step++));
  }
  report(state, store);
}
BENCHMARK(BM_Trainer)->Arg(300'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace frontier
