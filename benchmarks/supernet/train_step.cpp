// train_step ARCH [steps] [threads] [batch]: milliseconds of one training step of one mobile_cnn subnet inside the
// supernet (forward, backward, clipping, SGD over all shared weights), the median over `steps`. Compared with PyTorch
// by compare_train_step.py.

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "search_spaces/registry.h"
#include "supernet/memory.h"
#include "supernet/samplers/fixed.h"
#include "supernet/trainer.h"

int main(int argc, char** argv) {
  using namespace frontier;
  if (argc < 2) return std::fprintf(stderr, "train_step ARCH [steps] [threads] [batch]\n"), 2;
  const int steps = argc > 2 ? std::atoi(argv[2]) : 20, threads = argc > 3 ? std::atoi(argv[3]) : 2,
            batch = argc > 4 ? std::atoi(argv[4]) : 128;
  keep_freed_memory();  // as the program's engine does
  at::set_num_threads(threads);
  at::manual_seed(0);
  const auto space = make_space("mobile_cnn");
  Supernet supernet(space, space->default_input(), Rng(0));
  FixedSampler sampler(space, space->default_input(), {.arch = argv[1]}, Rng(0));
  const TrainingBatch images{at::randn({batch, 1, 28, 28}), at::randint(0, 10, {batch}, at::kLong), {}};
  const TrainerOptions defaults;
  const Classification task(defaults.label_smoothing);
  TrainerOptions options;
  options.steps = steps + 5;
  options.lr = 0.01;
  Trainer trainer(supernet, sampler, task, options, 0, {{Stream::kTrain, [&](std::int64_t) { return images; }}});
  std::vector<double> milliseconds;
  while (!trainer.finished()) {
    const auto start = std::chrono::steady_clock::now();
    trainer.step();
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  milliseconds.erase(milliseconds.begin(), milliseconds.begin() + 5);
  std::nth_element(milliseconds.begin(), milliseconds.begin() + static_cast<std::ptrdiff_t>(milliseconds.size() / 2),
                   milliseconds.end());
  std::printf("%.3f\n", milliseconds[milliseconds.size() / 2]);
}
