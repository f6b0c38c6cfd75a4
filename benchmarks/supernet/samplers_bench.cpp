// What samplers cost beside the networks that they have trained. "step" is a training step of batch 64, of which
// "own_ms" were spent in the sampler's own calls ("own_percent" of the step); "dialogue" is what a sampler does in a
// step when nothing is trained: everything that it is asked for, the backward pass of its penalty included.
// On mobile_cnn where the sampler takes it, else on nas_bench_macro. The line for samplers that draw hard subnets is 2
// % of the step and 0.5 ms a draw.
//
// build/release/benchmarks/supernet/samplers_bench [--benchmark_filter=dialogue]

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/types.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "supernet/memory.h"
#include "supernet/samplers/sampler.h"
#include "supernet/trainer.h"

namespace frontier {
namespace {

using Clock = std::chrono::steady_clock;
using SpacePointer = std::shared_ptr<const SearchSpace>;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

nlohmann::json options_of(const std::string& sampler, const SearchSpace& space) {
  if (sampler == "tas") return {{"widths", "mask"}};  // widths share their norms there
  if (sampler != "fixed") return nlohmann::json::object();
  Rng rng(1);
  return {{"arch", space.to_string(space.random(rng))}};
}

struct Made {
  SpacePointer space;
  std::unique_ptr<Sampler> sampler;
};
Made make(const std::string& name) {
  for (const char* of : {"mobile_cnn", "nas_bench_macro"}) {
    SpacePointer space = make_space(of);
    try {
      return {space, make_sampler(name, space, space->default_input(), options_of(name, *space), Rng(0))};
    } catch (const UsageError&) {  // not for this space
    }
  }
  throw Error("sampler '" + name + "' takes neither space");
}

/// Hands on what the sampler says, and measures how long it takes.
class Timed : public Sampler {
  template <class Call>
  auto timed(const Call& call) {
    struct Adds {
      double& sum;
      Clock::time_point start = Clock::now();
      ~Adds() { sum += milliseconds_since(start); }
    } adds{own_ms};
    return call();
  }

 public:
  explicit Timed(Sampler& sampler) : sampler_(sampler) {}
  std::string_view name() const override { return sampler_.name(); }
  std::optional<Work> next(const StepContext& context, Rng& rng) override {
    return timed([&] { return sampler_.next(context, rng); });
  }
  void observe(const Work& work, std::span<const Outcome> outcomes) override {
    timed([&] { sampler_.observe(work, outcomes); });
  }
  at::Tensor penalty(const Work& work, const Candidate& subnet) override {
    return timed([&] { return sampler_.penalty(work, subnet); });
  }
  std::vector<ParameterGroup> groups() override { return sampler_.groups(); }
  bool uses(Stream stream) const override { return sampler_.uses(stream); }
  bool unrolls() const override { return sampler_.unrolls(); }
  bool distills() const override { return sampler_.distills(); }
  std::optional<Selection> widest() const override { return sampler_.widest(); }
  SamplerState save() const override { return sampler_.save(); }
  void load(const SamplerState& state) override { sampler_.load(state); }

  double own_ms = 0;

 private:
  Sampler& sampler_;
};

constexpr std::int64_t kManySteps = 100'000;

void step(benchmark::State& state, const std::string& name) {
  keep_freed_memory();
  at::set_num_threads(1);
  const Made made = make(name);
  const InputShape input = made.space->default_input();
  Timed timed(*made.sampler);
  Supernet supernet(made.space, input, Rng(0), made.sampler->widest());
  const TrainingBatch images{
      at::randn({64, input.channels, input.height, input.width}), at::randint(0, input.classes, {64}, at::kLong), {}};
  const Classification task;
  TrainerOptions options;
  options.steps = kManySteps;
  options.lr = 1e-4;
  BatchSources batches;
  for (const Stream stream : kStreams) batches[stream] = [&](std::int64_t) { return images; };
  Trainer trainer(supernet, timed, task, options, 0, batches);
  for (int i = 0; i < 3; ++i) trainer.step();
  timed.own_ms = 0;
  double all_ms = 0;
  for (auto _ : state) {
    const auto start = Clock::now();
    trainer.step();
    all_ms += milliseconds_since(start);
  }
  state.counters["own_ms"] = timed.own_ms / static_cast<double>(state.iterations());
  state.counters["own_percent"] = 100 * timed.own_ms / all_ms;
  state.SetLabel(made.space->name());
}

void dialogue(benchmark::State& state, const std::string& name) {
  at::set_num_threads(1);
  const Made made = make(name);
  std::vector<ParameterGroup> groups = made.sampler->groups();
  Rng rng(0);
  std::int64_t step = 0, subnets = 0;
  for (auto _ : state) {
    std::vector<std::vector<Outcome>> outcomes;
    while (const auto work = made.sampler->next({step, kManySteps, outcomes.size(), outcomes}, rng)) {
      subnets += static_cast<std::int64_t>(work->subnets.size());
      for (const Candidate& subnet : work->subnets)
        if (const at::Tensor penalty =
                learns(work->learn, Learn::kGates) ? made.sampler->penalty(*work, subnet) : at::Tensor();
            penalty.defined())
          penalty.backward({}, /*retain_graph=*/true);
      auto& found = outcomes.emplace_back();
      for (std::size_t i = 0; i < work->subnets.size(); ++i)
        found.push_back({at::scalar_tensor(0), [] { return at::scalar_tensor(0); }, 0});
      made.sampler->observe(*work, found);
    }
    for (const ParameterGroup& group : groups) group.store->clear_gradients();
    ++step;
  }
  state.counters["subnets"] = static_cast<double>(subnets) / static_cast<double>(state.iterations());
  state.SetLabel(made.space->name());
}

}  // namespace
}  // namespace frontier

int main(int argc, char** argv) {
  using namespace frontier;
  for (const std::string& name : known_samplers()) {
    benchmark::RegisterBenchmark(("step/" + name).c_str(), [name](benchmark::State& state) {
      step(state, name);
    })->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("dialogue/" + name).c_str(), [name](benchmark::State& state) {
      dialogue(state, name);
    })->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
