#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/rng.h"
#include "search_spaces/network_graph.h"

namespace frontier {

/// One shared parameter at its largest shape.
struct Parameter {
  std::string name;                 ///< layer name plus ".weight", ".bias" or what LayerKind and Position say
  std::vector<std::int64_t> shape;  ///< conv [out, in / groups, k, k], linear [out, in], norms and biases [c]
  std::vector<std::int64_t> strides;
  std::int64_t offset = 0;  ///< in the flat buffer
  std::int64_t numel = 0;
  std::size_t num_centred = 0;  ///< so many last dimensions are cut around their centre: kernels, offsets
};

/// The shared weights of a supernet, or the own weights of one network: one parameter a key at its largest shape, all
/// in one flat float32 buffer, their gradients in another. Convolution weights lie channels-last. Parameters with
/// weight decay come first, so an optimiser step, a norm or an average is a few operations on whole buffers.
///
/// Slices are views: the first channels, heads and tokens, the centre of a kernel or of a table of offsets. A backward
/// pass adds to the same slices of the gradient buffer and touches nothing else of it (Executor::backward). Not
/// thread-safe.
class WeightBank {
 public:
  /// Registers what the layers of `graph` need at its largest (a supernet: the graph with everything selected) and
  /// initialises it: convolutions He-normal over their fan-out, linear N(0, 0.01^2), tokens and
  /// positions N(0, 0.02^2), norms 1, biases 0.
  WeightBank(const NetworkGraph& graph, const Rng& rng);

  /// A view of the slice. @throws std::logic_error if there is no such parameter or it is smaller.
  at::Tensor slice(const std::string& name, at::IntArrayRef shape) const { return view_slice(weights_, name, shape); }
  at::Tensor gradient_slice(const std::string& name, at::IntArrayRef shape) const {
    return view_slice(gradients_, name, shape);
  }

  /// The weights of a hard network as a bank of its own: copies of its slices. Without those of auxiliary outputs.
  WeightBank extract(const NetworkGraph& subnet) const;

  bool contains(const std::string& name) const { return index_.contains(name); }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  at::Tensor parameter(const Parameter& parameter) const {
    return view(weights_, parameter);
  }  ///< whole, a view, no autograd
  at::Tensor gradient(const Parameter& parameter) const { return view(gradients_, parameter); }

  const at::Tensor& weights() const { return weights_; }      ///< [num_scalars] float32
  const at::Tensor& gradients() const { return gradients_; }  ///< [num_scalars] float32
  std::int64_t num_scalars() const { return weights_.numel(); }
  std::int64_t num_decayed() const { return num_decayed_; }  ///< scalars with weight decay: the front of the buffer

  void to(at::Device device);
  /// Replaces the values by those of `tensors` (every parameter, equal shapes). @throws UsageError naming what does not
  /// fit.
  void load(const std::map<std::string, at::Tensor>& tensors);
  std::map<std::string, at::Tensor> tensors() const;

 private:
  /// @param rng null: zeros.
  WeightBank(const NetworkGraph& graph, const Rng* rng, bool with_auxiliaries);
  static at::Tensor view(const at::Tensor& flat, const Parameter& parameter);
  at::Tensor view_slice(const at::Tensor& flat, const std::string& name, at::IntArrayRef shape) const;

  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, std::size_t> index_;
  at::Tensor weights_;
  at::Tensor gradients_;
  std::int64_t num_decayed_ = 0;
};

}  // namespace frontier
