#pragma once

#include <span>
#include <vector>

#include "supernet/program.h"

namespace frontier::testing_support {

// The runs that tests ask for, by name.

inline RunSpec training(const Gates* gates = nullptr) { return {.learn = Learn::kWeights, .gates = gates}; }
inline RunSpec learning_gates(const Gates& gates) { return {.learn = Learn::kGates, .gates = &gates}; }
inline RunSpec calibrating(BatchNormStatistics& statistics, const Gates* gates = nullptr) {
  return {.norm = Norm::kCollect, .statistics = &statistics, .gates = gates};
}
inline RunSpec evaluating(BatchNormStatistics& statistics, const Gates* gates = nullptr) {
  return {.norm = Norm::kStored, .statistics = &statistics, .gates = gates};
}

/// Training, calibration with fresh statistics, evaluation with these, in this order.
inline std::vector<RunSpec> all_runs(BatchNormStatistics& statistics) {
  return {training(), calibrating(statistics), evaluating(statistics)};
}

inline at::Tensor logits(const NetworkGraph& graph, const WeightBank& bank, const at::Tensor& images,
                         const RunSpec& spec) {
  return run(graph, bank, images, spec).logits();
}

inline std::vector<at::Tensor> outputs(const NetworkGraph& graph, const WeightBank& bank,
                                       std::span<const NetworkGraph::Vertex> wanted, const at::Tensor& images,
                                       const RunSpec& spec) {
  return Program(graph, bank, spec, wanted)(images).outputs;
}

}  // namespace frontier::testing_support
