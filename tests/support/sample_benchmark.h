#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "db/store.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "support/small_spaces.h"

namespace frontier {

/// A made-up accuracy of nas_bench_macro's networks: rises with size, rugged.
inline double sample_top1(const CostTable& costs, const Architecture& arch, std::uint64_t seed) {
  const double size = static_cast<double>(costs.macs(arch)) / 2e8;
  return 0.6 + 0.3 * size / (1 + size) + 0.05 * Rng(seed).split(hash_value(arch)).uniform();
}

struct SampleBenchmark {
  std::size_t every = 1;    ///< only each so-manieth architecture
  bool with_report = true;  ///< also a table of the test split
  std::string dataset = "cifar10";
};

/// A benchmark as `frontier import` stores one: every network of nas_bench_macro after 12 epochs on the validation
/// split, and after 200 on the test split, where latency_ms.phone is known too.
inline void write_benchmark(Store& store, const SampleBenchmark& sample = {}) {
  const auto space = make_space("nas_bench_macro");
  const CostTable costs = space->cost_table(space->default_input());
  std::vector<Evaluation> rows;
  std::size_t number = 0;
  for (const auto& arch : testing_support::all_choices(*space)) {
    if (space->canonical(arch) != arch || number++ % sample.every != 0) continue;
    Evaluation e;
    const std::string key = space->to_string(arch);
    e.architecture = {space->name(), key, to_string(space->default_input()), key, costs.macs(arch), costs.params(arch)};
    e.protocol = {.evaluator = "benchmark", .dataset = sample.dataset, .split = "validation", .fidelity = "12 epochs"};
    e.metrics = {{"top1", sample_top1(costs, arch, 1)}};
    e.seconds = 60;
    rows.push_back(e);
    if (!sample.with_report) continue;
    e.protocol.split = "test";
    e.protocol.fidelity = "200 epochs";
    e.metrics = {{"top1", sample_top1(costs, arch, 2)},
                 {"latency_ms.phone", 1e-7 * static_cast<double>(costs.macs(arch)) + 5 * arch.choices[0]}};
    e.seconds = 1000;
    rows.push_back(e);
  }
  store.record(rows);
}

}  // namespace frontier
