#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

/// One cell of a network that repeats it: nodes, and the operations between them.
struct CellPicture {
  struct Operation {
    std::vector<std::size_t> from;  ///< nodes, ascending
    std::size_t to = 0;
    std::string what;  ///< as the decision's option says it: "nor_conv_3x3"
  };
  std::string kind;                ///< "normal"; empty where all cells are alike
  std::vector<std::string> nodes;  ///< what stands in them; inputs first, the output last
  std::size_t num_inputs = 1;
  std::vector<Operation> operations;  ///< by the node that they lead to
  std::size_t repeats = 0;            ///< of the cell in the network; 0: not known
};

/// The cells of a network of a space whose decisions describe cells; none where they do not. Decisions do so by their
/// names, behind the kind of the cell and a dot where there are several kinds:
/// - `edge0-2` is the operation between nodes 0 and 2, or, with options 0 and 1, whether there is that edge; what
///   vertex 2 then does is `operation2`. An operation `none` is no edge.
/// - `node1.from0` is the operation by which node 1 reads input 0 of the cell; behind the two inputs come the nodes.
///   `node1.inputs`, "0+2", says which are read. The output joins all nodes.
std::vector<CellPicture> cells_of(const SearchSpace& space, const Architecture& arch);

/// Scopes of layers that are cells: "stage0.cell0"; of a space that cells_of() knows. @param everything
/// SearchSpace::build_everything().
std::set<std::string> cell_scopes(const NetworkGraph& everything);

/// An inline SVG, top to bottom: a row a node and a row an operation. @param title says what is drawn, for screen
/// readers.
std::string draw(const CellPicture& cell, const std::string& title);

}  // namespace frontier
