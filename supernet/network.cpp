#include "supernet/network.h"

#include <torch/types.h>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {

Network::Network(NetworkGraph graph, WeightBank weights, BatchNormStatistics statistics)
    : parts_(std::make_unique<Parts>(Parts{std::move(graph), std::move(weights), std::move(statistics)})) {
  program_ = std::make_unique<Program>(parts_->graph, parts_->weights,
                                       RunSpec{.norm = Norm::kStored, .statistics = &parts_->statistics});
}

TensorMap Network::statistics() const {
  TensorMap tensors;
  for (const auto& [vertex, entry] : parts_->statistics.entries()) {
    const std::string& name = graph()[vertex].name;
    tensors.emplace(name + ".mean", entry.mean);
    tensors.emplace(name + ".variance", entry.variance);
  }
  return tensors;
}

Network Network::to(at::Device device) && {
  parts_->weights.to(device);
  BatchNormStatistics statistics;
  for (const auto& [vertex, entry] : parts_->statistics.entries())
    statistics.add(vertex, entry.mean.to(device), entry.variance.to(device));
  return {std::move(parts_->graph), std::move(parts_->weights), std::move(statistics)};
}

at::Tensor Network::operator()(const at::Tensor& images) const {
  at::NoGradGuard no_grad;
  return (*program_)(images).logits();
}

BatchNormStatistics statistics_of(const NetworkGraph& graph, const TensorMap& tensors) {
  BatchNormStatistics statistics;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const Layer& layer = graph[v];
    if (!layer.is("batch_norm") || layer.training_only) continue;
    const auto of = [&](const char* what) {
      const auto it = tensors.find(layer.name + "." + what);
      if (it == tensors.end() || it->second.dim() != 1 || it->second.size(0) != layer.output.channels.value())
        throw UsageError(std::string("the ") + what + " of batch norm '" + printable(layer.name) +
                         "' is missing or of another size");
      return it->second;
    };
    statistics.add(v, of("mean"), of("variance"));
  }
  return statistics;
}

}  // namespace frontier
