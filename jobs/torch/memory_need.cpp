#include "jobs/torch/memory_need.h"

#include <algorithm>

#include "common/text.h"
#include "search_spaces/budget.h"
#include "search_spaces/cost.h"

namespace frontier {
namespace {

std::int64_t bytes_of(const Shape& shape) { return 4 * shape.channels.max() * shape.height.max() * shape.width.max(); }

/// Whether a layer leaves nothing behind: a batch norm is fused with the activations that read it.
std::vector<bool> fused_layers(const NetworkGraph& graph) {
  std::vector<bool> fused(graph.size());
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) fused[v] = graph[v].is("batch_norm");
  fused[graph.output()] = false;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (!graph[v].is("activation"))
      for (const auto input : graph.inputs(v)) fused[input] = false;
  return fused;
}

/// Of a soft network nothing can be freed before all that it mixes is there.
MemoryNeed need_of(const NetworkGraph& graph, bool is_hard) {
  MemoryNeed need;
  const std::vector<bool> fused = fused_layers(graph);
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (!fused[v]) need.training += bytes_of(graph[v].output);
  need.evaluation = is_hard ? cost(graph).peak_bytes : need.training;
  return need;
}

void require_batch(const std::string& setting, const std::string& what, std::int64_t batch, std::int64_t bytes_an_image,
                   std::uint64_t free) {
  const double needed = static_cast<double>(batch) * static_cast<double>(bytes_an_image);
  if (needed <= static_cast<double>(free)) return;
  const auto fits = static_cast<std::int64_t>(static_cast<double>(free) / static_cast<double>(bytes_an_image));
  throw UsageError(setting + " = " + std::to_string(batch) + " takes about " + format_count(needed) + "B" + " for " +
                   what + " of the largest network, and " + format_count(static_cast<double>(free)) + "B" +
                   " are free; at most " + std::to_string(fits) + " would fit");
}

void require_measuring(const Prepared& p, std::int64_t bytes_an_image, std::uint64_t free) {
  const SupernetAccuracyOptions& evaluation = p.config.evaluation;
  require_batch("evaluation.batch", "measuring", std::min(evaluation.batch, p.data.search.size()), bytes_an_image,
                free);
  require_batch("evaluation.calibration_batch", "calibration", evaluation.calibration_batch, bytes_an_image, free);
}

}  // namespace

MemoryNeed memory_need(const Prepared& p) {
  if (const auto only = only_subnet(p)) return need_of(p.space->build(*only, p.input), true);
  if (!p.sampler->groups().empty()) return need_of(p.space->build_everything(p.input), false);
  return need_of(p.space->build(FeasibleSet(*p.space, p.input, Budget{}).most_macs().arch, p.input), true);
}

void require_memory_to_measure(const Prepared& p, std::uint64_t free) {
  require_measuring(p, memory_need(p).evaluation, free);
}

void require_memory_to_train(const Prepared& p, std::uint64_t free) {
  const MemoryNeed need = memory_need(p);
  require_batch("loader.batch_size (--batch-size)", "a training step", p.config.loader.batch_size, need.training, free);
  require_measuring(p, need.evaluation, free);
}

}  // namespace frontier
