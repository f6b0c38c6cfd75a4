#pragma once

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "common/rng.h"
#include "db/store.h"
#include "search_spaces/registry.h"

namespace frontier {

/// What a training run and a search over mobile_cnn would leave behind: real networks with their real costs, made-up
/// accuracies and curves.
struct SampleReportDb {
  std::string training_name = "supernet";
  std::string search_name = "three budgets";
  std::vector<std::int64_t> budgets = {400000, 1000000, 3000000};
  std::size_t num_results = 1000;
  std::int64_t num_steps = 2000;
};

inline void write_sample(Store& store, const SampleReportDb& sample) {
  const auto space = make_space("mobile_cnn");
  const CostTable costs = space->cost_table(space->default_input());
  Rng rng(7);

  const std::int64_t training = store.begin_run(
      {.kind = "train",
       .name = sample.training_name,
       .space = space->name(),
       .config =
           R"({"sampler": "uniform", "trainer": {"lr": 0.1, "batch": 128, "optimizer": "sgd"}, "data": "fashion_mnist"})",
       .version = "0.1.0",
       .checkpoint = "runs/supernet"});
  std::vector<CurvePoint> points;
  for (std::int64_t step = 1; step <= sample.num_steps; ++step) {
    const double progress = static_cast<double>(step) / static_cast<double>(sample.num_steps);
    points.push_back({step, "train/loss", 0.55 + 1.7 * std::exp(-7 * progress) + 0.08 * rng.normal()});
    points.push_back({step, "train/lr", progress < 0.05 ? 2 * progress : 0.05 * (1 + std::cos(3.14159 * progress))});
  }
  store.add_points(training, points);
  store.update_run(training, {.state = RunState::kDone, .progress = 1.0});

  const std::int64_t search =
      store.begin_run({.kind = "search",
                       .name = sample.search_name,
                       .space = space->name(),
                       .config = R"({"searcher": "nsga2", "max_macs": [)" + std::to_string(sample.budgets[0]) + "," +
                                 std::to_string(sample.budgets[1]) + "," + std::to_string(sample.budgets[2]) + "]}",
                       .version = "0.1.0",
                       .checkpoint = "runs/supernet",
                       .parent = training});
  std::vector<Evaluation> found;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < sample.num_results; ++i) {
    Architecture arch = space->random(rng);
    while (!seen.insert(space->to_string(arch)).second) arch = space->random(rng);
    Evaluation e;
    e.architecture = {space->name(),          space->to_string(arch), "1x28x28/10",
                      space->to_string(arch), costs.macs(arch),       costs.params(arch)};
    e.protocol = {"supernet", "5f0c91aa", "fashion_mnist", "search", "10000 images", "recalibrated, 2048 images", 0};
    const double size = std::log(static_cast<double>(e.architecture.macs) / 2e5) / std::log(30.0);
    e.metrics = {
        {"top1", std::min(0.99, 0.862 + 0.05 * size - 0.012 * std::abs(rng.normal()) - (i % 97 == 0 ? 0.08 : 0.0))}};
    e.seconds = 0.4;
    e.run = search;
    found.push_back(std::move(e));
  }
  store.record(found);
  std::vector<CurvePoint> best;
  for (std::int64_t done = 32; done <= 600; done += 32)
    best.push_back({done, "search/best_top1", 0.87 + 0.03 * static_cast<double>(done) / 600});
  store.add_points(search, best);

  // The best under each budget, measured once more on the test split.
  for (const std::int64_t budget : sample.budgets) {
    const Evaluation* winner = nullptr;
    for (const Evaluation& e : found)
      if (e.architecture.macs <= budget && (winner == nullptr || e.metrics.at("top1") > winner->metrics.at("top1")))
        winner = &e;
    if (winner == nullptr) continue;
    Evaluation test = *winner;
    test.protocol.split = "test";
    test.metrics["top1"] -= 0.004;
    store.record({&test, 1});
  }
  store.update_run(search, {.state = RunState::kDone, .progress = 1.0});
}

}  // namespace frontier
