#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "search_spaces/network_graph.h"
#include "search_spaces/selection.h"

namespace frontier {

/// A layer's output while a network is being built.
struct Signal {
  NetworkGraph::Vertex vertex = 0;
  Shape shape;
};

struct ConvSpec {
  Dim out;
  Dim kernel = 1;
  int stride = 1;
  Dim groups = 1;
  int dilation = 1;
  bool bias = false;
};

/// One option of Builder::mix: its label and the layers it stands for.
struct Branch {
  std::string label;
  std::function<Signal(Signal)> layers;
};

/// Builds a NetworkGraph from a selection; a search space's function reads like a forward function over it:
///
///     Dim width = b.choose("stage1.width", {16, 24, 32});
///     x = b.repeat("stage1.depth", {1, 2, 3}, x, [&](int i, Signal x) {
///       auto scope = b.scope("stage1.block" + std::to_string(i));
///       Dim kernel = b.choose("kernel", {3, 5, 7});            // decision "stage1.block0.kernel"
///       return b.residual(x, b.conv_bn("conv", x, {.out = width, .kernel = kernel}));
///     });
///
/// Decisions are declared where they are used; their order is that of first use with everything selected. `choose`,
/// `repeat` and `mix` are the only places where a selection is read, and `repeat` and `mix` the only ones where hard
/// and soft differ: a hard selection emits the chosen layers alone, a soft one all selected and their weighted sum. The
/// space's function must not branch on a Dim: it is a table when several options are selected. Not thread-safe; one
/// builder builds one graph.
class Builder {
 public:
  /// Selects everything and records the decisions met on the way.
  explicit Builder(const InputShape& input);
  /// @param decisions and index: those of the space, as an everything-builder found them.
  Builder(const InputShape& input, const std::unordered_map<std::string, std::uint16_t>& index,
          const Selection& selection);

  Signal input() const { return input_; }

  /// Names of layers and decisions made while the returned object lives get the prefix "name.".
  class [[nodiscard]] Scope {
   public:
    Scope(Builder& builder, std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Builder& builder_;
    std::size_t length_;
  };
  Scope scope(std::string_view name) { return Scope(*this, name); }

  /// A decision among numbers: a width, a kernel size, an expansion.
  Dim choose(std::string_view name, const std::vector<std::int64_t>& options);
  /// A decision among layers; all branches must give the same shape of output.
  Signal mix(std::string_view name, Signal x, const std::vector<Branch>& branches);
  /// A decision about depth: `body(i, x)` is applied for i = 0 .. depth - 1.
  Signal repeat(std::string_view name, const std::vector<std::int64_t>& depths, Signal x,
                const std::function<Signal(int, Signal)>& body);

  Signal conv(std::string_view name, Signal x, const ConvSpec& spec);
  Signal batch_norm(std::string_view name, Signal x);
  Signal activation(Signal x, Activation activation);
  Signal linear(std::string_view name, Signal x, const Dim& out, bool bias = true);
  Signal global_pool(Signal x);
  Signal average_pool(Signal x, int kernel, int stride);
  Signal max_pool(Signal x, int kernel, int stride);
  Signal add(Signal a, Signal b);
  Signal multiply(Signal x, Signal gate);
  Signal concat(const std::vector<Signal>& inputs);
  /// The first `channels` of `x`; `x` itself where that is all of them.
  Signal truncate(Signal x, const Dim& channels);
  /// Zeros of the shape of `x`, spatially reduced by `stride`.
  Signal zero(Signal x, const Dim& channels, int stride);

  // Compositions.
  Signal conv_bn(std::string_view name, Signal x, const ConvSpec& spec);
  Signal conv_bn(std::string_view name, Signal x, const ConvSpec& spec, Activation act);
  /// x + y where the shapes are equal, y where they are not.
  Signal residual(Signal x, Signal y);
  /// Squeeze-excite: global pool, 1x1 conv to `hidden`, ReLU, 1x1 conv back, `gate`, multiply. Both convs have biases.
  Signal squeeze_excite(std::string_view name, Signal x, const Dim& hidden, Activation gate);
  /// MobileNetV2's inverted residual without its shortcut: expand 1x1, depthwise k x k, optional squeeze-excite,
  /// project 1x1.
  struct InvertedResidual {
    Dim out;
    Dim expansion;  ///< of the input channels; a constant 1 leaves the expand convolution out
    Dim kernel = 3;
    int stride = 1;
    Activation activation = Activation::kReLU6;
    std::function<Signal(Signal)> after_depthwise = nullptr;
  };
  Signal inverted_residual(Signal x, const InvertedResidual& block);

  /// Ends the network and takes it out of the builder.
  NetworkGraph finish(Signal output);

  /// After finish() of an everything-builder: the decisions in order of first use, and for each where it is active (1)
  /// or without effect because no layer that uses it exists (0).
  std::vector<Decision> take_decisions() { return std::move(decisions_); }
  std::vector<Dim> take_activity() { return std::move(activity_); }

 private:
  std::uint16_t decide(std::string_view name, std::vector<std::string> options);
  std::span<const std::uint16_t> selected(std::uint16_t decision) const;
  Signal emit(Layer layer, const std::vector<Signal>& inputs);
  Signal pool(LayerKind kind, Signal x, int kernel, int stride);
  Signal merge(std::uint16_t decision, std::span<const Signal> candidates);
  std::string full_name(std::string_view name) const { return prefix_ + std::string(name); }

  const std::unordered_map<std::string, std::uint16_t>* index_ =
      nullptr;  ///< null: everything is selected and recorded
  const Selection* selection_ = nullptr;
  std::unordered_map<std::string, std::uint16_t> recorded_;
  std::vector<Decision> decisions_;
  std::vector<Dim> activity_;
  std::unordered_map<std::string, int> layer_names_;
  NetworkGraph graph_;
  Signal input_;
  std::string prefix_;
  Dim exists_ = 1;
};

}  // namespace frontier
