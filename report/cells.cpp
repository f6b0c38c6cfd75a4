#include "report/cells.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/text.h"
#include "report/html.h"
#include "report/internal/svg.h"

namespace frontier {
namespace {

/// "0-2" behind "edge", "3" behind "node": the numbers; none if the text says anything else.
std::optional<std::vector<std::size_t>> numbers_behind(std::string_view text, std::string_view word, char separator) {
  if (!text.starts_with(word)) return std::nullopt;
  std::vector<std::size_t> numbers;
  for (const std::string& part : split(text.substr(word.size()), separator)) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (part.empty() || error != std::errc() || end != part.data() + part.size() || number > 99) return std::nullopt;
    numbers.push_back(number);
  }
  return numbers;
}

/// One kind of cell as its decisions say it.
struct Said {
  std::map<std::pair<std::size_t, std::size_t>, std::string> edges;       ///< (to, from): option
  std::map<std::size_t, std::string> operations;                          ///< of vertices
  std::map<std::size_t, std::map<std::size_t, std::string>> node_inputs;  ///< node, input: operation
  std::map<std::size_t, std::vector<std::size_t>> read;                   ///< node: inputs
};

/// Takes what a decision says of a cell. @param name without the kind.  @returns false if it says nothing of one.
bool take(Said& said, const std::string& name, const std::string& option) {
  const auto dot = name.find('.');
  if (dot == std::string::npos) {
    if (const auto edge = numbers_behind(name, "edge", '-'); edge && edge->size() == 2 && edge->at(0) < edge->at(1)) {
      said.edges[{edge->at(1), edge->at(0)}] = option;
      return true;
    }
    if (const auto vertex = numbers_behind(name, "operation", '-'); vertex && vertex->size() == 1) {
      said.operations[vertex->front()] = option;
      return true;
    }
    return false;
  }
  const auto node = numbers_behind(std::string_view(name).substr(0, dot), "node", '-');
  if (!node || node->size() != 1) return false;
  const std::string_view what = std::string_view(name).substr(dot + 1);
  if (what == "inputs") {
    if (const auto inputs = numbers_behind(option, "", '+')) said.read[node->front()] = *inputs;
    return true;
  }
  const auto from = numbers_behind(what, "from", '-');
  if (!from || from->size() != 1) return false;
  said.node_inputs[node->front()][from->front()] = option;
  return true;
}

/// Operations on edges: NAS-Bench-201.
CellPicture with_operations_on_edges(const Said& said) {
  CellPicture cell;
  const std::size_t last = said.edges.rbegin()->first.first;
  for (std::size_t node = 0; node <= last; ++node) cell.nodes.push_back(std::to_string(node));
  for (const auto& [edge, option] : said.edges)
    if (option != "none") cell.operations.push_back({{edge.second}, edge.first, option});
  return cell;
}

/// Operations in vertices, between which there are edges or not: NAS-Bench-101. Vertices that are not reached are left
/// out.
CellPicture with_operations_in_vertices(const Said& said) {
  CellPicture cell;
  const std::size_t last = said.edges.rbegin()->first.first;
  std::map<std::size_t, std::size_t> place{{0, 0}};
  cell.nodes.emplace_back("in");
  for (std::size_t vertex = 1; vertex <= last; ++vertex) {
    std::vector<std::size_t> from;
    for (const auto& [source, at] : place)
      if (const auto edge = said.edges.find({vertex, source}); edge != said.edges.end() && edge->second == "1")
        from.push_back(at);
    if (from.empty() && vertex != last) continue;
    place[vertex] = cell.nodes.size();
    cell.nodes.push_back(vertex == last ? "out" : std::to_string(vertex));
    const auto operation = said.operations.find(vertex);
    const std::string what = operation != said.operations.end() ? operation->second : "output";
    if (!from.empty()) cell.operations.push_back({from, place[vertex], what});
  }
  return cell;
}

/// Nodes that read inputs of the cell and earlier nodes: DARTS.
CellPicture with_nodes_that_read(const Said& said) {
  constexpr std::size_t kInputs = 2;
  CellPicture cell;
  cell.nodes = {"-2", "-1"};
  cell.num_inputs = kInputs;
  std::vector<std::size_t> all;
  for (const auto& [node, operations] : said.node_inputs) {
    const std::size_t to = cell.nodes.size();
    all.push_back(to);
    cell.nodes.push_back(std::to_string(node));
    const auto read = said.read.find(node);
    for (const auto& [from, option] : operations) {
      const bool is_read =
          read == said.read.end() || std::find(read->second.begin(), read->second.end(), from) != read->second.end();
      if (is_read && option != "none" && from < kInputs + node) cell.operations.push_back({{from}, to, option});
    }
  }
  cell.operations.push_back({all, cell.nodes.size(), "concatenation"});
  cell.nodes.emplace_back("out");
  return cell;
}

CellPicture picture_of(const Said& said) {
  if (!said.node_inputs.empty()) return with_nodes_that_read(said);
  return said.operations.empty() ? with_operations_on_edges(said) : with_operations_in_vertices(said);
}

/// Draws a cell row by row. Every node has a lane, a line from it down to the last operation that reads it.
class CellDrawing {
 public:
  explicit CellDrawing(const CellPicture& cell) : cell_(cell) {
    double y = kFirst;
    std::size_t next = 0;
    for (std::size_t node = 0; node < cell.nodes.size(); ++node) {
      for (; next < cell.operations.size() && cell.operations[next].to == node; ++next, y += kRow)
        operation_y_.push_back(y);
      node_y_.push_back(y);
      y += kRow;
    }
    height_ = y - kRow + kFirst;
  }

  std::string svg(const std::string& title) {
    out_ = "<svg class=\"network cell\" role=\"img\" viewBox=\"0 0 " + svg_number(kWidth) + " " + svg_number(height_) +
           "\" width=\"" + svg_number(kWidth) + "\" height=\"" + svg_number(height_) + "\"><title>" + html(title) +
           "</title>\n";
    for (std::size_t node = 0; node < cell_.nodes.size(); ++node) add_lane(node);
    for (std::size_t i = 0; i < cell_.operations.size(); ++i) add_operation(i);
    for (std::size_t node = 0; node < cell_.nodes.size(); ++node) add_node(node);
    return out_ + "</svg>";
  }

 private:
  static constexpr double kWidth = 320, kRow = 32, kFirst = 16, kRadius = 11, kBox = 24;
  static constexpr std::size_t kHues = 5;

  double lane(std::size_t node) const { return 14 + 22 * static_cast<double>(node); }
  double box_left() const { return lane(cell_.nodes.size() - 1) + 6; }
  double box_right() const { return kWidth - 16; }
  /// The colour of a node; grey where nothing arrives.
  std::string hue(std::size_t node) const {
    const bool is_made = node < cell_.num_inputs || std::any_of(cell_.operations.begin(), cell_.operations.end(),
                                                                [&](const auto& o) { return o.to == node; });
    return is_made ? "hue-" + std::to_string(node % kHues + 1) : "hue-none";
  }

  void add_lane(std::size_t node) {
    double last = 0;
    for (std::size_t i = 0; i < cell_.operations.size(); ++i) {
      const auto& from = cell_.operations[i].from;
      if (std::find(from.begin(), from.end(), node) != from.end()) last = operation_y_[i];
    }
    if (last > 0)
      out_ += "<path class=\"lane " + hue(node) + "\" d=\"M" + svg_number(lane(node)) + " " +
              svg_number(node_y_[node]) + "V" + svg_number(last) + "\"/>";
  }

  void add_operation(std::size_t i) {
    const auto& operation = cell_.operations[i];
    const double y = operation_y_[i], to = node_y_[operation.to], right = box_right();
    for (const std::size_t from : operation.from)
      out_ += "<path class=\"lane " + hue(from) + "\" d=\"M" + svg_number(lane(from)) + " " + svg_number(y) + "H" +
              svg_number(box_left()) + "\"/>";
    for (const std::size_t from : operation.from)
      out_ += "<circle class=\"joint " + hue(from) + "\" cx=\"" + svg_number(lane(from)) + "\" cy=\"" + svg_number(y) +
              "\" r=\"3.5\"/>";
    out_ += "<path class=\"wire\" d=\"M" + svg_number(right) + " " + svg_number(y) + "H" + svg_number(right + 10) +
            "V" + svg_number(to) + "H" + svg_number(lane(operation.to) + kRadius + 5) +
            "\"/><path class=\"tip\" d=\"M" + svg_number(lane(operation.to) + kRadius) + " " + svg_number(to) +
            "l6 -3.5v7z\"/>";
    out_ += "<rect class=\"box\" rx=\"4\" x=\"" + svg_number(box_left()) + "\" y=\"" + svg_number(y - kBox / 2) +
            "\" width=\"" + svg_number(right - box_left()) + "\" height=\"" + svg_number(kBox) +
            "\"/><text class=\"what\" x=\"" + svg_number((box_left() + right) / 2) + "\" y=\"" + svg_number(y + 4.5) +
            "\">" + html(printable(operation.what, 24)) + "</text>\n";
  }

  void add_node(std::size_t node) {
    out_ += "<circle class=\"node " + hue(node) + "\" cx=\"" + svg_number(lane(node)) + "\" cy=\"" +
            svg_number(node_y_[node]) + "\" r=\"" + svg_number(kRadius) + "\"/><text class=\"in-node" +
            (cell_.nodes[node].size() > 2 ? " long" : "") + "\" x=\"" + svg_number(lane(node)) + "\" y=\"" +
            svg_number(node_y_[node] + 4) + "\">" + html(cell_.nodes[node]) + "</text>\n";
  }

  const CellPicture& cell_;
  std::vector<double> node_y_, operation_y_;
  double height_ = 0;
  std::string out_;
};

}  // namespace

std::vector<CellPicture> cells_of(const SearchSpace& space, const Architecture& arch) {
  const nlohmann::json choices = space.to_json(arch);
  std::vector<std::string> kinds;  // in the decisions' order
  std::map<std::string, Said> said;
  for (const Decision& decision : space.decisions()) {
    const auto choice = choices.find(decision.name);
    const std::string option = choice == choices.end() ? "none" : choice->get<std::string>();
    const auto dot = decision.name.find('.');
    const bool has_kind = dot != std::string::npos && !numbers_behind(decision.name.substr(0, dot), "node", '-');
    const std::string kind = has_kind ? decision.name.substr(0, dot) : "";
    const bool is_new = !said.contains(kind);
    if (!take(said[kind], has_kind ? decision.name.substr(dot + 1) : decision.name, option)) {
      if (is_new) said.erase(kind);
    } else if (is_new) {
      kinds.push_back(kind);
    }
  }
  std::vector<CellPicture> cells;
  for (const std::string& kind : kinds) {
    if (said[kind].edges.empty() && said[kind].node_inputs.empty()) continue;
    cells.push_back(picture_of(said[kind]));
    cells.back().kind = kind;
  }
  return cells;
}

std::set<std::string> cell_scopes(const NetworkGraph& everything) {
  std::set<std::string> scopes;
  for (NetworkGraph::Vertex v = 0; v < everything.size(); ++v) {
    std::vector<std::string> parts = split(everything[v].name, '.');
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const bool is_inside = numbers_behind(parts[i], "edge", '-') || numbers_behind(parts[i], "node", '-') ||
                             numbers_behind(parts[i], "vertex", '-');
      if (!is_inside) continue;
      parts.resize(i);
      scopes.insert(join(parts, "."));
      break;
    }
  }
  return scopes;
}

std::string draw(const CellPicture& cell, const std::string& title) { return CellDrawing(cell).svg(title); }

}  // namespace frontier
