#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "search_spaces/network_graph.h"
#include "search_spaces/ops/activation.h"
#include "search_spaces/ops/attention.h"
#include "search_spaces/selection.h"

namespace frontier {

/// A layer's output while a network is being built.
struct Signal {
  NetworkGraph::Vertex vertex = 0;
  Shape shape;
  bool is_zero = false;  ///< zeros of this shape, made from `vertex`; a layer only where something but a sum reads them
};

struct ConvSpec {
  Dim out;
  Dim kernel = 1;
  int stride = 1;
  Dim groups = 1;
  int dilation = 1;
  bool bias = false;
};

/// One option of Builder::choose where its label is not the number itself: {"3.5", 7} for a ratio counted in halves.
struct LabelledValue {
  std::string label;
  std::int64_t value = 0;
};

/// A condition on architectures, and what to say where it is not met.
struct Constraint {
  Dim holds;  ///< 0: not met
  std::string message;
};

struct AttentionSpec {
  Dim heads = 1;  ///< divides the channels of queries, keys and values
  Position position = Position::kNone;
  Dim grid_height = 0;  ///< kRelative: the tokens behind the class token are a grid of these sides
  Dim grid_width = 0;
  int max_distance = 14;  ///< kRelative: offsets further apart count as this far
};

/// One option of Builder::mix: its label and the layers it stands for.
struct Branch {
  std::string label;
  std::function<Signal(Signal)> layers;
};

struct MixOptions {
  /// PC-DARTS (Xu et al., arXiv 1907.05737): only the first 1 / partial of the channels, which it must divide, pass
  /// through the branches. The others are put behind them, max-pooled where the branches halve the sides, and all are
  /// shuffled with so many groups: what the branches give stands at channels 0, partial, 2 partial, ...
  std::int64_t partial = 1;
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
/// `repeat`, `mix`, `sum_of` and `each_width` are the only places where a selection is read, and all but the first the
/// only ones where hard and soft differ: a hard selection emits the chosen layers alone, a soft one all selected and
/// their weighted sum. The space's function must not branch on a Dim: it is a table when several options are selected.
/// Not thread-safe; one builder builds one graph.
///
/// A place where signals are weighed is a site (network_graph.h) of the name given there, in the scope and by the rules
/// of decisions' names. In a soft network and with everything selected also those sums are sites in which every term
/// takes part.
///
/// Layers of a soft network run at their largest size. Where the width is open a layer "mask" stands in front of those
/// that bring channels together; heights and widths of activations must be decided (docs/design/0012-soft-networks.md).
/// @throws std::logic_error (every layer, of a soft selection) naming the layer and the decision where softness has no
/// meaning.
class Builder {
 public:
  /// Selects everything and records the decisions met on the way.
  explicit Builder(const InputShape& input);
  /// @param decisions and index: those of the space, as an everything-builder found them.
  Builder(const InputShape& input, const std::unordered_map<std::string, std::uint16_t>& index,
          const Selection& selection);

  Signal input() const { return input_; }
  /// For listed spaces (search_space.h), whose functions emit other layers then.
  bool selects_everything() const { return index_ == nullptr; }

  /// Names of layers and decisions made while the returned object lives get the prefix "name.". A decision whose name
  /// starts with '/' gets none: the same one wherever it is met ("/edge0-1" in every cell of a network).
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

  /// A decision among numbers: a width, a kernel size, an expansion. @param kind other than numbers: `options` are what
  /// such a decision, made elsewhere by mix() or sum_of(), means for the place.
  Dim choose(std::string_view name, const std::vector<std::int64_t>& options, DecisionKind kind = DecisionKind::kOther);
  Dim choose(std::string_view name, std::initializer_list<std::int64_t> options,
             DecisionKind kind = DecisionKind::kOther) {
    return choose(name, std::vector<std::int64_t>(options), kind);
  }
  Dim choose(std::string_view name, const std::vector<LabelledValue>& options,
             DecisionKind kind = DecisionKind::kOther);
  /// A decision among layers; all branches must give the same shape of output.
  Signal mix(std::string_view name, Signal x, const std::vector<Branch>& branches, const MixOptions& options = {});
  /// A decision about depth: `body(i, x)` is applied for i = 0 .. depth - 1.
  Signal repeat(std::string_view name, const std::vector<std::int64_t>& depths, Signal x,
                const std::function<Signal(int, Signal)>& body);

  /// A decision about which `count` of the terms are added (DARTS: two of a node's incoming edges); options are
  /// labelled by the terms' labels, joined by +. All of them: no decision, but a site. All terms must have the same
  /// shape.
  struct Term {
    std::string label;
    std::function<Signal()> layers;
  };
  Signal sum_of(std::string_view name, std::size_t count, const std::vector<Term>& terms);
  /// Layers that are there only where a dimension asks for them (a shortcut's convolution where channels differ): x
  /// passes unchanged where `condition` is 0; a soft selection that leaves the condition open mixes the two.
  /// @param name of the site: the layers, then x.
  Signal when(std::string_view name, const Dim& condition, Signal x, const std::function<Signal(Signal)>& layers);
  /// Layers that every width has for itself (norms): of the width chosen, on the first so many channels of `x`, whose
  /// width must be that of one decision. A soft selection weighs what all selected give; combined by interpolation,
  /// each is first brought to the largest (TAS, Dong and Yang, arXiv 1905.09717, section 3.2): no channel behind is
  /// masked then.
  /// @param layers of one width; must keep the shape.
  Signal each_width(Signal x, const std::function<Signal(Signal, std::int64_t width)>& layers);
  /// Architectures of which `condition` is 0 are no members of the space; said in terms of the place by `message`, e.g.
  /// "narrower than the stage before".
  void require(const Dim& condition, std::string_view message);

  /// A layer of any kind (search_spaces/ops/). @param name may be empty where the kind has no parameters.
  /// @throws std::logic_error saying where and what does not fit.
  Signal layer(std::string_view kind, std::string_view name, const std::vector<Signal>& inputs,
               Attributes attributes = {});

  // The kinds by their names.
  Signal conv(std::string_view name, Signal x, const ConvSpec& spec);
  /// @param affine whether it has a weight and a bias a channel.
  Signal batch_norm(std::string_view name, Signal x, bool affine = true);
  /// Over the channels of every pixel.
  Signal layer_norm(std::string_view name, Signal x);
  Signal activation(Signal x, Activation activation);
  Signal linear(std::string_view name, Signal x, const Dim& out, bool bias = true);
  /// Attention of every pixel to every pixel, `heads` at once; output channels are those of `v`.
  /// @throws std::logic_error if the inputs do not fit together, or the heads or the grid do not fit them.
  Signal attention(std::string_view name, Signal q, Signal k, Signal v, const AttentionSpec& spec);
  /// [C, H, W] to [C, 1 + H * W, 1]: a learned class token, then the pixels row by row, plus learned positions.
  Signal tokens(std::string_view name, Signal x);
  Signal global_pool(Signal x);
  /// Mean over all tokens but the first `skip`.
  Signal token_pool(Signal x, int skip = 1);
  Signal average_pool(Signal x, int kernel, int stride);
  Signal max_pool(Signal x, int kernel, int stride);
  /// Bicubic, to other sides.
  Signal resize(Signal x, const Dim& height, const Dim& width);
  /// Bilinear, to other sides.
  Signal resize_bilinear(Signal x, const Dim& height, const Dim& width) {
    return layer("resize_bilinear", "", {x}, {{"height", height}, {"width", width}});
  }
  /// [C r^2, H, W] to [C, H r, W r].
  Signal pixel_shuffle(Signal x, int factor) { return layer("pixel_shuffle", "", {x}, {{"factor", factor}}); }
  /// y[h][w] = x[h + 1][w + 1], zeros in the last row and column: what a strided layer leaves out otherwise.
  Signal shift(Signal x);
  /// `x`, which training may leave out for some images (drop path, stochastic depth): of a branch that others go
  /// beside.
  Signal may_drop(Signal x) {
    if (!x.is_zero) graph_.let_drop(x.vertex);
    return x;
  }
  Signal add(Signal a, Signal b);
  /// Of one or more signals; zeros are left out.
  Signal sum(const std::vector<Signal>& terms);
  Signal multiply(Signal x, Signal gate);
  Signal concat(const std::vector<Signal>& inputs);
  /// `channels` of `x` from `begin` on.
  Signal slice(Signal x, const Dim& begin, const Dim& channels) {
    return layer("slice", "", {x}, {{"begin", begin}, {"channels", channels}});
  }
  /// Channel g (C / groups) + j goes to j groups + g.
  Signal channel_shuffle(Signal x, const Dim& groups) {
    return layer("channel_shuffle", "", {x}, {{"groups", groups}});
  }
  /// The first `channels` of `x`; `x` itself where that is all of them.
  Signal truncate(Signal x, const Dim& channels);
  /// Zeros of `channels`, height and width those of `x` reduced by `stride`.
  Signal zero(Signal x, const Dim& channels, int stride);

  // Compositions.
  Signal conv_bn(std::string_view name, Signal x, const ConvSpec& spec);
  Signal conv_bn(std::string_view name, Signal x, const ConvSpec& spec, Activation act);
  /// The other order: ReLU, convolution, norm (cells).
  Signal relu_conv_bn(std::string_view name, Signal x, const ConvSpec& spec);
  /// x + y where the shapes are equal, y where they are not. @param name of the site: x, then y.
  Signal residual(Signal x, Signal y, std::string_view name = "residual");
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

  /// A further classifier for training alone: `head` emits its layers and gives its logits, whose loss counts `weight`
  /// times. They cost nothing and are no part of the finished network; other layers must not read them.
  void auxiliary(double weight, const std::function<Signal()>& head);

  /// Ends the network and takes it out of the builder.
  NetworkGraph finish(Signal output);

  /// After finish() of an everything-builder: the decisions in order of first use, and for each where it is active (1)
  /// or without effect because no layer that uses it exists (0).
  std::vector<Decision> take_decisions() { return std::move(decisions_); }
  std::vector<Dim> take_activity() { return std::move(activity_); }
  std::vector<Constraint> take_constraints() { return std::move(constraints_); }

 private:
  std::uint16_t decide(Decision decision);
  void check_combine(const Decision& decision, std::uint16_t index) const;
  /// The options of a decision that take part, of so many.
  std::vector<std::uint16_t> selected(std::uint16_t decision, std::size_t num_options) const;
  bool is_hard(std::uint16_t decision) const { return index_ && (*selection_)[decision].is_hard(); }
  std::string decision_name(std::uint16_t decision) const;
  std::string name_of(std::uint16_t decision) const;
  std::vector<LabelledValue> labelled(const std::vector<std::int64_t>& options) const;
  std::uint16_t decide_number(std::string_view name, const std::vector<LabelledValue>& options, DecisionKind kind);
  Signal emit(Layer layer, std::vector<Signal> inputs);
  bool soften(const Layer& layer, std::vector<Signal>& inputs);
  void require_decided(const Dim& side, const char* what) const;
  void require_maskable(const Dim& width) const;
  bool is_zero_beyond(const Signal& signal) const;
  Signal masked(Signal signal);
  void require_kept(Signal x) const;
  template <class ValueOf>
  Dim values_of(std::uint16_t decision, std::size_t num_options, const ValueOf& value_of) const;
  /// [the option is chosen], as a function of its decision.
  Dim indicator(std::uint16_t decision, std::size_t num_options, std::size_t option) const;
  NetworkGraph::Vertex vertex_of(const Signal& signal);
  /// What a site weighs, before it is a layer.
  struct Candidates {
    std::vector<Signal> signals;
    std::vector<Dim> indicators;
    std::vector<std::uint16_t> inputs;  ///< of the site
    void add(std::uint16_t input, Signal signal, Dim indicator);
  };
  static Candidates without_zeros(const Candidates& terms);
  Signal mixed(Site site, Candidates candidates, std::string_view kind = "mix");
  Signal partial_mix(Signal x, std::int64_t partial, const std::function<Signal(Signal)>& layers);
  std::string full_name(std::string_view name) const { return prefix_ + std::string(name); }
  /// Of a decision or a site.
  std::string place_name(std::string_view name) const {
    return name.starts_with('/') ? std::string(name.substr(1)) : full_name(name);
  }

  const std::unordered_map<std::string, std::uint16_t>* index_ =
      nullptr;  ///< null: everything is selected and recorded
  const Selection* selection_ = nullptr;
  bool soft_ = false;              ///< several options of something are selected; not: everything is recorded
  std::vector<bool> zero_beyond_;  ///< by vertex: zeros stand beyond its width where that is open in a soft network
  std::unordered_map<NetworkGraph::Vertex, NetworkGraph::Vertex> masks_;  ///< of those that were masked
  std::unordered_map<std::string, std::uint16_t> recorded_;
  std::vector<Decision> decisions_;
  std::vector<Dim> activity_;
  std::vector<Constraint> constraints_;
  std::unordered_map<std::string, int> layer_names_;
  std::unordered_map<std::string, std::size_t> site_inputs_;
  std::unordered_map<std::uint16_t, std::size_t> num_options_;  ///< of decisions among numbers
  NetworkGraph graph_;
  Signal input_;
  std::string prefix_;
  Dim exists_ = 1;
  bool training_only_ = false;
};

}  // namespace frontier
