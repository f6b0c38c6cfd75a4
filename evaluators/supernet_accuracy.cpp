#include "evaluators/supernet_accuracy.h"

#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "common/errors.h"
#include "common/rng.h"
#include "common/statistics.h"
#include "datasets/loader.h"
#include "search_spaces/merge.h"
#include "supernet/safetensors.h"

namespace frontier {

namespace {

/// Images in whole batches.
std::int64_t num_calibration_images(const Dataset& training, const SupernetAccuracyOptions& options) {
  if (training.size() < options.calibration_batch)
    throw UsageError("evaluation.calibration_batch = " + std::to_string(options.calibration_batch) +
                     " is more than the " + std::to_string(training.size()) + " training images");
  const std::int64_t batches =
      std::max<std::int64_t>(1, std::min(options.calibration_images, training.size()) / options.calibration_batch);
  return batches * options.calibration_batch;
}

std::string calibration_text(std::int64_t images, const SupernetAccuracyOptions& options) {
  return "batch norm recalibrated on " + std::to_string(images) + " training images in batches of " +
         std::to_string(options.calibration_batch) + ", drawn by seed " + std::to_string(options.seed);
}

Dataset draw_calibration(const Dataset& training, const SupernetAccuracyOptions& options) {
  return training.draw(num_calibration_images(training, options),
                       Rng(static_cast<std::uint64_t>(options.seed)).domain("evaluation.calibration"));
}

Dataset draw_images(const Dataset& images, const SupernetAccuracyOptions& options) {
  if (images.size() == 0) throw UsageError("there are no images to evaluate on");
  if (options.images == 0 || options.images >= images.size()) return images;
  return images.draw(options.images, Rng(static_cast<std::uint64_t>(options.seed)).domain("evaluation.images"));
}

/// Statistics of every batch norm that the outputs need, over all of the images in whole batches.
BatchNormStatistics calibrate(const NetworkGraph& graph, std::span<const NetworkGraph::Vertex> outputs,
                              const WeightBank& bank, const Dataset& images, std::int64_t batch,
                              const std::function<void()>& check) {
  BatchNormStatistics statistics;
  const Program program(graph, bank, {.norm = Norm::kCollect, .statistics = &statistics}, outputs);
  for (std::int64_t first = 0; first < images.size(); first += batch) {
    if (check) check();
    program(evaluation_batch(images, first, batch).images.to(bank.device()));
  }
  return statistics;
}

/// "LAYER.mean" and "LAYER.variance" of every batch norm that one output needs.
TensorMap statistics_by_name(const NetworkGraph& graph, NetworkGraph::Vertex output,
                             const BatchNormStatistics& statistics) {
  std::vector<bool> needed(graph.size());
  needed[output] = true;
  TensorMap tensors;
  for (NetworkGraph::Vertex v = output + 1; v-- > 0;) {
    if (!needed[v]) continue;
    for (const NetworkGraph::Vertex input : graph.inputs(v)) needed[input] = true;
    if (!graph[v].is("batch_norm")) continue;
    tensors.emplace(graph[v].name + ".mean", statistics.at(v).mean);
    tensors.emplace(graph[v].name + ".variance", statistics.at(v).variance);
  }
  return tensors;
}

}  // namespace

SupernetAccuracy::SupernetAccuracy(const Supernet& supernet, const Task& task, const Dataset& training,
                                   const Dataset& images, const SupernetAccuracyOptions& options)
    : supernet_(supernet),
      task_(task),
      options_(options),
      images_available_(images.size()),
      calibration_images_(draw_calibration(training, options)),
      images_(draw_images(images, options)) {}

std::string SupernetAccuracy::calibration() const { return calibration_text(calibration_images_.size(), options_); }

std::string SupernetAccuracy::images() const {
  const std::string count = std::to_string(images_.size());
  if (images_.size() == images_available_) return count + " images";
  return count + " of " + std::to_string(images_available_) + " images, drawn by seed " + std::to_string(options_.seed);
}

std::vector<Measurement> SupernetAccuracy::evaluate(std::span<const Architecture> archs) {
  // Neighbours in this order share the longest prefixes.
  std::vector<std::size_t> order(archs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return archs[a] < archs[b]; });
  layers_run_ = {0, 0};
  std::vector<Measurement> results(archs.size());
  const auto step = static_cast<std::size_t>(options_.population);
  for (std::size_t first = 0; first < order.size(); first += step) {
    const std::size_t count = std::min(step, order.size() - first);
    std::vector<Architecture> group;
    for (std::size_t i = 0; i < count; ++i) group.push_back(archs[order[first + i]]);
    std::vector<Measurement> measured(count);
    evaluate_group(group, measured);
    if (measured_) measured_(std::span(order).subspan(first, count), measured);
    for (std::size_t i = 0; i < count; ++i) results[order[first + i]] = std::move(measured[i]);
  }
  return results;
}

void SupernetAccuracy::evaluate_group(std::span<const Architecture> archs, std::span<Measurement> results) {
  const auto start = std::chrono::steady_clock::now();
  const auto device = supernet_.bank.weights().device();
  std::vector<NetworkGraph> graphs;
  for (const auto& arch : archs) {
    graphs.push_back(supernet_.build(arch));
    layers_run_.second += graphs.back().size();
  }
  const MergedGraph merged = merge(graphs);
  layers_run_.first += merged.graph.size();

  BatchNormStatistics statistics =
      calibrate(merged.graph, merged.outputs, supernet_.bank, calibration_images_, options_.calibration_batch, check_);
  const Program evaluation(merged.graph, supernet_.bank, {.norm = Norm::kStored, .statistics = &statistics},
                           merged.outputs);

  const std::int64_t total = images_.size();
  std::vector<at::Tensor> sums(archs.size());
  for (std::int64_t first = 0; first < total; first += options_.batch) {
    if (check_) check_();
    const Batch batch = evaluation_batch(images_, first, std::min(options_.batch, total - first));
    const TrainingBatch judged{batch.images.to(device), batch.labels.to(device), {}};
    const auto outputs = evaluation(judged.images).outputs;
    for (std::size_t i = 0; i < archs.size(); ++i) {
      const at::Tensor added = task_.sums(outputs[i], judged);
      sums[i] = sums[i].defined() ? sums[i] + added : added;
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (std::size_t i = 0; i < archs.size(); ++i) {
    results[i].metrics = task_.means(sums[i], total);
    for (const auto& [name, value] : results[i].metrics)
      if (!std::isfinite(value))
        throw Error("the evaluation " + name + " of " + supernet_.space->to_string(archs[i]) +
                    " is not finite; the supernet's weights are unusable");
    results[i].metrics.emplace(kImagesMetric, static_cast<double>(total));
    results[i].seconds = seconds / static_cast<double>(archs.size());
    if (keeps_statistics_)
      results[i].statistics = to_safetensors(statistics_by_name(merged.graph, merged.outputs[i], statistics));
  }
}

std::string calibration_of(const Dataset& training, const SupernetAccuracyOptions& options) {
  return calibration_text(num_calibration_images(training, options), options);
}

Network extract_network(const Supernet& supernet, const Architecture& arch, const Dataset& training,
                        const SupernetAccuracyOptions& options) {
  NetworkGraph graph = supernet.build(arch);
  const NetworkGraph::Vertex outputs[] = {graph.output()};
  auto statistics =
      calibrate(graph, outputs, supernet.bank, draw_calibration(training, options), options.calibration_batch, {});
  WeightBank weights = supernet.bank.extract(graph);
  return {std::move(graph), std::move(weights), std::move(statistics)};
}

}  // namespace frontier
