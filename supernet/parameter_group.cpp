#include "supernet/parameter_group.h"

#include <torch/types.h>

#include <algorithm>

#include "common/errors.h"
#include "common/text.h"
#include "supernet/tensor_map.h"

namespace frontier {
namespace {

/// Layers that the store does not have cannot be meant; the default is not asked for.
void require_known_layers(const ParameterStore& store, const ClipOptions& clip) {
  if (clip.adaptive_except == ClipOptions{}.adaptive_except) return;
  for (const auto& layer : clip.adaptive_except)
    if (std::none_of(store.parameters().begin(), store.parameters().end(),
                     [&](const Parameter& p) { return p.name == layer || p.name.starts_with(layer + "."); }))
      throw UsageError("clip.adaptive_except names '" + printable(layer) + "', but no parameter is of that layer");
}

}  // namespace

GroupTrainer::GroupTrainer(const ParameterGroup& group, std::int64_t total_steps)
    : store_(group.store),
      part_(group.part),
      options_(group.options),
      total_steps_(total_steps),
      optimizer_(options_.optimizer, *store_, part_) {
  require_known_layers(*store_, options_.clip);
  if (options_.average_decay > 0) average_.emplace(store_->snapshot(part_));
}

at::Tensor GroupTrainer::step(std::int64_t step, double rate, const std::string& momentum) {
  const GradientNorm gradients = clip_gradients(*store_, options_.clip, part_);
  // The first steps count as much as an average over them would.
  const double s = static_cast<double>(step), decay = std::min(options_.average_decay, (1 + s) / (10 + s));
  optimizer_.step(*store_, {.learning_rate = rate * learning_rate(step),
                            .momentum = momentum,
                            .scale = gradients.scale,
                            .average = average_ ? average_->values() : at::Tensor(),
                            .average_step = 1 - decay});
  return gradients.norm;
}

double GroupTrainer::look_ahead(std::int64_t step) {
  const double rate = learning_rate(step);
  optimizer_.look_ahead(*store_, rate);
  return rate;
}

void GroupTrainer::use_average() {
  if (!average_) return;
  const GroupSpan span = store_->layout().group(part_);
  store_->values().slice(0, span.begin, span.end).copy_(average_->values());
}

TensorMap GroupTrainer::state() const {
  TensorMap tensors = with_prefix("optimizer.", optimizer_.state());
  if (average_) tensors.merge(with_prefix("average.", average_->tensors()));
  return tensors;
}

void GroupTrainer::load(const TensorMap& state) {
  optimizer_.load(part_of("optimizer.", state));
  if (!average_) return;
  const auto flat = state.find("average");
  if (flat == state.end()) return average_->load(part_of("average.", state), "averages in the checkpoint");
  if (flat->second.sizes() != average_->values().sizes() || flat->second.scalar_type() != average_->type())
    throw UsageError("the checkpoint's 'average' has another shape: it was made with other settings");
  average_->values().copy_(flat->second);
}

}  // namespace frontier
