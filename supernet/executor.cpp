#include "supernet/executor.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <stdexcept>

#include "common/errors.h"
#include "supernet/attention.h"
#include "supernet/layers.h"

namespace frontier {

void BatchNormStatistics::add(NetworkGraph::Vertex layer, const at::Tensor& mean, const at::Tensor& variance) {
  Entry& entry = entries_[layer];
  if (entry.batches == 0) {
    entry = {mean, variance, 1};
    return;
  }
  // Moments of the union of `batches` batches and one more of the same size.
  const double old_share = static_cast<double>(entry.batches) / (entry.batches + 1);
  const at::Tensor difference = mean - entry.mean;
  entry.variance =
      entry.variance * old_share + variance * (1 - old_share) + difference * difference * (old_share * (1 - old_share));
  entry.mean = entry.mean + difference * (1 - old_share);
  ++entry.batches;
}

const BatchNormStatistics::Entry& BatchNormStatistics::at(NetworkGraph::Vertex layer) const {
  const auto it = entries_.find(layer);
  if (it == entries_.end()) throw std::logic_error("batch-norm statistics were not calibrated for this network");
  return it->second;
}

namespace {

using Vertex = NetworkGraph::Vertex;

/// One run over a graph: the values still needed, and how many layers still read each.
class Run {
 public:
  Run(const NetworkGraph& graph, const WeightBank& bank, Pass pass, BatchNormStatistics* statistics,
      const SelectionWeights& weights)
      : graph_(graph),
        bank_(bank),
        pass_(pass),
        statistics_(statistics),
        weights_(weights),
        values_(graph.size()),
        readers_(graph.size()),
        fused_(graph.size()) {}

  std::vector<at::Tensor> operator()(std::span<const Vertex> outputs, const at::Tensor& images,
                                     const Executor::Hook& hook) {
    mark_needed(outputs);
    for (Vertex v = 0; v < graph_.size(); ++v) {
      if (readers_[v] == 0) continue;
      inputs_ = graph_.inputs(v);
      if (v == 0) {
        values_[v] = images.contiguous(at::MemoryFormat::ChannelsLast);
      } else if (values_[v].defined()) {
        // computed together with the layer before it
      } else {
        values_[v] = compute(v);
      }
      for (const Vertex input : inputs_)
        if (--readers_[input] == 0) values_[input].reset();
      if (hook && values_[v].defined() && !fused_[v]) hook(v, values_[v]);
    }
    std::vector<at::Tensor> results;
    for (const Vertex output : outputs) results.push_back(values_[output]);
    return results;
  }

  std::int64_t macs() const { return macs_; }
  std::vector<Executor::Leaf> take_leaves() { return std::move(leaves_); }

 private:
  /// Counts readers backwards from the outputs, so that layers nobody needs are not run.
  void mark_needed(std::span<const Vertex> outputs) {
    for (const Vertex output : outputs) ++readers_[output];
    for (Vertex v = graph_.size(); v-- > 0;) {
      if (readers_[v] == 0) continue;
      for (const Vertex input : graph_.inputs(v)) ++readers_[input];
    }
  }

  /// The only reader of `v` if it is of this kind and no other input is involved.
  std::optional<Vertex> sole_reader(Vertex v, LayerKind kind) const {
    if (readers_[v] != 1 || graph_.num_consumers(v) == 0) return std::nullopt;
    std::optional<Vertex> reader;
    for (auto [edge, end] = boost::out_edges(v, graph_.graph()); edge != end; ++edge) {
      const Vertex target = boost::target(*edge, graph_.graph());
      if (readers_[target] > 0) reader = target;
    }
    return reader && graph_[*reader].kind == kind ? reader : std::nullopt;
  }

  const at::Tensor& input(std::size_t slot = 0) const { return values_[inputs_[slot]]; }

  /// A slice of the bank; in training an autograd leaf that backward() will ask for.
  at::Tensor leaf(const std::string& name, at::IntArrayRef shape) {
    at::Tensor slice = bank_.slice(name, shape);
    if (pass_ == Pass::kTrain) leaves_.push_back({slice.set_requires_grad(true), bank_.gradient_slice(name, shape)});
    return slice;
  }

  at::Tensor compute(Vertex v) {
    const Layer& layer = graph_[v];
    switch (layer.kind) {
      case LayerKind::kInput: break;
      case LayerKind::kConv: return conv(v, layer);
      case LayerKind::kBatchNorm: return batch_norm(v, layer);
      case LayerKind::kActivation: return apply_activation(input(), layer.activation);
      case LayerKind::kLinear: return linear(layer);
      case LayerKind::kLayerNorm: {
        const std::int64_t channels = input().size(1);
        return layer_norm(input(), leaf(layer.name + ".weight", {channels}), leaf(layer.name + ".bias", {channels}));
      }
      case LayerKind::kAttention: return attention(layer);
      case LayerKind::kTokens: return tokens(layer);
      case LayerKind::kGlobalPool: return global_pool(input(), layer.skip_tokens);
      case LayerKind::kAveragePool: return average_pool(input(), layer.kernel.value(), layer.stride);
      case LayerKind::kMaxPool: return max_pool(input(), layer.kernel.value(), layer.stride);
      case LayerKind::kResize: return resize(input(), layer.output.height.value(), layer.output.width.value());
      case LayerKind::kShift: return shift(input());
      case LayerKind::kAdd: return input(0) + input(1);
      case LayerKind::kMultiply: return channel_gate(input(0), input(1));
      case LayerKind::kConcat: {
        std::vector<at::Tensor> parts;
        for (std::size_t i = 0; i < inputs_.size(); ++i) parts.push_back(input(i));
        return at::cat(parts, 1);
      }
      case LayerKind::kTruncate: return input().narrow(1, 0, layer.output.channels.value());
      case LayerKind::kZero: {
        const auto& x = input();
        return at::zeros(
            {x.size(0), layer.output.channels.value(), layer.output.height.value(), layer.output.width.value()},
            x.options().memory_format(at::MemoryFormat::ChannelsLast));
      }
      case LayerKind::kMix: return mix(layer);
    }
    throw std::logic_error("layer kind");
  }

  at::Tensor conv(Vertex v, const Layer& layer) {
    const at::Tensor& x = input();
    const std::int64_t groups = layer.groups.value(), out = layer.output.channels.value(), k = layer.kernel.value();
    at::Tensor weight = leaf(layer.name + ".weight", {out, x.size(1) / groups, k, k});
    std::optional<at::Tensor> bias;
    if (layer.bias) bias = leaf(layer.name + ".bias", {out});
    at::Tensor y;
    const auto norm = pass_ == Pass::kEvaluate ? sole_reader(v, LayerKind::kBatchNorm) : std::nullopt;
    if (norm) {
      // Fold the norm's scale into the weights, which are far smaller than the activations; its shift goes with the
      // activation.
      fused_[v] = true;
      auto [scale, shift] = folded(*norm, out);
      if (bias) shift = *bias * scale + shift;
      weight = weight * scale.reshape({-1, 1, 1, 1});
      if (groups > 1) {
        y = convolution(x, weight, std::nullopt, layer.stride, layer.dilation, groups);
        finish_norm(*norm, y, shift);
      } else {
        y = convolution(x, weight, shift, layer.stride, layer.dilation, groups);
        finish_norm(*norm, y, std::nullopt);
      }
      count_macs(layer, weight, y);
      return y;
    }
    y = convolution(x, weight, bias, layer.stride, layer.dilation, groups);
    count_macs(layer, weight, y);
    return y;
  }

  void count_macs(const Layer& layer, const at::Tensor& weight, const at::Tensor& y) {
    if (!layer.training_only) macs_ += weight.numel() * (y.dim() == 4 ? y.size(2) * y.size(3) : 1);
  }

  /// Evaluation: y is the norm's output, up to `shift` where one is given; applies the activation behind it in place
  /// and hands the value on.
  void finish_norm(Vertex norm, at::Tensor& y, const std::optional<at::Tensor>& shift) {
    const auto act = sole_reader(norm, LayerKind::kActivation);
    const auto activation = act ? std::optional(graph_[*act].activation) : std::nullopt;
    if (shift) {
      scale_shift_(y, at::ones_like(*shift), *shift, activation);
    } else if (act) {
      apply_activation_(y, *activation);
    }
    if (act) {
      values_[*act] = y;
      fused_[norm] = true;
    }
    values_[norm] = y;
  }

  std::pair<at::Tensor, at::Tensor> folded(Vertex norm, std::int64_t channels) const {
    const Layer& layer = graph_[norm];
    const auto& entry = statistics_->at(norm);
    const at::Tensor scale =
        bank_.slice(layer.name + ".weight", {channels}) * at::rsqrt(entry.variance + kBatchNormEpsilon);
    return {scale, bank_.slice(layer.name + ".bias", {channels}) - entry.mean * scale};
  }

  at::Tensor batch_norm(Vertex v, const Layer& layer) {
    const at::Tensor& x = input();
    const std::int64_t channels = x.size(1);
    if (pass_ == Pass::kEvaluate) {
      const auto [scale, shift] = folded(v, channels);
      at::Tensor y = scale_shift(x, scale, shift, std::nullopt);
      finish_norm(v, y, std::nullopt);
      return y;
    }
    const auto act = sole_reader(v, LayerKind::kActivation);
    const at::Tensor scale = leaf(layer.name + ".weight", {channels});
    const at::Tensor shift = leaf(layer.name + ".bias", {channels});
    const auto activation = act ? std::optional(graph_[*act].activation) : std::nullopt;
    at::Tensor y;
    if (pass_ == Pass::kCalibrate) {
      const auto [mean, variance] = channel_moments(x);
      statistics_->add(v, mean, variance);
      const at::Tensor factor = scale * at::rsqrt(variance + kBatchNormEpsilon);
      y = scale_shift(x, factor, shift - mean * factor, activation);
    } else {
      y = batch_norm_train(x, scale, shift, activation);
    }
    if (act) {
      values_[*act] = y;
      fused_[v] = true;
    }
    return y;
  }

  at::Tensor linear(const Layer& layer) {
    const at::Tensor x = input().flatten(1);
    const std::int64_t out = layer.output.channels.value();
    const at::Tensor weight = leaf(layer.name + ".weight", {out, x.size(1)});
    std::optional<at::Tensor> bias;
    if (layer.bias) bias = leaf(layer.name + ".bias", {out});
    at::Tensor y = at::linear(x, weight, bias);
    count_macs(layer, weight, y);
    return y.reshape({y.size(0), y.size(1), 1, 1});
  }

  at::Tensor tokens(const Layer& layer) {
    const std::int64_t channels = input().size(1), count = layer.output.height.value();
    return with_class_token(input(), leaf(layer.name + ".class_token", {channels}),
                            leaf(layer.name + ".position", {channels, count}));
  }

  at::Tensor attention(const Layer& layer) {
    const at::Tensor &q = input(0), &k = input(1), &v = input(2);
    const std::int64_t heads = layer.heads.value(), tokens = q.size(2) * q.size(3);
    if (q.size(1) % heads != 0 || v.size(1) % heads != 0)
      throw std::logic_error("attention '" + layer.name + "': its heads do not divide its channels");
    const std::int64_t products = tokens * tokens * (q.size(1) + v.size(1));
    if (!layer.training_only) macs_ += layer.position == Position::kRelative ? 2 * products : products;
    if (layer.position == Position::kRelative) return relative_attention(layer, q, k, v, heads);
    std::optional<at::Tensor> bias;
    if (layer.position == Position::kBias)
      bias = leaf(layer.name + ".position_bias", {heads, 2 * q.size(2) - 1, 2 * q.size(3) - 1});
    return frontier::attention(q, k, v, heads, bias);
  }

  at::Tensor relative_attention(const Layer& layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                std::int64_t heads) {
    const auto vectors = [&](const std::string& what, std::int64_t channels) -> OffsetVectors {
      const std::int64_t rows = 2 * layer.max_distance + 2;
      return {leaf(layer.name + ".relative_" + what + "_vertical", {rows, channels / heads}),
              leaf(layer.name + ".relative_" + what + "_horizontal", {rows, channels / heads})};
    };
    return frontier::relative_attention(q, k, v, heads, vectors("key", q.size(1)), vectors("value", v.size(1)),
                                        layer.grid_height.value(), layer.grid_width.value());
  }

  /// The weights of a mix's inputs: an input counts for every option that it is a member of.
  at::Tensor input_weights(const Layer& layer) const {
    const auto decision = static_cast<std::size_t>(layer.decision);
    if (decision >= weights_.size() || !weights_[decision].defined())
      throw std::logic_error("a soft selection ran without the weights of its decision");
    const at::Tensor& w = weights_[decision];
    const std::size_t options = layer.members.empty() ? inputs_.size() : layer.members.size();
    if (w.dim() != 1 || w.size(0) != static_cast<std::int64_t>(options))
      throw std::logic_error("selection weights have the wrong shape");
    if (layer.members.empty()) return w;
    std::vector<float> counts(inputs_.size() * options, 0.0F);
    for (std::size_t option = 0; option < options; ++option)
      for (const int slot : layer.members[option]) ++counts.at(static_cast<std::size_t>(slot) * options + option);
    const at::Tensor matrix =
        at::tensor(counts).view({static_cast<std::int64_t>(inputs_.size()), static_cast<std::int64_t>(options)});
    return at::mv(matrix.to(w.options()), w);
  }

  at::Tensor mix(const Layer& layer) {
    const at::Tensor w = input_weights(layer);
    at::Tensor sum;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (graph_[inputs_[i]].kind == LayerKind::kZero) continue;
      const at::Tensor term = input(i) * w[static_cast<std::int64_t>(i)];
      sum = sum.defined() ? sum + term : term;
    }
    return sum.defined() ? sum : input(0);
  }

  const NetworkGraph& graph_;
  const WeightBank& bank_;
  Pass pass_;
  BatchNormStatistics* statistics_;
  const SelectionWeights& weights_;
  std::vector<at::Tensor> values_;
  std::vector<int> readers_;
  std::vector<bool> fused_;  ///< done in one step with the layer behind it: has no value of its own
  std::vector<Vertex> inputs_;
  std::vector<Executor::Leaf> leaves_;
  std::int64_t macs_ = 0;
};

}  // namespace

std::vector<at::Tensor> Executor::run(const NetworkGraph& graph, std::span<const Vertex> outputs,
                                      const at::Tensor& images, Pass pass, BatchNormStatistics* statistics,
                                      const SelectionWeights& weights) {
  const bool records = pass == Pass::kTrain || pass == Pass::kArchitect;
  c10::AutoGradMode grad_mode(records);
  if (!records && statistics == nullptr)
    throw std::logic_error("calibration and evaluation need a place for batch-norm statistics");
  Run run(graph, *bank_, pass, statistics, weights);
  auto results = run(outputs, images, hook_);
  executed_macs_ = run.macs();
  leaves_ = run.take_leaves();
  for (auto& result : results)
    if (result.dim() == 4 && result.size(2) == 1 && result.size(3) == 1) result = result.flatten(1);
  return results;
}

void Executor::backward(const at::Tensor& loss) {
  std::vector<at::Tensor> slices;
  for (const auto& leaf : leaves_) slices.push_back(leaf.slice);
  const auto gradients =
      torch::autograd::grad({loss}, slices, {}, /*retain_graph=*/false, /*create_graph=*/false, /*allow_unused=*/true);
  at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < slices.size(); ++i)
    if (gradients[i].defined()) leaves_[i].gradient.add_(gradients[i]);
  leaves_.clear();
}

at::Tensor Executor::run(const NetworkGraph& graph, const at::Tensor& images, Pass pass,
                         BatchNormStatistics* statistics, const SelectionWeights& weights) {
  const Vertex output = graph.output();
  return run(graph, std::span(&output, 1), images, pass, statistics, weights).front();
}

}  // namespace frontier
