#pragma once

#include <string>
#include <vector>

#include "search_spaces/network_graph.h"
#include "supernet/parameter_store.h"

namespace frontier {

struct BankOptions {
  at::ScalarType type = at::kFloat;  ///< or float64, for sums that float32 cannot hold
  /// An Initializer's name for the weights of convolutions and linear layers; empty: convolutions He-normal over their
  /// fan-out, linear N(0, 0.01^2)
  std::string initializer = {};
};

/// The shared weights of a supernet, or the own weights of one network: a store of one parameter a key at its largest
/// shape. Convolution weights lie channels-last.
///
/// Slices are the first channels, heads and tokens, the centre of a kernel or of a table of offsets. A backward pass
/// adds to the same slices of the gradient buffer and touches nothing else of it (Program). Not thread-safe.
class WeightBank : public ParameterStore {
 public:
  /// Registers what the layers of `graph` need at its largest (a supernet: the graph with everything selected) and
  /// initialises it: weights as the options say, tokens and positions N(0, 0.02^2), norms 1, biases 0.
  WeightBank(const NetworkGraph& graph, const Rng& rng, const BankOptions& options = {});

  WeightBank(WeightBank&&) = default;
  WeightBank& operator=(WeightBank&&) = default;

  /// The weights of a hard network as a bank of its own: copies of its slices. Without those of auxiliary outputs.
  WeightBank extract(const NetworkGraph& subnet) const;
  /// Takes over every parameter that `other` has, too: the slice of this bank's size. Others stay as they are.
  /// @returns the names of those. @throws std::logic_error if a parameter of `other` is smaller.
  std::vector<std::string> take_slices(const WeightBank& other);
  /// A bank of the same layout with copies of the weights.
  WeightBank snapshot() const { return WeightBank(*this); }

  at::Tensor parameter(const Parameter& parameter) const { return value(parameter.name); }  ///< whole, a view
  using ParameterStore::gradient;
  at::Tensor gradient(const Parameter& parameter) const { return gradient(parameter.name); }
  const at::Tensor& weights() const { return values(); }                       ///< [num_scalars]
  std::int64_t num_decayed() const { return layout().group("").decayed_end; }  ///< scalars with weight decay: the front

 private:
  WeightBank(const WeightBank&) = default;
  explicit WeightBank(ParameterStore store) : ParameterStore(std::move(store)) {}
};

}  // namespace frontier
