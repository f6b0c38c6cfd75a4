#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "search_spaces/network_graph.h"

namespace frontier {

/// A part of a network that is drawn as one box: the layers of one scope, e.g. "stage1.block0".
struct Block {
  std::string name;
  std::string what;   ///< "k5 e4 se skip", "conv k3 s2", "linear"
  std::string shape;  ///< "24→32 ch, 14×14→7×7"
  std::int64_t macs = 0;
  std::int64_t params = 0;
  std::vector<std::size_t> inputs;  ///< blocks it reads, ascending
  bool is_cell = false;
  bool reduces = false;     ///< a cell whose output has smaller sides than all that it reads
  std::size_t repeats = 1;  ///< so many equal cells, one after the other, are one block
};

/// The layers grouped by scope, in order of their first layer. Layers without a name belong to the block they follow.
/// Equal cells behind each other become one block.
/// @param graph of a hard selection.  @param cells scopes that are cells (cell_scopes()).
std::vector<Block> blocks_of(const NetworkGraph& graph, const std::set<std::string>& cells = {});

/// An inline SVG, top to bottom: a box a block, with a bar for its share of the MACs. Its classes are styled by
/// page.css. @param title says what is drawn, for screen readers.
std::string draw(const std::vector<Block>& blocks, const std::string& title);

}  // namespace frontier
