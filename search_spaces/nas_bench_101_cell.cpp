#include "search_spaces/nas_bench_101_cell.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <stdexcept>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/internal/md5.h"

namespace frontier {
namespace {

using Cell = NasBench101Cell;
using Operation = Cell::Operation;
using Operations = std::array<Operation, Cell::kMaxVertices - 2>;
/// A set of vertices: bit v is vertex v. Graphs this small are handled as bits, since the enumeration looks at two
/// million of them; the tests compare with Boost.Graph.
using Vertices = std::uint32_t;

constexpr int edge_bit(int x, int y) { return y * (y - 1) / 2 + x; }
constexpr Vertices single(int vertex) { return Vertices{1} << vertex; }
constexpr bool contains(Vertices set, int vertex) { return (set >> vertex & 1U) != 0; }
constexpr std::uint32_t all_edges(int num_vertices) { return (std::uint32_t{1} << edge_bit(0, num_vertices)) - 1; }

Vertices sources(std::uint32_t edges, int vertex) { return edges >> edge_bit(0, vertex) & (single(vertex) - 1); }

/// The vertices on ways from vertex 0 to the last one; empty if there is no way.
Vertices on_ways(std::uint32_t edges, int num_vertices) {
  Vertices reached = single(0);
  for (int y = 1; y < num_vertices; ++y)
    if ((sources(edges, y) & reached) != 0) reached |= single(y);
  Vertices useful = single(num_vertices - 1);
  for (int y = num_vertices - 1; y > 0; --y)
    if (contains(useful, y)) useful |= sources(edges, y);
  return contains(reached, num_vertices - 1) ? reached & useful : 0;
}

/// What is wrong with a graph; empty if nothing is.
std::string defect(std::uint32_t edges, int num_vertices) {
  const Vertices kept = on_ways(edges, num_vertices);
  if (kept == 0)
    return "no way leads from the input, vertex 0, to the output, vertex " + std::to_string(num_vertices - 1);
  int count = 0;
  for (int y = 1; y < num_vertices; ++y)
    if (contains(kept, y)) count += std::popcount(sources(edges, y) & kept);
  if (count > Cell::kMaxEdges)
    return std::to_string(count) + " edges lie on ways from input to output; at most " +
           std::to_string(Cell::kMaxEdges) + " are allowed";
  return "";
}

/// Old vertex -> new vertex; input and output keep their places.
using Relabeling = std::array<int, Cell::kMaxVertices>;

/// The edges after renumbering; 0 if one would not go from a lower to a higher number.
std::uint32_t relabeled(std::uint32_t edges, int num_vertices, const Relabeling& number) {
  std::uint32_t result = 0;
  for (int y = 1; y < num_vertices; ++y) {
    for (Vertices from = sources(edges, y); from != 0; from &= from - 1) {
      const int new_x = number[static_cast<std::size_t>(std::countr_zero(from))];
      const int new_y = number[static_cast<std::size_t>(y)];
      if (new_x > new_y) return 0;
      result |= std::uint32_t{1} << edge_bit(new_x, new_y);
    }
  }
  return result;
}

Operations relabeled(const Operations& operations, int num_vertices, const Relabeling& number) {
  Operations result{};
  for (std::size_t v = 1; v + 1 < static_cast<std::size_t>(num_vertices); ++v)
    result[static_cast<std::size_t>(number[v] - 1)] = operations[v - 1];
  return result;
}

std::vector<Relabeling> relabelings(int num_vertices) {
  Relabeling number;
  std::iota(number.begin(), number.end(), 0);
  std::vector<Relabeling> all;
  do {
    all.push_back(number);
  } while (std::next_permutation(number.begin() + 1, number.begin() + num_vertices - 1));
  return all;
}

std::span<const Operation> interior(const Operations& operations, int num_vertices) {
  return std::span<const Operation>(operations).first(static_cast<std::size_t>(num_vertices - 2));
}

void require_pruned(const Cell& cell) {
  if (cell != cell.pruned())
    throw std::logic_error("cell " + to_string(cell) + " has parts on no way from input to output; prune it first");
}

/// The characters of a notation for the vertices.
struct Alphabet {
  char input;
  char output;
  std::string_view operations;  ///< in the order of Cell::Operation
  std::string_view interior;    ///< for messages
};
constexpr Alphabet kLetters{'i', 'o', "31p", "3 (conv3x3), 1 (conv1x1) or p (maxpool3x3)"};
constexpr Alphabet kDigits{'0', '1', "432", "2 (maxpool3x3), 3 (conv1x1) or 4 (conv3x3)"};

/// Reads a text whose first `letters.size()`^2 characters are the adjacency bits and whose last ones are `letters`.
class CellReader {
 public:
  CellReader(std::string_view text, std::string_view letters, const Alphabet& alphabet)
      : text_(text), letters_(letters), n_(letters.size()), alphabet_(alphabet) {}

  Cell read() const {
    const std::uint32_t edges = read_edges();
    const auto operations = read_operations();
    const std::string wrong = defect(edges, static_cast<int>(n_));
    if (!wrong.empty()) fail(wrong);
    return Cell(edges, operations);
  }

 private:
  std::uint32_t read_edges() const {
    std::uint32_t edges = 0;
    for (std::size_t i = 0; i < n_ * n_; ++i) {
      if (text_[i] != '0' && text_[i] != '1') fail(character(i) + "; an adjacency bit is 0 or 1");
      if (text_[i] == '0') continue;
      const int from = static_cast<int>(i / n_), to = static_cast<int>(i % n_);
      if (from >= to)
        fail(character(i) + ", an edge " + std::to_string(from) + " -> " + std::to_string(to) +
             "; edges go from a lower to a higher vertex, so it must be 0");
      edges |= std::uint32_t{1} << edge_bit(from, to);
    }
    return edges;
  }

  std::vector<Operation> read_operations() const {
    require(0, alphabet_.input, "first vertex, the input");
    require(n_ - 1, alphabet_.output, "last vertex, the output");
    std::vector<Operation> operations;
    for (std::size_t v = 1; v + 1 < n_; ++v) {
      const auto found = alphabet_.operations.find(letters_[v]);
      if (found == std::string_view::npos)
        fail(character(position(v)) + "; vertex " + std::to_string(v) + ", between input and output, is " +
             std::string(alphabet_.interior));
      operations.push_back(static_cast<Operation>(found));
    }
    return operations;
  }

  void require(std::size_t vertex, char letter, const std::string& what) const {
    if (letters_[vertex] != letter) fail(character(position(vertex)) + "; the " + what + ", is " + letter);
  }
  std::size_t position(std::size_t vertex) const { return text_.size() - n_ + vertex; }
  std::string character(std::size_t i) const {
    const auto byte = static_cast<unsigned char>(text_[i]);  // alone it need not be a letter
    const bool shows = byte >= ' ' && byte <= '~';
    return "character " + std::to_string(i + 1) + " is " +
           (shows ? "'" + std::string(1, text_[i]) + "'" : "byte " + std::to_string(byte));
  }
  [[noreturn]] void fail(const std::string& wrong) const {
    throw InvalidArchitecture("cell '" + printable(text_) + "': " + wrong);
  }

  std::string_view text_, letters_;
  std::size_t n_;
  Alphabet alphabet_;
};

constexpr std::string_view kExample = "<n*n adjacency bits>:<n letters>, e.g. 010001000:i3o";

}  // namespace

NasBench101Cell::NasBench101Cell(std::uint32_t edges, std::span<const Operation> operations) : edges_(edges) {
  const auto fail = [](const std::string& wrong) { throw InvalidArchitecture("NAS-Bench-101 cell: " + wrong); };
  if (operations.size() > operations_.size())
    fail(std::to_string(operations.size()) + " operations; at most " + std::to_string(operations_.size()) +
         " are allowed");
  num_vertices_ = static_cast<std::uint8_t>(operations.size() + 2);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (static_cast<int>(operations[i]) >= kNumOperations)
      fail("operation " + std::to_string(static_cast<int>(operations[i])) + " of vertex " + std::to_string(i + 1) +
           "; allowed are 0 to " + std::to_string(kNumOperations - 1));
    operations_[i] = operations[i];
  }
  if ((edges & ~all_edges(num_vertices_)) != 0)
    fail("edge bits " + std::to_string(edges) + "; at most " + std::to_string(all_edges(num_vertices_)) + " with " +
         std::to_string(num_vertices_) + " vertices");
  const std::string wrong = defect(edges, num_vertices_);
  if (!wrong.empty()) fail(wrong);
}

int NasBench101Cell::num_edges() const { return std::popcount(edges_); }

bool NasBench101Cell::has_edge(int x, int y) const {
  return x >= 0 && x < y && y < num_vertices_ && (edges_ >> edge_bit(x, y) & 1U) != 0;
}

NasBench101Cell NasBench101Cell::pruned() const {
  const Vertices kept = on_ways(edges_, num_vertices_);
  if (kept == single(num_vertices_) - 1) return *this;
  std::vector<int> old;
  std::vector<Operation> operations;
  for (int v = 0; v < num_vertices_; ++v) {
    if (!contains(kept, v)) continue;
    old.push_back(v);
    if (v > 0 && v + 1 < num_vertices_) operations.push_back(operation(v));
  }
  std::uint32_t edges = 0;
  for (std::size_t y = 1; y < old.size(); ++y)
    for (std::size_t x = 0; x < y; ++x)
      if (has_edge(old[x], old[y])) edges |= std::uint32_t{1} << edge_bit(static_cast<int>(x), static_cast<int>(y));
  return NasBench101Cell(edges, operations);
}

NasBench101Cell NasBench101Cell::canonical() const {
  NasBench101Cell best = pruned();
  const NasBench101Cell start = best;
  for (const Relabeling& number : relabelings(start.num_vertices_)) {
    NasBench101Cell other = start;
    other.edges_ = relabeled(start.edges_, start.num_vertices_, number);
    if (other.edges_ == 0) continue;
    other.operations_ = relabeled(start.operations_, start.num_vertices_, number);
    best = std::min(best, other);
  }
  return best;
}

std::string NasBench101Cell::hash() const {
  const NasBench101Cell cell = pruned();
  const int n = cell.num_vertices_;
  std::array<Vertices, kMaxVertices> in{}, out{};
  for (int y = 1; y < n; ++y) {
    in[static_cast<std::size_t>(y)] = sources(cell.edges_, y);
    for (int x = 0; x < y; ++x)
      if (cell.has_edge(x, y)) out[static_cast<std::size_t>(x)] |= single(y);
  }
  const auto size = static_cast<std::size_t>(n);
  std::vector<std::string> hashes(size);
  for (std::size_t v = 0; v < size; ++v) {
    const int label = v == 0 ? -1 : v + 1 == size ? -2 : static_cast<int>(cell.operations_[v - 1]);
    hashes[v] = md5_hex("(" + std::to_string(std::popcount(out[v])) + ", " + std::to_string(std::popcount(in[v])) +
                        ", " + std::to_string(label) + ")");
  }
  const auto append_sorted = [&](Vertices set, std::string& text) {
    std::array<const std::string*, kMaxVertices> found;
    std::size_t count = 0;
    for (; set != 0; set &= set - 1) found[count++] = &hashes[static_cast<std::size_t>(std::countr_zero(set))];
    std::sort(found.begin(), found.begin() + count, [](const auto* a, const auto* b) { return *a < *b; });
    for (std::size_t i = 0; i < count; ++i) text += *found[i];
  };
  std::string text;
  std::vector<std::string> next(size);
  for (int round = 0; round < n; ++round) {
    for (std::size_t v = 0; v < size; ++v) {
      text.clear();
      append_sorted(in[v], text);
      text += '|';
      append_sorted(out[v], text);
      text += '|';
      text += hashes[v];
      next[v] = md5_hex(text);
    }
    hashes.swap(next);
  }
  std::sort(hashes.begin(), hashes.end());
  return md5_hex("['" + join(hashes, "', '") + "']");  // as Python prints a list of strings
}

std::string_view to_string(NasBench101Cell::Operation operation) {
  switch (operation) {
    case Operation::kConv3x3: return "conv3x3";
    case Operation::kConv1x1: return "conv1x1";
    case Operation::kMaxPool3x3: return "maxpool3x3";
  }
  return "?";
}

std::string to_string(const NasBench101Cell& cell) {
  const int n = cell.num_vertices();
  std::string text;
  for (int x = 0; x < n; ++x)
    for (int y = 0; y < n; ++y) text += cell.has_edge(x, y) ? '1' : '0';
  text += ':';
  text += kLetters.input;
  for (int v = 1; v + 1 < n; ++v) text += kLetters.operations[static_cast<std::size_t>(cell.operation(v))];
  return text + kLetters.output;
}

NasBench101Cell parse_nas_bench_101_cell(std::string_view text) {
  constexpr std::size_t kMost = Cell::kMaxVertices;
  const auto fail = [&](const std::string& wrong) {
    throw InvalidArchitecture("cell '" + printable(text) + "': " + wrong);
  };
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    if (text.size() != kMost * kMost + kMost)
      fail(std::to_string(text.size()) + " characters without a ':'; allowed are " + std::string(kExample) +
           ", or 49 adjacency bits and 7 digits without a ':'");
    return CellReader(text, text.substr(kMost * kMost), kDigits).read();
  }
  const std::string_view letters = text.substr(colon + 1);
  const std::string after =
      std::to_string(letters.size()) + " letters after the ':' at character " + std::to_string(colon + 1);
  if (letters.size() < 2 || letters.size() > kMost) fail(after + "; allowed are 2 to 7, one a vertex");
  if (colon != letters.size() * letters.size())
    fail(std::to_string(colon) + " adjacency bits before the ':', but " + after + " ask for " +
         std::to_string(letters.size() * letters.size()) + "; expected " + std::string(kExample));
  return CellReader(text, letters, kLetters).read();
}

std::vector<NasBench101Cell> nas_bench_101_cells(int max_vertices) {
  if (max_vertices < 2 || max_vertices > Cell::kMaxVertices)
    throw std::logic_error("NAS-Bench-101 cells have 2 to 7 vertices, not " + std::to_string(max_vertices));
  std::vector<Cell> cells;
  for (int n = 2; n <= max_vertices; ++n) {
    const std::vector<Relabeling> all = relabelings(n);
    std::vector<Operations> labels(1);
    for (int v = n - 2; v-- > 0;) {  // ascending: the last vertex changes fastest
      std::vector<Operations> longer;
      for (int op = 0; op < Cell::kNumOperations; ++op)
        for (auto operations : labels) {
          operations[static_cast<std::size_t>(v)] = static_cast<Operation>(op);
          longer.push_back(operations);
        }
      labels = std::move(longer);
    }
    for (std::uint32_t edges = 1; edges <= all_edges(n); ++edges) {
      if (std::popcount(edges) > Cell::kMaxEdges || on_ways(edges, n) != single(n) - 1) continue;
      // A smaller numbering of the same graph came before, whatever the operations; one that gives the same edges may
      // still give smaller operations.
      std::vector<Relabeling> symmetries;
      bool smallest = true;
      for (const Relabeling& number : all) {
        const std::uint32_t other = relabeled(edges, n, number);
        if (other == 0 || other > edges) continue;
        smallest = other == edges;
        if (!smallest) break;
        symmetries.push_back(number);
      }
      if (!smallest) continue;
      for (const auto& operations : labels)
        if (std::none_of(symmetries.begin(), symmetries.end(),
                         [&](const Relabeling& number) { return relabeled(operations, n, number) < operations; }))
          cells.emplace_back(edges, interior(operations, n));
    }
  }
  return cells;
}

std::vector<std::int64_t> nas_bench_101_channels(const NasBench101Cell& cell, std::int64_t input, std::int64_t output) {
  require_pruned(cell);
  const int last = cell.num_vertices() - 1;
  std::vector<std::int64_t> channels(static_cast<std::size_t>(last + 1));
  channels.front() = input;
  channels.back() = output;
  int sharing = 0;
  for (int v = 1; v < last; ++v) sharing += cell.has_edge(v, last) ? 1 : 0;
  if (sharing == 0) return channels;  // pruned, so there is no interior vertex
  std::int64_t remainder = output % sharing;
  for (int v = 1; v < last; ++v)
    if (cell.has_edge(v, last)) channels[static_cast<std::size_t>(v)] = output / sharing + (remainder-- > 0 ? 1 : 0);
  for (int v = last - 1; v > 0; --v) {
    if (cell.has_edge(v, last)) continue;
    auto& widest = channels[static_cast<std::size_t>(v)];
    for (int w = v + 1; w < last; ++w)
      if (cell.has_edge(v, w)) widest = std::max(widest, channels[static_cast<std::size_t>(w)]);
  }
  return channels;
}

namespace {

Signal apply(Builder& b, Signal x, Operation operation) {
  const std::string name(to_string(operation));
  switch (operation) {
    case Operation::kConv3x3: return b.conv_bn(name, x, {.out = x.shape.channels, .kernel = 3}, Activation::kReLU);
    case Operation::kConv1x1: return b.conv_bn(name, x, {.out = x.shape.channels}, Activation::kReLU);
    case Operation::kMaxPool3x3: return b.max_pool(x, 3, 1);
  }
  throw std::logic_error("operation of a cell");
}

}  // namespace

Signal nas_bench_101_module(Builder& b, Signal x, const NasBench101Cell& cell, std::int64_t channels) {
  const auto width = nas_bench_101_channels(cell, x.shape.channels.value(), channels);
  const int last = cell.num_vertices() - 1;
  const auto project = [&](const Dim& out) { return b.conv_bn("projection", x, {.out = out}, Activation::kReLU); };
  std::vector<Signal> vertices{x};
  std::vector<Signal> leading_to_output;
  for (int v = 1; v < last; ++v) {
    auto scope = b.scope("vertex" + std::to_string(v));
    const Dim out = width[static_cast<std::size_t>(v)];
    std::vector<Signal> terms;
    for (int u = 1; u < v; ++u)
      if (cell.has_edge(u, v)) terms.push_back(b.truncate(vertices[static_cast<std::size_t>(u)], out));
    if (cell.has_edge(0, v)) terms.push_back(project(out));
    vertices.push_back(apply(b, b.sum(terms), cell.operation(v)));
    if (cell.has_edge(v, last)) leading_to_output.push_back(vertices.back());
  }
  auto scope = b.scope("output");
  if (leading_to_output.empty()) return project(channels);
  const Signal joined = leading_to_output.size() == 1 ? leading_to_output.front() : b.concat(leading_to_output);
  return cell.has_edge(0, last) ? b.add(joined, project(channels)) : joined;
}

namespace {

Signal outline_module(Builder& b, Signal x, std::int64_t channels) {
  std::vector<Signal> all;
  for (int v = 1; v < NasBench101Cell::kMaxVertices - 1; ++v) {
    auto scope = b.scope("vertex" + std::to_string(v));
    const Signal projected = b.conv_bn("projection", x, {.out = channels}, Activation::kReLU);
    all.push_back(apply(b, projected, Operation::kConv3x3));
    all.push_back(apply(b, projected, Operation::kConv1x1));
  }
  auto scope = b.scope("output");
  all.push_back(b.conv_bn("projection", x, {.out = channels}, Activation::kReLU));
  return b.sum(all);
}

/// The benchmark's skeleton around modules: module(x, channels).
template <class Module>
Signal skeleton(Builder& b, Signal image, std::int64_t classes, const Module& module) {
  std::int64_t channels = 128;
  Signal x = b.conv_bn("stem", image, {.out = channels, .kernel = 3}, Activation::kReLU);
  for (int stack = 0; stack < 3; ++stack) {
    auto stack_scope = b.scope("stack" + std::to_string(stack));
    if (stack > 0) {
      x = b.max_pool(x, 2, 2);
      channels *= 2;
    }
    for (int i = 0; i < 3; ++i) {
      auto module_scope = b.scope("module" + std::to_string(i));
      x = module(x, channels);
    }
  }
  return b.linear("classifier", b.global_pool(x), classes);
}

}  // namespace

Signal nas_bench_101_network(Builder& b, Signal image, std::int64_t classes, const NasBench101Cell& cell) {
  const NasBench101Cell pruned = cell.pruned();
  return skeleton(b, image, classes,
                  [&](Signal x, std::int64_t channels) { return nas_bench_101_module(b, x, pruned, channels); });
}

Signal nas_bench_101_outline(Builder& b, Signal image, std::int64_t classes) {
  return skeleton(b, image, classes, [&](Signal x, std::int64_t channels) { return outline_module(b, x, channels); });
}

}  // namespace frontier
