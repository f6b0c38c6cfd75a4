#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "search_spaces/dim.h"

namespace frontier {

struct Layer;
struct Shape;
class NetworkGraph;

/// Outputs of the layers that a layer reads, by slot.
using InputShapes = std::span<const Shape* const>;

/// The distribution that a parameter's values are drawn from at the start.
enum class Init {
  kZero,
  kOne,
  kHeNormal,  ///< normal over the fan-out; a depthwise convolution (one input channel a group) has its kernel's alone
  kLinear,    ///< N(0, 0.01^2)
  kPosition,  ///< N(0, 0.02^2); the usual truncated normal cuts a hundred deviations away
};

/// A parameter of a layer: under a hard selection of the shape that the layer multiplies with, with everything selected
/// at its largest.
struct ParameterSpec {
  std::string name;  ///< behind the layer's: "weight"
  std::vector<Dim> shape;
  Init init = Init::kZero;
  bool decays = false;          ///< weight decay acts on it
  bool last_first = false;      ///< in memory the first dimension is the densest
  std::size_t num_centred = 0;  ///< so many last dimensions are cut around their centre: kernels, tables of offsets
};

/// An attribute of a kind of layer and what it may be in a hard network: what files of networks are checked against.
struct AttributeRange {
  std::string_view name;  ///< of static storage
  std::int64_t smallest = 0;
  std::int64_t largest = 0;
  std::vector<std::string_view> names = {};  ///< of an enumeration: what its values are called, from 0 on
};

// No layer of a network read from a file is larger.
inline constexpr std::int64_t kMostSide = 1 << 16;
inline constexpr std::int64_t kMostChannels = 1 << 20;

/// What a drawing of blocks says of a block's layers of one kind.
struct BlockWords {
  std::string text;    ///< empty: nothing
  bool whole = false;  ///< says it all: only words beside the layers (gates, shortcuts) follow
};

/// The layers of a block in a drawing.
struct BlockLayers {
  const NetworkGraph& graph;
  std::span<const std::size_t> all;      ///< vertices
  std::span<const std::size_t> of_kind;  ///< those of the kind that is asked
  const Shape& input;                    ///< of the block
};

/// A soft network runs a layer of open width at the largest. What stands in the channels beyond the width is then no
/// part of any network and must be zero before channels meet: what a kind makes of those channels.
enum class Beyond {
  kMixes,  ///< its inputs must be zero there; what it gives there is anything (convolutions)
  kSums,   ///< its inputs must be zero there; its output needs no mask: it is zero, too (add, mix)
  kKeeps,  ///< channels stay by themselves, and a zero of any input gives zero (pools, ReLU, products)
  kFills,  ///< channels stay by themselves, and zeros become something else (norms, sigmoids, biases)
};

/// What kind of layer something is: everything that builder, cost pass, weight bank, merge and drawings know of it.
/// What it computes is its other half (supernet/kernel.h). One file a kind in search_spaces/ops/, each a function of
/// the kind's name, from which the build makes the table.
struct LayerKind {
  std::string_view name;                        ///< "conv"
  std::vector<AttributeRange> attributes = {};  ///< that its layers have, all of them
  std::size_t num_inputs = 1;                   ///< outputs of other layers that it reads
  bool more_inputs = false;                     ///< or more
  bool soft_only = false;                       ///< hard networks have none
  /// The output of a layer with these attributes. @throws std::logic_error saying what does not fit; the builder says
  /// where.
  Shape (*output)(const Layer& layer, InputShapes inputs) = nullptr;
  /// Multiply-accumulates for one image; null: none.
  Dim (*macs)(const Layer& layer, InputShapes inputs) = nullptr;
  /// Null: none.
  std::vector<ParameterSpec> (*parameters)(const Layer& layer, InputShapes inputs) = nullptr;
  /// Null: kMixes. @throws std::logic_error saying why open dimensions of these inputs and attributes have no meaning.
  Beyond (*beyond)(const Layer& layer, InputShapes inputs) = nullptr;
  /// Dimensions that the layer needs in a soft network as masks of what is there (soft::prefix). Null: none.
  std::vector<Dim> (*masks)(const Layer& layer, InputShapes inputs) = nullptr;
  /// What tells it from others of its kind: "conv 3x3"; null: the name.
  std::string (*label)(const Layer& layer) = nullptr;
  /// Null: nothing.
  BlockWords (*words)(const BlockLayers& layers) = nullptr;
  int words_order = 0;        ///< where its words stand among those of other kinds
  bool words_beside = false;  ///< of a gate or a shortcut: also behind words that say it all
};

/// @throws std::logic_error if there is none of that name, listing those there are.
const LayerKind& layer_kind(std::string_view name);
/// All kinds, by name.
std::span<const LayerKind* const> layer_kinds();

/// A side behind a layer with "same" padding: ceil(side / stride).
Dim reduced_side(const Dim& side, const Dim& stride);
/// Whether a condition (0 or 1) holds for any of the selected options.
bool holds_somewhere(const Dim& condition);

}  // namespace frontier
