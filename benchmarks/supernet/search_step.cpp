// search_step PARTIAL [steps] [threads] [batch] [cells] [channels] [side]: one search step of PC-DARTS in DARTS' cells,
// one in PARTIAL channels through the operations: the logits and edge weights on one batch, then the weights on
// another. Prints JSON: the median milliseconds of a step, the bytes that a forward pass keeps for its backward pass
// (of the weights, and of the logits), the most that tensors hold within a step (weights and optimiser not counted),
// and the most memory of the process. Compared with PyTorch by benchmarks/pc_darts.py.

#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "search_spaces/registry.h"
#include "supernet/memory.h"
#include "supernet/program.h"
#include "supernet/samplers/pc_darts.h"
#include "supernet/tensor_memory.h"
#include "supernet/trainer.h"

namespace frontier {
namespace {

struct Run {
  int partial = 4, steps = 10, threads = 2, batch = 64, cells = 8, channels = 16, side = 32;

  std::string space() const {
    return "darts(cells=" + std::to_string(cells) + ",channels=" + std::to_string(channels) +
           ",partial=" + std::to_string(partial) + ",search=true)";
  }
};

TrainingBatch random_batch(const Run& run) {
  return {at::randn({run.batch, 3, run.side, run.side}).contiguous(at::MemoryFormat::ChannelsLast),
          at::randint(0, 10, {run.batch}, at::kLong),
          {}};
}

/// Of one forward pass with its loss.
std::int64_t bytes_kept(const Supernet& supernet, Sampler& sampler, const TrainingBatch& batch, Learn learn) {
  Rng rng(0);
  const auto work = sampler.next({0, 1000, 0, {}}, rng);
  const Candidate& subnet = work->subnets.front();
  const NetworkGraph graph = supernet.build(subnet.selection);
  const TensorMemory memory;
  const at::Tensor loss = at::cross_entropy_loss(
      frontier::run(graph, supernet.bank, batch.images, {.learn = learn, .gates = &*subnet.gates}).logits(),
      batch.labels);
  return memory.bytes();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void measure(const Run& run) {
  keep_freed_memory();  // as the program's engine does
  at::set_num_threads(run.threads);
  at::manual_seed(0);
  const auto space = make_space(run.space());
  const InputShape input{3, run.side, run.side, 10};
  Supernet supernet(space, input, Rng(0));
  PcDartsSampler::Options options;
  options.warmup_share = 0;
  PcDartsSampler sampler(space, input, options, Rng(0));
  const TrainingBatch train = random_batch(run), held = random_batch(run);
  const std::int64_t kept_weights = bytes_kept(supernet, sampler, train, Learn::kWeights),
                     kept_logits = bytes_kept(supernet, sampler, held, Learn::kGates);
  TrainerOptions training;
  training.steps = run.steps + 3;
  training.lr = 0.1;
  training.label_smoothing = 0;
  training.optimizer.weight_decay = 3e-4;
  training.optimizer.nesterov = false;
  const Classification task;
  Trainer trainer(supernet, sampler, task, training, 0,
                  {{Stream::kTrain, [&](std::int64_t) { return train; }},
                   {Stream::kArchitecture, [&](std::int64_t) { return held; }}});
  const TensorMemory memory;
  for (int i = 0; i < 3; ++i) trainer.step();
  const std::int64_t before = memory.bytes();  // momentum
  memory.reset_peak();
  std::vector<double> milliseconds;
  while (!trainer.finished()) {
    const auto start = std::chrono::steady_clock::now();
    trainer.step();
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"ms\": %.3f, \"kept\": %lld, \"kept_logits\": %lld, \"peak\": %lld, \"resident\": %lld}\n",
              median(milliseconds), static_cast<long long>(kept_weights), static_cast<long long>(kept_logits),
              static_cast<long long>(memory.peak() - before), static_cast<long long>(usage.ru_maxrss) * 1024);
}

}  // namespace
}  // namespace frontier

int main(int argc, char** argv) {
  if (argc < 2)
    return std::fprintf(stderr, "search_step PARTIAL [steps] [threads] [batch] [cells] [channels] [side]\n"), 2;
  frontier::Run run;
  int* const settings[] = {&run.partial, &run.steps, &run.threads, &run.batch, &run.cells, &run.channels, &run.side};
  for (int i = 1; i < argc && i <= 7; ++i) *settings[i - 1] = std::atoi(argv[i]);
  frontier::measure(run);
}
