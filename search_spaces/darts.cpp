#include "search_spaces/darts.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <span>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/internal/list_notation.h"
#include "search_spaces/space_options.h"

namespace frontier {
namespace {

constexpr std::size_t kInputs = 2;   // a node reads the cell's two inputs and earlier nodes
constexpr std::size_t kOutputs = 4;  // nodes at most that are the cell's output
const std::vector<std::string> kOperations{"max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3",
                                           "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5", "none"};
constexpr std::size_t kSkip = 2;
constexpr int kMostRenumbered = 5;  // nodes of which all orders are tried for the canonical form
constexpr const char *kNormal = "normal", *kReduce = "reduce";

/// What there is to decide.
struct Plan {
  std::vector<std::string> kinds;  ///< of cells
  std::size_t nodes = 0;
  std::vector<std::size_t> operations;  ///< in kOperations, none last
  bool skips = false;                   ///< a skip beside every edge's operation

  explicit Plan(const DartsOptions& options)
      : nodes(static_cast<std::size_t>(options.nodes)), skips(options.operations == "all_skip") {
    if (options.cells > 2) kinds.emplace_back(kNormal);
    kinds.emplace_back(kReduce);
    for (std::size_t i = 0; i < kOperations.size(); ++i)
      if (i != kSkip || options.operations != "no_skip") operations.push_back(i);
  }
  std::uint16_t none() const { return static_cast<std::uint16_t>(operations.size() - 1); }
  /// Whether an edge of that operation passes anything on.
  bool passes(std::uint16_t operation) const { return skips || operation != none(); }
  const std::string& operation(std::uint16_t option) const { return kOperations[operations[option]]; }
  std::vector<std::string> operation_names() const {
    std::vector<std::string> names;
    for (const std::size_t i : operations) names.push_back(kOperations[i]);
    return names;
  }
  std::size_t first_output() const { return nodes - std::min(nodes, kOutputs); }
  /// "range(2, 6)": the states that are the cell's output.
  std::string outputs() const {
    return "range(" + std::to_string(kInputs + first_output()) + ", " + std::to_string(kInputs + nodes) + ")";
  }
};

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

/// Declares the decisions of a kind of cell in their order, and that its nodes read both inputs and every node that is
/// no output: a cell that does not would leave others of the network, or itself in part, without use.
void declare(Builder& b, const Plan& plan, const std::string& kind) {
  std::vector<Dim> reads(kInputs + plan.first_output());
  for (std::size_t node = 0; node < plan.nodes; ++node) {
    const std::string place = "/" + kind + ".node" + std::to_string(node);
    const std::size_t inputs = kInputs + node;
    for (std::size_t from = 0; from < inputs; ++from) {
      std::vector<LabelledValue> pairs, operations;
      for (std::size_t i = 0; i < inputs; ++i)
        for (std::size_t k = i + 1; k < inputs; ++k)
          pairs.push_back({std::to_string(i) + "+" + std::to_string(k), i == from || k == from ? 1 : 0});
      for (std::uint16_t i = 0; i < plan.operations.size(); ++i)
        operations.push_back({plan.operation(i), plan.passes(i) ? 1 : 0});
      const Dim taken = pairs.size() > 1 ? b.choose(place + ".inputs", pairs, DecisionKind::kSubset) : Dim(1);
      b.when(place + ".taken", taken, b.input(), [&](Signal x) {
        const Dim used = b.choose(place + ".from" + std::to_string(from), operations, DecisionKind::kBranch);
        if (from < reads.size()) reads[from] = Dim::either(reads[from], taken * used);
        return x;
      });
    }
  }
  const std::string nodes =
      "no node of the " + kind + " cell, node 0 to " + std::to_string(plan.nodes - 1) + ", reads ";
  for (std::size_t from = 0; from < reads.size(); ++from)
    b.require(reads[from], from < kInputs ? nodes + "input " + std::to_string(from) +
                                                " by an operation other than none; a cell must read both"
                                          : nodes + "node " + std::to_string(from - kInputs) +
                                                " by an operation other than none; it is no output of its own");
}

/// Of one of its operations; where there are skips, beside one.
Signal edge(Builder& b, const CellLayers& layers, const Plan& plan, std::int64_t partial, const std::string& decision,
            std::size_t from, Signal x, int stride) {
  auto scope = b.scope("from" + std::to_string(from));
  std::vector<Branch> branches;
  for (const std::size_t i : plan.operations)
    branches.push_back({kOperations[i], [&b, &layers, i, stride](Signal in) {
                          const Signal out = layers.operation(i, in, stride);
                          return out.vertex == in.vertex ? out : b.may_drop(out);  // an identity stays
                        }});
  const Signal mixed = b.mix(decision + std::to_string(from), x, branches, {.partial = partial});
  if (!plan.skips) return mixed;
  auto skip_scope = b.scope("skip");
  return b.sum({mixed, layers.operation(kSkip, x, stride)});
}

Signal cell(Builder& b, const DartsOptions& options, const Plan& plan, Signal before, Signal last,
            std::int64_t channels, bool reduces, bool after_reduction) {
  const std::string kind = reduces ? kReduce : kNormal;
  const CellLayers layers(b, options.search);
  std::vector<Signal> states{after_reduction ? layers.factorized_reduction("preprocess0", before, channels)
                                             : layers.relu_conv_bn("preprocess0", before, {.out = channels}),
                             layers.relu_conv_bn("preprocess1", last, {.out = channels})};
  for (std::size_t node = 0; node < plan.nodes; ++node) {
    const std::string place = "node" + std::to_string(node);
    auto scope = b.scope(place);
    std::vector<Builder::Term> terms;
    for (std::size_t from = 0; from < kInputs + node; ++from)
      terms.push_back({std::to_string(from), [&, from] {
                         return edge(b, layers, plan, options.partial, "/" + kind + "." + place + ".from", from,
                                     states[from], reduces && from < kInputs ? 2 : 1);
                       }});
    states.push_back(b.sum_of("/" + kind + "." + place + ".inputs", 2, terms));
  }
  return b.concat({states.begin() + static_cast<std::ptrdiff_t>(kInputs + plan.first_output()), states.end()});
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
  const Plan plan(options);
  for (const std::string& kind : plan.kinds) declare(b, plan, kind);
  std::int64_t channels = options.channels;
  bool after_reduction = options.imagenet_stem;
  for (int i = 0; i < options.cells; ++i) {
    auto scope = b.scope("cell" + std::to_string(i));
    const bool reduces = i == options.cells / 3 || i == 2 * options.cells / 3;
    if (reduces) channels *= 2;
    const Signal out = cell(b, options, plan, before, last, channels, reduces, after_reduction);
    before = last;
    last = out;
    after_reduction = reduces;
    if (i == 2 * options.cells / 3 && options.auxiliary_weight > 0)
      b.auxiliary(options.auxiliary_weight, [&] { return auxiliary_head(b, out, classes); });
  }
  return b.linear("classifier", b.global_pool(last), classes);
}

// Decisions: for each kind of cell, node by node: which two inputs (all but the first node), then the operation on
// every input.

constexpr std::size_t subsets_of(std::size_t node) { return (kInputs + node) * (kInputs + node - 1) / 2; }
constexpr std::size_t node_decisions(std::size_t node) { return (subsets_of(node) > 1 ? 1 : 0) + kInputs + node; }
constexpr std::size_t first_decision(std::size_t nodes, std::size_t kind, std::size_t node) {
  std::size_t place = 0;
  for (std::size_t n = 0; n < nodes; ++n) place += kind * node_decisions(n);
  for (std::size_t n = 0; n < node; ++n) place += node_decisions(n);
  return place;
}
static_assert(first_decision(4, 1, 0) == 17);

struct Edge {
  std::size_t from = 0;
  std::uint16_t operation = 0;
  auto operator<=>(const Edge&) const = default;
};
using Node = std::array<Edge, 2>;  ///< different inputs, ascending
using Cell = std::vector<Node>;

/// Number of a pair among all pairs of inputs, in lexicographic order.
std::uint16_t pair_number(std::size_t inputs, std::size_t a, std::size_t b) {
  std::size_t number = 0;
  for (std::size_t first = 0; first < a; ++first) number += inputs - 1 - first;
  return static_cast<std::uint16_t>(number + b - a - 1);
}

Cell read_cell(const Plan& plan, const Architecture& arch, std::size_t kind) {
  Cell cell(plan.nodes);
  for (std::size_t n = 0; n < plan.nodes; ++n) {
    const std::size_t inputs = kInputs + n, first = first_decision(plan.nodes, kind, n),
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
  for (std::size_t n = 0; n < cell.size(); ++n) {
    const std::size_t first = first_decision(cell.size(), kind, n), operations = first + (subsets_of(n) > 1 ? 1 : 0);
    std::fill_n(arch.choices.begin() + static_cast<std::ptrdiff_t>(first), node_decisions(n), std::uint16_t{0});
    if (subsets_of(n) > 1) arch.choices[first] = pair_number(kInputs + n, cell[n][0].from, cell[n][1].from);
    for (const Edge& edge : cell[n]) arch.choices[operations + edge.from] = edge.operation;
  }
}

/// A node whose `none` edges read the first inputs that are free.
Node tidy(std::span<const Edge> edges, std::uint16_t none) {
  Node node;
  std::copy(edges.begin(), edges.end(), node.begin());
  for (std::size_t e = edges.size(); e < node.size(); ++e) {
    const auto taken = [&](std::size_t from) {
      return std::any_of(node.begin(), node.begin() + static_cast<std::ptrdiff_t>(e),
                         [&](const Edge& edge) { return edge.from == from; });
    };
    std::size_t from = 0;
    while (taken(from)) ++from;
    node[e] = {from, none};
  }
  std::sort(node.begin(), node.end());
  return node;
}

/// The smallest of the cells that differ in the numbering of the nodes alone.
Cell canonical_cell(const Plan& plan, const Cell& cell) {
  std::vector<std::size_t> order(plan.nodes), place(plan.nodes);  // the old node at every new place, and its inverse
  std::iota(order.begin(), order.end(), 0);
  std::optional<Cell> best;
  Cell renumbered(plan.nodes);
  do {
    bool is_legal = true;  // outputs stay outputs, and nodes read what stands before them
    for (std::size_t p = 0; p < plan.nodes; ++p) {
      place[order[p]] = p;
      is_legal = is_legal && (p < plan.first_output()) == (order[p] < plan.first_output());
    }
    for (std::size_t p = 0; p < plan.nodes && is_legal; ++p) {
      std::array<Edge, 2> edges;
      std::size_t count = 0;
      for (const Edge& edge : cell[order[p]]) {
        if (!plan.passes(edge.operation)) continue;
        const std::size_t from = edge.from < kInputs ? edge.from : kInputs + place[edge.from - kInputs];
        is_legal = is_legal && from < kInputs + p;
        edges[count++] = {from, edge.operation};
      }
      if (is_legal) renumbered[p] = tidy(std::span(edges).first(count), plan.none());
    }
    if (is_legal && (!best || renumbered < *best)) best = renumbered;
  } while (std::next_permutation(order.begin(), order.end()));
  return *best;
}

NormalForm normal_form(const Plan& plan) {
  if (plan.nodes > kMostRenumbered) return {};
  return [plan](std::span<const Decision>, const Architecture& arch) {
    Architecture result = arch;
    for (std::size_t kind = 0; kind < plan.kinds.size(); ++kind)
      write_cell(canonical_cell(plan, read_cell(plan, arch, kind)), result, kind);
    return result;
  };
}

// Notation.

std::string print(const Plan& plan, const Architecture& arch) {
  std::string text = "Genotype(";
  for (std::size_t kind = 0; kind < plan.kinds.size(); ++kind) {
    const std::string& name = plan.kinds[kind];
    text += (kind ? ", " : "") + name + "=[";
    bool first = true;
    for (const Node& node : read_cell(plan, arch, kind))
      for (const Edge& edge : node) {
        text += (first ? "('" : ", ('") + plan.operation(edge.operation) + "', " + std::to_string(edge.from) + ")";
        first = false;
      }
    text += "], " + name + "_concat=" + plan.outputs();
  }
  return text + ")";
}

std::size_t input_of(const Word& word, std::size_t node) {
  for (std::size_t from = 0; from < kInputs + node; ++from)
    if (word.text == std::to_string(from)) return from;
  ListNotation::refuse(
      word, "node " + std::to_string(node) + " reads one of inputs 0 to " + std::to_string(kInputs + node - 1));
}

void check_outputs(const Plan& plan, const ListNotation& lists, const std::string& concat) {
  std::string given, all;
  for (const Word& word : lists[concat]) given += (given.empty() ? "" : " ") + std::string(word.text.substr(0, 20));
  const std::size_t first = kInputs + plan.first_output(), end = kInputs + plan.nodes;
  for (std::size_t state = first; state < end; ++state) all += (all.empty() ? "" : " ") + std::to_string(state);
  const std::string wanted = plan.outputs() + (plan.first_output() == 0 ? ": all nodes" : ": the last nodes");
  if (given.empty()) throw InvalidArchitecture("architecture: " + concat + " has 0 entries; it needs " + wanted);
  if (given != "range " + std::to_string(first) + " " + std::to_string(end) && given != all)
    ListNotation::refuse(lists[concat].front(), concat + " '" + printable(given) + "' must be " + wanted);
}

Cell parse_cell(const Plan& plan, const ListNotation& lists, const std::string& kind) {
  constexpr const char* kNumbers[] = {"two",   "three", "four", "five",   "six",   "seven",
                                      "eight", "nine",  "ten",  "eleven", "twelve"};
  const auto& words = lists.entries(
      kind, 4 * plan.nodes,
      ": for each of " + std::string(kNumbers[plan.nodes - 2]) + " nodes two operations with their inputs");
  const std::vector<std::string> names = plan.operation_names();
  Cell cell(plan.nodes);
  for (std::size_t n = 0; n < plan.nodes; ++n) {
    for (std::size_t e = 0; e < 2; ++e) {
      const Word &name = words[4 * n + 2 * e], &input = words[4 * n + 2 * e + 1];
      const auto it = std::find(names.begin(), names.end(), name.text);
      if (it == names.end()) ListNotation::refuse(name, "an operation is expected, one of " + join(names));
      cell[n][e] = {input_of(input, n), static_cast<std::uint16_t>(it - names.begin())};
    }
    if (cell[n][0].from == cell[n][1].from)
      ListNotation::refuse(words[4 * n + 3], "the two inputs of node " + std::to_string(n) + " must differ");
    std::sort(cell[n].begin(), cell[n].end());
  }
  if (const std::string concat = kind + "_concat"; lists.contains(concat)) check_outputs(plan, lists, concat);
  return cell;
}

Architecture parse(const Plan& plan, std::size_t decisions, std::string_view text) {
  std::string blanked(text);  // of the same length, so that places stay what they are
  if (const auto at = blanked.find("Genotype"); at != std::string::npos && trim(text.substr(0, at)).empty())
    std::fill_n(blanked.begin() + static_cast<std::ptrdiff_t>(at), 8, ' ');
  std::vector<std::string> concats;
  for (const std::string& kind : plan.kinds) concats.push_back(kind + "_concat");
  const ListNotation lists(blanked, plan.kinds, concats);
  Architecture arch;
  arch.choices.assign(decisions, 0);
  for (std::size_t kind = 0; kind < plan.kinds.size(); ++kind)
    write_cell(parse_cell(plan, lists, plan.kinds[kind]), arch, kind);
  return arch;
}

Notation notation(const Plan& plan) {
  return {[plan](std::span<const Decision>, const Architecture& arch) { return print(plan, arch); },
          [plan](std::span<const Decision> decisions, std::string_view text) {
            return parse(plan, decisions.size(), text);
          }};
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
  if (options.cells < 1 || options.channels < 2 || options.channels % 2 != 0)
    throw UsageError("a DARTS network has at least 1 cell and an even number of channels, not " +
                     std::to_string(options.cells) + " and " + std::to_string(options.channels));
  if (options.partial != 1 && !options.search)
    throw UsageError("space.partial = " + std::to_string(options.partial) +
                     " is of the network that is searched; set search to true, or leave it out");
  if (options.partial < 1 || options.channels % (2 * options.partial) != 0)
    throw UsageError("space.partial = " + std::to_string(options.partial) + " must divide half of the " +
                     std::to_string(options.channels) + " channels");
  if (options.search && options.auxiliary_weight != 0)
    throw UsageError("space.auxiliary_weight has no effect on the network that is searched; leave it out");
  const Plan plan(options);
  return SearchSpace(
      options.name, options.input,
      [options](Builder& b, Signal x, std::int64_t classes) { return network(b, options, x, classes); }, notation(plan),
      normal_form(plan));
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
