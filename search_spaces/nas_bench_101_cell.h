#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "search_spaces/builder.h"

namespace frontier {

/// A cell of NAS-Bench-101 (Ying, Klein, Real, Christiansen, Murphy, Hutter: "NAS-Bench-101: Towards Reproducible
/// Neural Architecture Search", 2019, arXiv 1902.09635): a DAG of 2 to 7 vertices, numbered so that every edge goes
/// from a lower to a higher one. Vertex 0 is the input, the last one the output, those between carry an operation.
///
/// A plain value. Always valid: input and output are connected, and at most 9 edges lie on a way from one to the other
/// (what lies on none does nothing, see pruned(), and is not counted; so says the benchmark's code, too).
/// The order of cells is the one in which the benchmark's own generator visits them: fewer vertices first, then the
/// number whose bit y * (y - 1) / 2 + x is edge x -> y, then the operations of vertex 1, 2, ...
class NasBench101Cell {
 public:
  static constexpr int kMaxVertices = 7;
  static constexpr int kMaxEdges = 9;

  /// In the order of the labels 0, 1, 2 of the benchmark's hash.
  enum class Operation : std::uint8_t { kConv3x3, kConv1x1, kMaxPool3x3 };
  static constexpr int kNumOperations = 3;

  /// The cell of two vertices: input -> output.
  NasBench101Cell() = default;
  /// @param edges bit y * (y - 1) / 2 + x is edge x -> y, for x < y <= operations.size() + 1; no other bits.
  /// @param operations of the interior vertices 1, 2, ...: at most 5.
  /// @throws InvalidArchitecture if that is no valid cell.
  NasBench101Cell(std::uint32_t edges, std::span<const Operation> operations);

  int num_vertices() const { return num_vertices_; }
  int num_edges() const;
  /// Whether x -> y is an edge; false if either is not a vertex or x >= y.
  bool has_edge(int x, int y) const;
  std::uint32_t edges() const { return edges_; }
  /// @param vertex an interior one: 1 to num_vertices() - 2.
  Operation operation(int vertex) const { return operations_[static_cast<std::size_t>(vertex - 1)]; }

  /// The cell without the vertices and edges that lie on no way from input to output; the others keep their order.
  NasBench101Cell pruned() const;
  /// The smallest cell (see above) among all that are isomorphic to pruned(). Two cells have the same canonical form
  /// exactly if they are the same graph of operations. It is also the cell under which the benchmark trained and stored
  /// that graph, as its generator kept the first of its kind.
  NasBench101Cell canonical() const;
  /// The key of the benchmark's table: MD5 over iterated neighbourhoods of pruned(), 32 hexadecimal digits. Equal
  /// exactly where canonical() is. About 20 microseconds.
  std::string hash() const;

  auto operator<=>(const NasBench101Cell&) const = default;

 private:
  std::uint8_t num_vertices_ = 2;  // members in the order of comparison
  std::uint32_t edges_ = 1;
  std::array<Operation, kMaxVertices - 2> operations_{};  // unused ones stay 0, so that comparison may look at all
};

/// "conv3x3", "conv1x1", "maxpool3x3".
std::string_view to_string(NasBench101Cell::Operation operation);

/// `<n*n adjacency bits, row by row>:<n letters>`: i input, o output, 3 conv3x3, 1 conv1x1, p maxpool3x3.
/// For instance `010001000:i3o`. The cell as it is, not its canonical form.
std::string to_string(const NasBench101Cell& cell);

/// Reads the notation of to_string, or the 56 digits that NAS-Bench-Suite-Zero's tables use: 49 adjacency bits and an
/// operation a vertex (0 input, 1 output, 2 maxpool3x3, 3 conv1x1, 4 conv3x3). The cell as written, not pruned.
/// @throws InvalidArchitecture with the position (characters counted from 1) of what is wrong and what is allowed.
NasBench101Cell parse_nas_bench_101_cell(std::string_view text);

/// Every canonical cell of at most `max_vertices` (2 to 7) vertices, ascending: 423,624 of up to 7, what the benchmark
/// trained. Takes a fraction of a second and 16 bytes a cell.
std::vector<NasBench101Cell> nas_bench_101_cells(int max_vertices = NasBench101Cell::kMaxVertices);

/// Channels of every vertex of a pruned cell in a module from `input` to `output` channels (the benchmark's rule):
/// the vertices that lead to the output share its channels, the first ones getting one more where that does not come
/// out even; any other interior vertex has as many as the widest that it leads to. So two isomorphic cells may differ
/// in channels, by the order of their vertices.
std::vector<std::int64_t> nas_bench_101_channels(const NasBench101Cell& cell, std::int64_t input, std::int64_t output);

/// The layers of one module, a cell with `channels` channels at its output. Each interior vertex adds what leads to it,
/// cut to its first channels, and applies its operation (convolutions with batch norm and ReLU); a way from the input
/// goes through a projection (1x1 convolution, batch norm, ReLU). The output is the concatenation of what leads to it,
/// plus a projection of the input where that leads to it directly.
/// Layer names: "vertex2.conv3x3", "vertex2.projection", "output.projection", each with ".bn", in the builder's scope
/// and with the vertex numbers of `cell`; pass canonical cells to share weights between cells.
/// @param cell a pruned one.  @throws std::logic_error if it is not.
Signal nas_bench_101_module(Builder& b, Signal x, const NasBench101Cell& cell, std::int64_t channels);

/// The benchmark's network for pruned() of one cell, its vertices numbered as they are: convolution 3x3 to 128
/// channels, three stacks of three modules ("stack0.module0" to "stack2.module2") with 2x2 max pooling and twice the
/// channels before the second and third, global average pooling, linear classifier with bias. For the network, and the
/// number of parameters, that the benchmark's table holds under hash(), pass canonical(): the numbering decides which
/// vertices get the channels that remain.
Signal nas_bench_101_network(Builder& b, Signal image, std::int64_t classes, const NasBench101Cell& cell);

/// Every layer of every cell's network at its largest, with the same names: what a supernet's shared weights hold.
Signal nas_bench_101_outline(Builder& b, Signal image, std::int64_t classes);

}  // namespace frontier
