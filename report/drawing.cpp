#include "report/drawing.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>

#include "common/text.h"
#include "report/html.h"
#include "search_spaces/cost.h"

namespace frontier {
namespace {

/// Blocks inside the blocks of a stage (the edges of cells) are boxes up to here; beyond, the blocks are.
constexpr std::size_t kMaxInnerBlocks = 30;
constexpr std::size_t kMaxBlocks = 64;  ///< beyond, whole stages are boxes

/// The scope of a layer: of "stage1.block0.squeeze_excite.reduce" the parts up to the last numbered one among the first
/// three, "stage1.block0"; of "stem.conv" the first part; of "classifier" itself.
std::string scope_of(std::string name, std::size_t max_parts) {
  if (name.size() > 3 && name.ends_with(".bn")) name.resize(name.size() - 3);
  std::vector<std::string> parts = split(name, '.');
  if (parts.size() > 1) parts.pop_back();
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

std::vector<Block> grouped(const NetworkGraph& graph, std::size_t max_parts) {
  std::vector<Block> blocks;
  std::vector<std::vector<NetworkGraph::Vertex>> members;
  std::map<std::string, std::size_t> index;
  std::vector<std::size_t> block_of(graph.size());
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    if (graph[v].training_only) continue;
    const auto inputs = graph.inputs(v);
    if (graph[v].name.empty() && !inputs.empty() && inputs.back() != 0) {
      block_of[v] = block_of[inputs.back()];
    } else {
      const std::string name =
          graph[v].name.empty() ? std::string(graph[v].kind->name) : scope_of(graph[v].name, max_parts);
      const auto [it, inserted] = index.try_emplace(name, blocks.size());
      if (inserted) {
        blocks.emplace_back().name = name;
        members.emplace_back();
      }
      block_of[v] = it->second;
    }
    members[block_of[v]].push_back(v);
    for (const auto input : inputs)
      if (block_of[input] != block_of[v]) blocks[block_of[v]].inputs.push_back(block_of[input]);
  }
  for (const LayerCost& layer : layer_costs(graph)) {
    if (graph[layer.vertex].training_only) continue;
    blocks[block_of[layer.vertex]].macs += layer.macs;
    blocks[block_of[layer.vertex]].params += layer.params;
  }
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    auto& inputs = blocks[b].inputs;
    std::sort(inputs.begin(), inputs.end());
    inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
    const auto first = graph.inputs(members[b].front());
    const Shape& from = graph[first.empty() ? members[b].front() : first.front()].output;
    blocks[b].shape = shape_text(from, graph[members[b].back()].output);
    blocks[b].what = what_of(graph, members[b], from);
  }
  return blocks;
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

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

}  // namespace

std::vector<Block> blocks_of(const NetworkGraph& graph) {
  std::vector<Block> blocks = grouped(graph, 3);
  if (blocks.size() > kMaxInnerBlocks) blocks = grouped(graph, 2);
  if (blocks.size() > kMaxBlocks) blocks = grouped(graph, 1);
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

  std::string svg = "<svg class=\"network\" role=\"img\" viewBox=\"0 0 " + number(kWidth) + " " + number(height) +
                    "\" width=\"" + number(kWidth) + "\" height=\"" + number(height) + "\"><title>" + html(title) +
                    "</title>\n";
  std::size_t lane = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    for (const std::size_t input : blocks[b].inputs) {
      if (input + 1 == b) {
        const double x = box_width / 2;
        svg += "<path class=\"wire\" d=\"M" + number(x) + " " + number(top(b) - kGap) + "V" + number(top(b) - 4) +
               "\"/><path class=\"tip\" d=\"M" + number(x - 3.5) + " " + number(top(b) - 6) + "h7l-3.5 6z\"/>";
      } else {
        const double x = box_width + 1 + lane_width * (static_cast<double>(++lane) - 0.3);
        svg += "<path class=\"wire\" d=\"M" + number(box_width + 1) + " " + number(top(input) + kBox - 8) + "H" +
               number(x) + "V" + number(top(b) + 8) + "H" + number(box_width + 1) + "\"/>";
      }
    }
    const Block& block = blocks[b];
    const double share = total == 0 ? 0 : static_cast<double>(block.macs) / static_cast<double>(total);
    const std::string macs = block.macs == 0 ? "" : format_count(static_cast<double>(block.macs)) + " MACs";
    svg += "<g transform=\"translate(1 " + number(top(b)) + ")\"><title>" + html(block.name) + ": " + html(block.what) +
           ", " + html(block.shape) + ", " + std::to_string(block.macs) + " MACs (" + number(100 * share) + " %), " +
           std::to_string(block.params) + " parameters</title><rect class=\"box\" rx=\"5\" width=\"" +
           number(box_width) + "\" height=\"" + number(kBox) + "\"/>";
    if (block.macs > 0)
      svg += "<rect class=\"share\" x=\"1\" y=\"" + number(kBox - 5) + "\" rx=\"1.5\" width=\"" +
             number(std::max(1.0, (box_width - 2) * share)) + "\" height=\"4\"/>";
    svg += "<text class=\"what\" x=\"" + number(kPadding) + "\" y=\"18\">" +
           html(cut(block.what, kBold, text_width, macs)) + "</text>";
    svg += "<text class=\"macs\" x=\"" + number(box_width - kPadding) + "\" y=\"18\">" + html(macs) + "</text>";
    svg += "<text class=\"name\" x=\"" + number(kPadding) + "\" y=\"34\">" +
           html(cut(block.name, kPlain, text_width, block.shape)) + "</text>";
    svg += "<text class=\"shape\" x=\"" + number(box_width - kPadding) + "\" y=\"34\">" + html(block.shape) +
           "</text></g>\n";
  }
  return svg + "</svg>";
}

}  // namespace frontier
