#include "search_spaces/darts.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/internal/list_notation.h"
#include "search_spaces/space_options.h"

namespace frontier {
namespace {

constexpr std::size_t kNodes = 4, kInputs = 2;  // a node reads the cell's two inputs and earlier nodes
const std::vector<std::string> kOperations{"max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3",
                                           "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5", "none"};
constexpr std::uint16_t kNone = 7;
constexpr std::array<const char*, 2> kCells{"normal", "reduce"};

// Layers.

/// The layers of cells: in the network that is searched norms have no weight and no bias.
class CellLayers {
 public:
  CellLayers(Builder& b, bool search) : b_(b), search_(search) {}

  Signal relu_conv_bn(std::string_view name, Signal x, const ConvSpec& spec) const {
    return norm(std::string(name) + ".bn", b_.conv(name, b_.activation(x, Activation::kReLU), spec));
  }

  /// Halves the sides without dropping pixels: every second one, and those between.
  Signal factorized_reduction(std::string_view name, Signal x, const Dim& channels) const {
    auto scope = b_.scope(name);
    const Signal active = b_.activation(x, Activation::kReLU);
    const Signal even = b_.conv("even", active, {.out = channels / Dim(2), .stride = 2});
    const Signal odd = b_.conv("odd", b_.shift(active), {.out = channels - channels / Dim(2), .stride = 2});
    return norm("bn", b_.concat({even, odd}));
  }

  Signal operation(std::size_t index, Signal x, int stride) const {
    const std::string& name = kOperations[index];
    switch (index) {
      case 0: return pooled(name, b_.max_pool(x, 3, stride));
      case 1: return pooled(name, b_.average_pool(x, 3, stride));
      case 2: return stride == 1 ? x : factorized_reduction(name, x, x.shape.channels);
      case 3:
      case 4: {
        const int kernel = index == 3 ? 3 : 5;
        return depthwise_pointwise(name + ".second", depthwise_pointwise(name + ".first", x, kernel, stride, 1), kernel,
                                   1, 1);
      }
      case 5:
      case 6: return depthwise_pointwise(name, x, index == 5 ? 3 : 5, stride, 2);
      default: return b_.zero(x, x.shape.channels, stride);
    }
  }

 private:
  Signal norm(std::string_view name, Signal x) const { return b_.batch_norm(name, x, !search_); }
  Signal pooled(const std::string& name, Signal x) const { return search_ ? norm(name + ".bn", x) : x; }

  Signal depthwise_pointwise(std::string_view name, Signal x, int kernel, int stride, int dilation) const {
    auto scope = b_.scope(name);
    const Dim channels = x.shape.channels;
    Signal y = b_.conv("depthwise", b_.activation(x, Activation::kReLU),
                       {.out = channels, .kernel = kernel, .stride = stride, .groups = channels, .dilation = dilation});
    return norm("pointwise.bn", b_.conv("pointwise", y, {.out = channels}));
  }

  Builder& b_;
  bool search_;
};

/// Declares the decisions of a kind of cell in their order, and that its nodes read both inputs: a cell that reads one
/// of them alone would leave others of the network without use.
void declare(Builder& b, const std::string& kind) {
  std::array<Dim, kInputs> reads;
  for (std::size_t node = 0; node < kNodes; ++node) {
    const std::string place = "/" + kind + ".node" + std::to_string(node);
    const std::size_t inputs = kInputs + node;
    for (std::size_t from = 0; from < inputs; ++from) {
      std::vector<LabelledValue> pairs, operations;
      for (std::size_t i = 0; i < inputs; ++i)
        for (std::size_t k = i + 1; k < inputs; ++k)
          pairs.push_back({std::to_string(i) + "+" + std::to_string(k), i == from || k == from ? 1 : 0});
      for (std::size_t i = 0; i < kOperations.size(); ++i) operations.push_back({kOperations[i], i != kNone ? 1 : 0});
      const Dim taken = pairs.size() > 1 ? b.choose(place + ".inputs", pairs, DecisionKind::kSubset) : Dim(1);
      b.when(place + ".taken", taken, b.input(), [&](Signal x) {
        const Dim used = b.choose(place + ".from" + std::to_string(from), operations, DecisionKind::kBranch);
        if (from < kInputs) reads[from] = Dim::either(reads[from], taken * used);
        return x;
      });
    }
  }
  for (std::size_t from = 0; from < kInputs; ++from)
    b.require(reads[from], "no node of the " + kind + " cell, node 0 to " + std::to_string(kNodes - 1) +
                               ", reads input " + std::to_string(from) +
                               " by an operation other than none; a cell must read both");
}

Signal cell(Builder& b, const DartsOptions& options, Signal before, Signal last, std::int64_t channels, bool reduces,
            bool after_reduction) {
  const std::string kind = kCells[reduces ? 1 : 0];
  const CellLayers layers(b, options.search);
  std::vector<Signal> states{after_reduction ? layers.factorized_reduction("preprocess0", before, channels)
                                             : layers.relu_conv_bn("preprocess0", before, {.out = channels}),
                             layers.relu_conv_bn("preprocess1", last, {.out = channels})};
  for (std::size_t node = 0; node < kNodes; ++node) {
    const std::string place = "node" + std::to_string(node);
    auto scope = b.scope(place);
    std::vector<Builder::Term> terms;
    for (std::size_t from = 0; from < kInputs + node; ++from) {
      const std::string edge = "from" + std::to_string(from);
      terms.push_back(
          {std::to_string(from), [&, from, edge] {
             auto edge_scope = b.scope(edge);
             std::vector<Branch> branches;
             const int stride = reduces && from < kInputs ? 2 : 1;
             for (std::size_t i = 0; i < kOperations.size(); ++i)
               branches.push_back(
                   {kOperations[i], [&layers, i, stride](Signal x) { return layers.operation(i, x, stride); }});
             return b.mix("/" + kind + "." + place + "." + edge, states[from], branches, {.partial = options.partial});
           }});
    }
    states.push_back(b.sum_of("/" + kind + "." + place + ".inputs", 2, terms));
  }
  return b.concat({states.begin() + kInputs, states.end()});
}

/// Pools to 2x2, or leaves what is no larger.
Signal pool_to_two(Builder& b, Signal x) {
  const std::int64_t side = std::max(x.shape.height.max(), x.shape.width.max());
  int kernel = 2;
  while ((side + kernel - 1) / kernel > 2) kernel += 2;
  return side > 2 ? b.average_pool(x, kernel, kernel) : x;
}

Signal auxiliary_head(Builder& b, Signal x, std::int64_t classes) {
  auto scope = b.scope("auxiliary");
  Signal y = pool_to_two(b, b.activation(x, Activation::kReLU));
  y = b.conv_bn("reduce", y, {.out = 128}, Activation::kReLU);
  const bool fits = y.shape.height.min() >= 2 && y.shape.width.min() >= 2;
  y = b.conv_bn("features", y, {.out = 768, .kernel = fits ? 2 : 1}, Activation::kReLU);
  return b.linear("classifier", y, classes);
}

Signal network(Builder& b, const DartsOptions& options, Signal x, std::int64_t classes) {
  Signal before = x, last = x;
  if (options.imagenet_stem) {
    before = b.conv_bn("stem0.first", x, {.out = options.channels / 2, .kernel = 3, .stride = 2}, Activation::kReLU);
    before = b.conv_bn("stem0.second", before, {.out = options.channels, .kernel = 3, .stride = 2});
    last = b.relu_conv_bn("stem1", before, {.out = options.channels, .kernel = 3, .stride = 2});
  } else {
    before = last = b.conv_bn("stem", x, {.out = 3 * options.channels, .kernel = 3});
  }
  for (const char* kind : kCells) declare(b, kind);
  std::int64_t channels = options.channels;
  bool after_reduction = options.imagenet_stem;
  for (int i = 0; i < options.cells; ++i) {
    auto scope = b.scope("cell" + std::to_string(i));
    const bool reduces = i == options.cells / 3 || i == 2 * options.cells / 3;
    if (reduces) channels *= 2;
    const Signal out = cell(b, options, before, last, channels, reduces, after_reduction);
    before = last;
    last = out;
    after_reduction = reduces;
    if (i == 2 * options.cells / 3 && options.auxiliary_weight > 0)
      b.auxiliary(options.auxiliary_weight, [&] { return auxiliary_head(b, out, classes); });
  }
  return b.linear("classifier", b.global_pool(last), classes);
}

// Decisions: for the normal and then the reduction cell, node by node: which two inputs (all but the first node), then
// the operation on every input.

constexpr std::size_t subsets_of(std::size_t node) { return (kInputs + node) * (kInputs + node - 1) / 2; }
constexpr std::size_t node_decisions(std::size_t node) { return (subsets_of(node) > 1 ? 1 : 0) + kInputs + node; }
constexpr std::size_t first_decision(std::size_t kind, std::size_t node) {
  std::size_t place = 0;
  for (std::size_t n = 0; n < kNodes; ++n) place += kind * node_decisions(n);
  for (std::size_t n = 0; n < node; ++n) place += node_decisions(n);
  return place;
}
static_assert(first_decision(1, 0) == 17);

struct Edge {
  std::size_t from = 0;
  std::uint16_t operation = kNone;
  auto operator<=>(const Edge&) const = default;
};
using Node = std::array<Edge, 2>;  ///< different inputs, ascending
using Cell = std::array<Node, kNodes>;

/// Number of a pair among all pairs of inputs, in lexicographic order.
std::uint16_t pair_number(std::size_t inputs, std::size_t a, std::size_t b) {
  std::size_t number = 0;
  for (std::size_t first = 0; first < a; ++first) number += inputs - 1 - first;
  return static_cast<std::uint16_t>(number + b - a - 1);
}

Cell read_cell(const Architecture& arch, std::size_t kind) {
  Cell cell;
  for (std::size_t n = 0; n < kNodes; ++n) {
    const std::size_t inputs = kInputs + n, first = first_decision(kind, n),
                      operations = first + (subsets_of(n) > 1 ? 1 : 0);
    const std::uint16_t pair = subsets_of(n) > 1 ? arch.choices[first] : std::uint16_t{0};
    for (std::size_t a = 0; a < inputs; ++a)
      for (std::size_t b = a + 1; b < inputs; ++b)
        if (pair_number(inputs, a, b) == pair)
          cell[n] = {Edge{a, arch.choices[operations + a]}, Edge{b, arch.choices[operations + b]}};
  }
  return cell;
}

void write_cell(const Cell& cell, Architecture& arch, std::size_t kind) {
  for (std::size_t n = 0; n < kNodes; ++n) {
    const std::size_t first = first_decision(kind, n), operations = first + (subsets_of(n) > 1 ? 1 : 0);
    std::fill_n(arch.choices.begin() + static_cast<std::ptrdiff_t>(first), node_decisions(n), std::uint16_t{0});
    if (subsets_of(n) > 1) arch.choices[first] = pair_number(kInputs + n, cell[n][0].from, cell[n][1].from);
    for (const Edge& edge : cell[n]) arch.choices[operations + edge.from] = edge.operation;
  }
}

/// A node whose `none` edges read the first inputs that are free.
Node tidy(const std::vector<Edge>& edges) {
  Node node;
  std::copy(edges.begin(), edges.end(), node.begin());
  for (std::size_t e = edges.size(); e < node.size(); ++e) {
    const auto taken = [&](std::size_t from) {
      return std::any_of(node.begin(), node.begin() + static_cast<std::ptrdiff_t>(e),
                         [&](const Edge& edge) { return edge.from == from; });
    };
    std::size_t from = 0;
    while (taken(from)) ++from;
    node[e] = {from, kNone};
  }
  std::sort(node.begin(), node.end());
  return node;
}

/// The smallest of the cells that differ in the numbering of the nodes alone.
Cell canonical_cell(const Cell& cell) {
  std::array<std::size_t, kNodes> order;  // the old node at every new place
  std::iota(order.begin(), order.end(), 0);
  std::optional<Cell> best;
  do {
    std::array<std::size_t, kNodes> place;
    for (std::size_t p = 0; p < kNodes; ++p) place[order[p]] = p;
    Cell renumbered;
    bool reads_backwards = true;
    for (std::size_t p = 0; p < kNodes && reads_backwards; ++p) {
      std::vector<Edge> edges;
      for (const Edge& edge : cell[order[p]]) {
        if (edge.operation == kNone) continue;
        const std::size_t from = edge.from < kInputs ? edge.from : kInputs + place[edge.from - kInputs];
        reads_backwards = reads_backwards && from < kInputs + p;
        edges.push_back({from, edge.operation});
      }
      if (reads_backwards) renumbered[p] = tidy(edges);
    }
    if (reads_backwards && (!best || renumbered < *best)) best = renumbered;
  } while (std::next_permutation(order.begin(), order.end()));
  return *best;
}

Architecture normal_form(std::span<const Decision>, const Architecture& arch) {
  Architecture result = arch;
  for (std::size_t kind = 0; kind < kCells.size(); ++kind)
    write_cell(canonical_cell(read_cell(arch, kind)), result, kind);
  return result;
}

// Notation.

std::string print(std::span<const Decision>, const Architecture& arch) {
  std::string text = "Genotype(";
  for (std::size_t kind = 0; kind < kCells.size(); ++kind) {
    const std::string name = kCells[kind];
    text += (kind ? ", " : "") + name + "=[";
    bool first = true;
    for (const Node& node : read_cell(arch, kind))
      for (const Edge& edge : node) {
        text += (first ? "('" : ", ('") + kOperations[edge.operation] + "', " + std::to_string(edge.from) + ")";
        first = false;
      }
    text += "], " + name + "_concat=range(2, 6)";
  }
  return text + ")";
}

std::size_t input_of(const Word& word, std::size_t node) {
  for (std::size_t from = 0; from < kInputs + node; ++from)
    if (word.text == std::to_string(from)) return from;
  ListNotation::refuse(
      word, "node " + std::to_string(node) + " reads one of inputs 0 to " + std::to_string(kInputs + node - 1));
}

Cell parse_cell(const ListNotation& lists, const std::string& kind) {
  const auto& words = lists.entries(kind, 4 * kNodes, ": for each of four nodes two operations with their inputs");
  Cell cell;
  for (std::size_t n = 0; n < kNodes; ++n) {
    for (std::size_t e = 0; e < 2; ++e) {
      const Word &name = words[4 * n + 2 * e], &input = words[4 * n + 2 * e + 1];
      const auto it = std::find(kOperations.begin(), kOperations.end(), name.text);
      if (it == kOperations.end()) ListNotation::refuse(name, "an operation is expected, one of " + join(kOperations));
      cell[n][e] = {input_of(input, n), static_cast<std::uint16_t>(it - kOperations.begin())};
    }
    if (cell[n][0].from == cell[n][1].from)
      ListNotation::refuse(words[4 * n + 3], "the two inputs of node " + std::to_string(n) + " must differ");
    std::sort(cell[n].begin(), cell[n].end());
  }
  const std::string concat = kind + "_concat";
  if (lists.contains(concat)) {
    std::string given;
    for (const Word& word : lists[concat]) given += (given.empty() ? "" : " ") + std::string(word.text.substr(0, 20));
    const std::string wanted = "range(2, 6): all nodes";
    if (given.empty()) throw InvalidArchitecture("architecture: " + concat + " has 0 entries; it needs " + wanted);
    if (given != "range 2 6" && given != "2 3 4 5")
      ListNotation::refuse(lists[concat].front(), concat + " '" + printable(given) + "' must be " + wanted);
  }
  return cell;
}

Architecture parse(std::span<const Decision> decisions, std::string_view text) {
  std::string blanked(text);  // of the same length, so that places stay what they are
  if (const auto at = blanked.find("Genotype"); at != std::string::npos && trim(text.substr(0, at)).empty())
    std::fill_n(blanked.begin() + static_cast<std::ptrdiff_t>(at), 8, ' ');
  const ListNotation lists(blanked, {"normal", "reduce"}, {"normal_concat", "reduce_concat"});
  Architecture arch;
  arch.choices.assign(decisions.size(), 0);
  for (std::size_t kind = 0; kind < kCells.size(); ++kind) write_cell(parse_cell(lists, kCells[kind]), arch, kind);
  return arch;
}

}  // namespace

DartsOptions darts_cifar() {
  DartsOptions options;
  options.name = "darts";
  options.input = {3, 32, 32, 10};
  return options;
}

DartsOptions darts_imagenet() {
  DartsOptions options;
  options.name = "darts_imagenet";
  options.input = {3, 224, 224, 1000};
  options.channels = 48;
  options.cells = 14;
  options.imagenet_stem = true;
  return options;
}

SearchSpace darts(const DartsOptions& options) {
  if (options.cells < 3 || options.channels < 2 || options.channels % 2 != 0)
    throw UsageError("a DARTS network has at least 3 cells and an even number of channels, not " +
                     std::to_string(options.cells) + " and " + std::to_string(options.channels));
  if (options.partial != 1 && !options.search)
    throw UsageError("space.partial = " + std::to_string(options.partial) +
                     " is of the network that is searched; set search to true, or leave it out");
  if (options.partial < 1 || options.channels % (2 * options.partial) != 0)
    throw UsageError("space.partial = " + std::to_string(options.partial) + " must divide half of the " +
                     std::to_string(options.channels) + " channels");
  if (options.search && options.auxiliary_weight != 0)
    throw UsageError("space.auxiliary_weight has no effect on the network that is searched; leave it out");
  return SearchSpace(
      options.name, options.input,
      [options](Builder& b, Signal x, std::int64_t classes) { return network(b, options, x, classes); }, {print, parse},
      normal_form);
}

SearchSpace darts(const DartsOptions& defaults, const nlohmann::json& options) {
  DartsOptions wanted = with_space_options(defaults, options), usual = defaults;
  if (wanted.search) {
    DartsOptions of_search = defaults;
    of_search.cells = 8;
    of_search.channels = 16;
    of_search.auxiliary_weight = usual.auxiliary_weight = 0;  // there is none, which the name need not say
    usual.cells = 0, usual.channels = 0;                      // of two defaults each: the name says them always
    wanted = with_space_options(of_search, options);
  }
  wanted.name = space_text(defaults.name, write_options(wanted), write_options(usual));
  return darts(wanted);
}

}  // namespace frontier
