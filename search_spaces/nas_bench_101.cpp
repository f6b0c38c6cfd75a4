#include "search_spaces/nas_bench_101.h"

#include <algorithm>

#include "common/errors.h"

namespace frontier {
namespace {

using Operation = NasBench101Cell::Operation;
constexpr int kLast = NasBench101Cell::kMaxVertices - 1;
constexpr std::size_t kEdges = kLast * (kLast + 1) / 2, kInterior = kLast - 1;

constexpr std::size_t edge_index(int from, int to) { return static_cast<std::size_t>(to * (to - 1) / 2 + from); }
constexpr std::size_t operation_index(int vertex) { return kEdges + static_cast<std::size_t>(vertex) - 1; }

/// Declares the decisions in their order; the choices of a hard selection.
Architecture choices(Builder& b) {
  Architecture arch;
  const auto take = [&](const Dim& choice) {
    arch.choices.push_back(choice.is_constant() ? static_cast<std::uint16_t>(choice.value()) : std::uint16_t{0});
    if (!choice.is_constant() && !b.selects_everything())
      throw InvalidArchitecture("nas_bench_101 has no soft selections: the layers of a cell depend on all its edges");
  };
  for (int to = 1; to <= kLast; ++to)
    for (int from = 0; from < to; ++from)
      take(b.choose("edge" + std::to_string(from) + "-" + std::to_string(to), {0, 1}));
  for (std::size_t v = 1; v <= kInterior; ++v) {
    std::vector<LabelledValue> operations;
    for (int i = 0; i < NasBench101Cell::kNumOperations; ++i)
      operations.push_back({std::string(to_string(static_cast<Operation>(i))), i});
    take(b.choose("operation" + std::to_string(v), operations));
  }
  return arch;
}

Signal network(Builder& b, Signal image, std::int64_t classes) {
  const Architecture arch = choices(b);
  if (b.selects_everything()) return nas_bench_101_outline(b, image, classes);
  return nas_bench_101_network(b, image, classes, nas_bench_101_cell(arch));
}

/// The shortest cell that nas_bench_101_architecture() takes back to this architecture: without the vertices behind the
/// last one that has an edge or an operation other than the first.
NasBench101Cell shortest_cell(const Architecture& arch) {
  int interior = 0;
  for (int v = 1; v < kLast; ++v) {
    if (arch.choices[operation_index(v)] != 0) interior = v;
    for (int other = 0; other <= kLast; ++other)
      if (other != v && arch.choices[edge_index(std::min(v, other), std::max(v, other))] != 0) interior = v;
  }
  std::uint32_t edges = 0;
  std::vector<Operation> operations;
  for (int to = 1; to <= interior + 1; ++to)
    for (int from = 0; from < to; ++from)
      if (arch.choices[edge_index(from, to <= interior ? to : kLast)] != 0) edges |= 1U << edge_index(from, to);
  for (int v = 1; v <= interior; ++v) operations.push_back(static_cast<Operation>(arch.choices[operation_index(v)]));
  return {edges, operations};
}

std::optional<std::string> objection(const Architecture& arch) {
  try {
    nas_bench_101_cell(arch);
    return std::nullopt;
  } catch (const InvalidArchitecture& error) {
    return error.what();
  }
}

ListedSpace listed() {
  const auto arch = [](const char* cell) { return nas_bench_101_architecture(parse_nas_bench_101_cell(cell)); };
  ListedSpace space;
  space.objection = objection;
  space.members = [] {
    std::vector<Architecture> all;
    for (const auto& cell : nas_bench_101_cells()) all.push_back(nas_bench_101_architecture(cell));
    return all;
  };
  // Found by pricing all cells. One projection of a quarter of the channels, then pools alone;
  space.least_macs = arch("010000001111000001000001000001000000:ippppo");
  space.least_params = space.least_macs;
  // five 3x3 convolutions of all channels in a row, and a projection wherever an edge is left.
  space.most_macs = arch("0111100000100000010000000100000001000000010000000:i33333o");
  space.most_params = space.most_macs;
  return space;
}

}  // namespace

NasBench101Cell nas_bench_101_cell(const Architecture& arch) {
  std::uint32_t edges = 0;
  for (std::size_t e = 0; e < kEdges; ++e)
    if (arch.choices.at(e) != 0) edges |= 1U << e;
  std::vector<Operation> operations;
  for (int v = 1; v < kLast; ++v) operations.push_back(static_cast<Operation>(arch.choices.at(operation_index(v))));
  return {edges, operations};
}

Architecture nas_bench_101_architecture(const NasBench101Cell& cell) {
  Architecture arch;
  arch.choices.assign(kEdges + kInterior, 0);
  const int last = cell.num_vertices() - 1;
  for (int to = 1; to <= last; ++to)
    for (int from = 0; from < to; ++from)
      if (cell.has_edge(from, to)) arch.choices[edge_index(from, to < last ? to : kLast)] = 1;
  for (int v = 1; v < last; ++v) arch.choices[operation_index(v)] = static_cast<std::uint16_t>(cell.operation(v));
  return arch;
}

SearchSpace nas_bench_101() {
  return SearchSpace(
      "nas_bench_101", {3, 32, 32, 10}, network,
      {[](std::span<const Decision>, const Architecture& arch) { return to_string(shortest_cell(arch)); },
       [](std::span<const Decision>, std::string_view text) {
         return nas_bench_101_architecture(parse_nas_bench_101_cell(text));
       }},
      [](std::span<const Decision>, const Architecture& arch) {
        return nas_bench_101_architecture(nas_bench_101_cell(arch).canonical());
      },
      listed());
}

}  // namespace frontier
