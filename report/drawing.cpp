#include "report/drawing.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>

#include "common/text.h"
#include "report/html.h"
#include "report/internal/svg.h"
#include "search_spaces/cost.h"

namespace frontier {
namespace {

/// Blocks inside the blocks of a stage (the edges of cells) are boxes up to here; beyond, the blocks are.
constexpr std::size_t kMaxInnerBlocks = 30;
constexpr std::size_t kMaxBlocks = 64;  ///< beyond, whole stages are boxes
constexpr std::size_t kWholeScope = 0;

/// The scope of a layer: of "stage1.block0.squeeze_excite.reduce" the parts up to the last numbered one among the first
/// three, "stage1.block0"; of "stem.conv" the first part; of "classifier" itself. @param max_parts in place of three.
std::string scope_of(std::string name, std::size_t max_parts) {
  if (name.size() > 3 && name.ends_with(".bn")) name.resize(name.size() - 3);
  std::vector<std::string> parts = split(name, '.');
  if (parts.size() > 1) parts.pop_back();
  if (max_parts == kWholeScope) return join(parts, ".");
  std::size_t kept = 1;
  for (std::size_t i = 0; i < std::min(parts.size(), max_parts); ++i)
    if (!parts[i].empty() && std::isdigit(static_cast<unsigned char>(parts[i].back()))) kept = i + 1;
  parts.resize(kept);
  return join(parts, ".");
}

std::string change(std::int64_t from, std::int64_t to) {
  return from == to ? std::to_string(to) : std::to_string(from) + "→" + std::to_string(to);
}

std::string side(const Shape& shape) {
  return std::to_string(shape.height.value()) + "×" + std::to_string(shape.width.value());
}

std::string shape_text(const Shape& from, const Shape& to) {
  const std::string sides = side(from) == side(to) ? side(to) : side(from) + "→" + side(to);
  return change(from.channels.value(), to.channels.value()) + " ch, " + sides;
}

/// What the kinds of its layers say of a block; the last layer's kind where none has a word for it.
std::string what_of(const NetworkGraph& graph, const std::vector<NetworkGraph::Vertex>& members, const Shape& input) {
  const auto before = [](const LayerKind* a, const LayerKind* b) {
    return std::pair(a->words_order, a->name) < std::pair(b->words_order, b->name);
  };
  std::map<const LayerKind*, std::vector<NetworkGraph::Vertex>, decltype(before)> kinds(before);
  for (const auto vertex : members)
    if (graph[vertex].kind->words) kinds[graph[vertex].kind].push_back(vertex);
  std::vector<std::string> parts;
  bool whole = false;
  for (const auto& [kind, of_kind] : kinds) {
    if (whole && !kind->words_beside) continue;
    const BlockWords words = kind->words({graph, members, of_kind, input});
    whole = whole || words.whole;
    if (!words.text.empty()) parts.push_back(words.text);
  }
  return parts.empty() ? std::string(graph[members.back()].kind->name) : join(parts, " ");
}

/// The cell that a layer of this name is in; empty: none.
std::string cell_of(const std::string& name, const std::set<std::string>& cells) {
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
    if (cells.contains(name.substr(0, dot))) return name.substr(0, dot);
  return "";
}

/// Which block every layer is in.
class Grouping {
 public:
  Grouping(const NetworkGraph& graph, const std::set<std::string>& cells, std::size_t max_parts)
      : graph_(graph), cells_(cells), max_parts_(max_parts), block_of_(graph.size()) {
    for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
      if (!graph[v].training_only) place(v);
    if (!cells.empty()) place_pools();
    connect();
    describe();
  }

  std::vector<Block> blocks;

 private:
  void place(NetworkGraph::Vertex v) {
    const auto inputs = graph_.inputs(v);
    const std::string& name = graph_[v].name;
    if (name.empty() && !inputs.empty() && inputs.back() != 0) {
      std::size_t block = block_of_[inputs.back()];
      if (!cells_.empty())  // what a cell adds up, it may have got from before it
        for (const auto input : inputs) block = std::max(block, block_of_[input]);
      put(v, block);
      return;
    }
    const std::string cell = cell_of(name, cells_);
    const std::string scope = name.empty()   ? std::string(graph_[v].kind->name)
                              : cell.empty() ? scope_of(name, max_parts_)
                                             : cell;
    const auto [it, inserted] = index_.try_emplace(scope, blocks.size());
    if (inserted) add_block(scope).is_cell = !cell.empty();
    put(v, it->second);
  }

  Block& add_block(const std::string& name) {
    members_.emplace_back();
    Block& block = blocks.emplace_back();
    block.name = name;
    return block;
  }
  void put(NetworkGraph::Vertex v, std::size_t block) {
    block_of_[v] = block;
    members_[block].push_back(v);
  }

  /// Pools between cells have no name. One is a part of the block that reads it, or, before a cell and before the
  /// classifier, a block of its own.
  void place_pools() {
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const auto v = members_[b].back();
      if (members_[b].size() < 2 || !graph_[v].name.empty() || !((blocks[b].is_cell && is_global_pool(v)) || halves(v)))
        continue;
      members_[b].pop_back();
      const std::size_t reader = reader_of(v);
      if (reader < blocks.size() && !blocks[reader].is_cell && !is_global_pool(v)) {
        members_[reader].insert(members_[reader].begin(), v);
        block_of_[v] = reader;
        continue;
      }
      Block pool;
      pool.name = "pool";
      blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(b) + 1, std::move(pool));
      members_.insert(members_.begin() + static_cast<std::ptrdiff_t>(b) + 1, {v});
      for (std::size_t k = b + 1; k < blocks.size(); ++k)
        for (const auto member : members_[k]) block_of_[member] = k;
    }
  }

  bool is_global_pool(NetworkGraph::Vertex v) const { return graph_[v].is("global_pool"); }
  bool halves(NetworkGraph::Vertex v) const {
    return (graph_[v].is("max_pool") || graph_[v].is("average_pool")) && graph_[v].number("stride") > 1;
  }

  /// The block of the first layer that reads this one; the number of blocks if there is none.
  std::size_t reader_of(NetworkGraph::Vertex v) const {
    for (NetworkGraph::Vertex reader = v + 1; reader < graph_.size(); ++reader)
      if (const auto inputs = graph_.inputs(reader); std::find(inputs.begin(), inputs.end(), v) != inputs.end())
        return block_of_[reader];
    return blocks.size();
  }

  void connect() {
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      auto& inputs = blocks[b].inputs;
      for (const auto v : members_[b])
        for (const auto input : graph_.inputs(v))
          if (block_of_[input] != b) inputs.push_back(block_of_[input]);
      std::sort(inputs.begin(), inputs.end());
      inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
    }
  }

  const Shape& output(std::size_t block) const { return graph_[members_[block].back()].output; }

  void describe() {
    for (const LayerCost& layer : layer_costs(graph_)) {
      if (graph_[layer.vertex].training_only) continue;
      blocks[block_of_[layer.vertex]].macs += layer.macs;
      blocks[block_of_[layer.vertex]].params += layer.params;
    }
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const auto first = graph_.inputs(members_[b].front());
      const Shape& from = graph_[first.empty() ? members_[b].front() : first.front()].output;
      blocks[b].shape = shape_text(from, output(b));
      blocks[b].what = what_of(graph_, members_[b], from);
      if (!blocks[b].is_cell) continue;
      const auto smaller = [&](std::size_t input) { return output(b).height.value() < output(input).height.value(); };
      blocks[b].reduces = std::all_of(blocks[b].inputs.begin(), blocks[b].inputs.end(), smaller);
      blocks[b].shape = shape_text(output(b), output(b));
    }
  }

  const NetworkGraph& graph_;
  const std::set<std::string>& cells_;
  std::size_t max_parts_;
  std::vector<std::size_t> block_of_;  ///< by vertex
  std::vector<std::vector<NetworkGraph::Vertex>> members_;
  std::map<std::string, std::size_t> index_;  ///< of blocks, by scope
};

/// Equal cells behind each other as one block.
std::vector<Block> folded(const std::vector<Block>& blocks) {
  std::vector<Block> result;
  std::vector<std::size_t> place;
  std::string first;
  for (const Block& block : blocks) {
    const bool is_next = block.is_cell && !result.empty() && result.back().is_cell &&
                         result.back().shape == block.shape && result.back().reduces == block.reduces;
    if (is_next) {
      Block& cells = result.back();
      cells.macs += block.macs;
      cells.params += block.params;
      ++cells.repeats;
      const auto dot = block.name.rfind('.');
      cells.name = first + " to " + (dot == std::string::npos ? block.name : block.name.substr(dot + 1));
    } else {
      result.push_back(block);
      result.back().inputs.clear();
      first = block.name;
    }
    place.push_back(result.size() - 1);
    for (const std::size_t input : block.inputs)
      if (place[input] != place.back()) result.back().inputs.push_back(place[input]);
  }
  for (Block& block : result) {
    std::sort(block.inputs.begin(), block.inputs.end());
    block.inputs.erase(std::unique(block.inputs.begin(), block.inputs.end()), block.inputs.end());
    if (block.is_cell)
      block.what = (block.repeats > 1 ? std::to_string(block.repeats) + " × " : "") +
                   (block.reduces ? "reduction cell" : "cell");
  }
  return result;
}

/// UTF-8 text, cut to what fits into `width` pixels to the left of `beside`. @param character its usual width.
std::string cut(const std::string& text, double character, double width, const std::string& beside) {
  constexpr double kBeside = 7, kSpace = 8;
  const auto limit = static_cast<std::size_t>(
      std::max(4.0, (width - kSpace - kBeside * static_cast<double>(num_characters(beside))) / character));
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
    if (count++ == limit) return text.substr(0, at) + "…";
  }
  return text;
}

}  // namespace

std::vector<Block> blocks_of(const NetworkGraph& graph, const std::set<std::string>& cells) {
  if (!cells.empty()) return folded(Grouping(graph, cells, kWholeScope).blocks);
  std::vector<Block> blocks = Grouping(graph, cells, 3).blocks;
  if (blocks.size() > kMaxInnerBlocks) blocks = Grouping(graph, cells, 2).blocks;
  if (blocks.size() > kMaxBlocks) blocks = Grouping(graph, cells, 1).blocks;
  return blocks;
}

std::string draw(const std::vector<Block>& blocks, const std::string& title) {
  constexpr double kWidth = 320, kBox = 46, kGap = 14, kPadding = 10;
  constexpr double kBold = 7.9, kPlain = 7;  // characters of page.css's fonts, in pixels
  // Connections that pass over a box run beside the boxes, each in a lane of its own.
  std::size_t lanes = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b)
    for (const std::size_t input : blocks[b].inputs) lanes += input + 1 != b ? 1 : 0;
  const double lane_width = lanes == 0 ? 0 : std::min(8.0, 60.0 / static_cast<double>(lanes));
  const double box_width = kWidth - 2 - lane_width * static_cast<double>(lanes);
  const double text_width = box_width - 2 * kPadding;
  std::int64_t total = 0;
  for (const Block& block : blocks) total += block.macs;
  const auto top = [&](std::size_t b) { return 1 + static_cast<double>(b) * (kBox + kGap); };
  const double height = top(blocks.size()) - kGap + 1;

  std::string svg = "<svg class=\"network\" role=\"img\" viewBox=\"0 0 " + svg_number(kWidth) + " " +
                    svg_number(height) + "\" width=\"" + svg_number(kWidth) + "\" height=\"" + svg_number(height) +
                    "\"><title>" + html(title) + "</title>\n";
  std::size_t lane = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    for (const std::size_t input : blocks[b].inputs) {
      if (input + 1 == b) {
        const double x = box_width / 2;
        svg += "<path class=\"wire\" d=\"M" + svg_number(x) + " " + svg_number(top(b) - kGap) + "V" +
               svg_number(top(b) - 4) + "\"/><path class=\"tip\" d=\"M" + svg_number(x - 3.5) + " " +
               svg_number(top(b) - 6) + "h7l-3.5 6z\"/>";
      } else {
        const double x = box_width + 1 + lane_width * (static_cast<double>(++lane) - 0.3);
        svg += "<path class=\"wire\" d=\"M" + svg_number(box_width + 1) + " " + svg_number(top(input) + kBox - 8) +
               "H" + svg_number(x) + "V" + svg_number(top(b) + 8) + "H" + svg_number(box_width + 1) + "\"/>";
      }
    }
    const Block& block = blocks[b];
    const double share = total == 0 ? 0 : static_cast<double>(block.macs) / static_cast<double>(total);
    const std::string macs = block.macs == 0 ? "" : format_count(static_cast<double>(block.macs)) + " MACs";
    svg += "<g transform=\"translate(1 " + svg_number(top(b)) + ")\"><title>" + html(block.name) + ": " +
           html(block.what) + ", " + html(block.shape) + ", " + std::to_string(block.macs) + " MACs (" +
           svg_number(100 * share) + " %), " + std::to_string(block.params) + " parameters</title>";
    if (block.repeats > 1)
      svg += "<rect class=\"box\" rx=\"5\" y=\"4\" x=\"4\" width=\"" + svg_number(box_width - 4) + "\" height=\"" +
             svg_number(kBox) + "\"/>";
    svg += "<rect class=\"box\" rx=\"5\" width=\"" + svg_number(block.repeats > 1 ? box_width - 4 : box_width) +
           "\" height=\"" + svg_number(kBox) + "\"/>";
    if (block.macs > 0)
      svg += "<rect class=\"share\" x=\"1\" y=\"" + svg_number(kBox - 5) + "\" rx=\"1.5\" width=\"" +
             svg_number(std::max(1.0, (box_width - 2) * share)) + "\" height=\"4\"/>";
    svg += "<text class=\"what\" x=\"" + svg_number(kPadding) + "\" y=\"18\">" +
           html(cut(block.what, kBold, text_width, macs)) + "</text>";
    svg += "<text class=\"macs\" x=\"" + svg_number(box_width - kPadding) + "\" y=\"18\">" + html(macs) + "</text>";
    svg += "<text class=\"name\" x=\"" + svg_number(kPadding) + "\" y=\"34\">" +
           html(cut(block.name, kPlain, text_width, block.shape)) + "</text>";
    svg += "<text class=\"shape\" x=\"" + svg_number(box_width - kPadding) + "\" y=\"34\">" + html(block.shape) +
           "</text></g>\n";
  }
  return svg + "</svg>";
}

}  // namespace frontier
