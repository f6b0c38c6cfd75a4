#include "search_spaces/darts.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/shared_data.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;

/// A row of counted networks: cells as "op:input op:input ...", network, C, layers, parameters, MACs.
struct Counted {
  std::string name, normal, reduce, network;
  int channels = 0, layers = 0;
  std::int64_t params = 0, macs = 0;
};

void expect_counted(const Counted& row) {
  SCOPED_TRACE(row.name + " " + row.network);
  DartsOptions options = row.network == "cifar" ? darts_cifar() : darts_imagenet();
  options.channels = row.channels;
  options.cells = row.layers;
  const SearchSpace space = darts(options);
  const Architecture arch = space.parse_as_written("normal=" + row.normal + " reduce=" + row.reduce);
  const CostTable table = space.cost_table(space.default_input());
  EXPECT_EQ(table.params(arch), row.params);
  EXPECT_EQ(table.macs(arch), row.macs);
  const Architecture form = space.canonical(arch);
  EXPECT_EQ(table.params(form), row.params);
  EXPECT_EQ(table.macs(form), row.macs);
}

TEST(Darts, ParametersAndMacsEqualEveryCountedNetwork) {
  const auto path = shared_data("goldens/darts.csv");
  if (!path) GTEST_SKIP() << "shared/data/goldens is not there";
  const auto rows = read_csv_gz(*path);  // name, normal, reduce, network, input, C, layers, classes, params, macs
  ASSERT_EQ(rows.size(), 28U);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    expect_counted(
        {row[0], row[1], row[2], row[3], std::stoi(row[5]), std::stoi(row[6]), std::stoll(row[8]), std::stoll(row[9])});
  }
}

TEST(Darts, ParametersAndMacsOfPublishedCells) {
  std::ifstream file(source_folder() / "tests/golden/darts.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["networks"].size(), 6U);
  for (const auto& row : golden["networks"])
    expect_counted({row["name"], row["normal"], row["reduce"], row["network"], row["channels"], row["layers"],
                    row["params"], row["macs"]});
}

const char* const kSecondOrder =
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])";

/// The cell of one kind as (node, input, operation) triples, read from the notation: independent of the library's own.
std::vector<std::array<std::string, 3>> edges_of(const std::string& genotype, const std::string& kind) {
  std::vector<std::array<std::string, 3>> edges;
  std::size_t at = genotype.find(kind + "=[") + kind.size() + 2;
  for (int e = 0; e < 8; ++e) {
    const std::size_t open = genotype.find("('", at), close = genotype.find("', ", open),
                      end = genotype.find(')', close);
    edges.push_back({std::to_string(e / 2), genotype.substr(close + 3, end - close - 3),
                     genotype.substr(open + 2, close - open - 2)});
    at = end;
  }
  return edges;
}

/// What reaches each node as nested text, the nodes of a cell in any order: equal for renumbered cells.
std::multiset<std::string> unfolded(const std::string& genotype, const std::string& kind) {
  const auto edges = edges_of(genotype, kind);
  std::vector<std::string> states{"c0", "c1"};
  for (int node = 0; node < 4; ++node) {
    std::multiset<std::string> terms;
    for (const auto& [at, from, operation] : edges)
      if (at == std::to_string(node) && operation != "none")
        terms.insert(operation + "(" + states[std::stoul(from)] + ")");
    std::string text;
    for (const auto& term : terms) text += term + "+";
    states.push_back(text);
  }
  return {states.begin() + 2, states.end()};
}

std::string genotype(const std::vector<std::array<std::string, 3>>& normal,
                     const std::vector<std::array<std::string, 3>>& reduce) {
  const auto list = [](const auto& edges) {
    std::string text;
    for (const auto& [node, from, operation] : edges) text += "('" + operation + "', " + from + "), ";
    return text;
  };
  return "Genotype(normal=[" + list(normal) + "], reduce=[" + list(reduce) + "])";
}

/// The nodes of a cell in another order that the edges allow.
std::vector<std::array<std::string, 3>> renumbered(std::vector<std::array<std::string, 3>> edges, Rng& rng) {
  for (int swaps = 0; swaps < 6; ++swaps) {
    const int node = static_cast<int>(rng.below(3));  // exchange `node` and the next one, unless that reads it
    const std::string mine = std::to_string(node + 2), next = std::to_string(node + 3);
    bool reads = false;
    for (std::size_t e = 0; e < 2; ++e) reads = reads || edges[2 * static_cast<std::size_t>(node + 1) + e][1] == mine;
    if (reads) continue;
    for (std::size_t e = 0; e < 2; ++e)
      std::swap(edges[2 * static_cast<std::size_t>(node) + e], edges[2 * static_cast<std::size_t>(node + 1) + e]);
    for (auto& edge : edges) edge[1] = edge[1] == mine ? next : edge[1] == next ? mine : edge[1];
    for (std::size_t e = 0; e < 8; ++e) edges[e][0] = std::to_string(e / 2);
  }
  return edges;
}

TEST(Darts, RenumberedNodesHaveOneCanonicalForm) {
  const SearchSpace space = darts(darts_cifar());
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Architecture arch = random_choices(space, rng), form = space.canonical(arch);
    ASSERT_EQ(space.canonical(form), form);
    const std::string text = space.to_string_as_written(arch), canonical = space.to_string(form);
    for (const std::string kind : {"normal", "reduce"}) ASSERT_EQ(unfolded(text, kind), unfolded(canonical, kind));
    const std::string other =
        genotype(renumbered(edges_of(text, "normal"), rng), renumbered(edges_of(text, "reduce"), rng));
    if (text.find("none") == std::string::npos) {  // else an exchange may be refused for an edge that does nothing
      ASSERT_EQ(space.parse(other), form) << text << "\n" << other;
    }
  }
}

TEST(Darts, DifferentFunctionsHaveDifferentForms) {
  const SearchSpace space = darts(darts_cifar());
  std::map<std::pair<std::multiset<std::string>, std::multiset<std::string>>, Architecture> forms;
  std::set<Architecture> different;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Rng rng(seed);
    Architecture arch = random_choices(space, rng);
    for (auto& choice : arch.choices) choice = static_cast<std::uint16_t>(choice % 2);  // few, so that equals occur
    const Architecture form = space.canonical(arch);
    const std::string text = space.to_string(form);
    const auto [it, is_new] = forms.try_emplace({unfolded(text, "normal"), unfolded(text, "reduce")}, form);
    ASSERT_EQ(it->second, form);
    different.insert(form);
  }
  EXPECT_EQ(different.size(), forms.size());
}

TEST(Darts, NoneIsTheSameOnWhicheverInput) {
  const SearchSpace space = darts(darts_cifar());
  const auto with = [&](const std::string& node3) {
    return space.parse("normal=sep_conv_3x3:0 skip_connect:1 none:0 none:1 dil_conv_5x5:2 skip_connect:3 " + node3 +
                       " reduce=max_pool_3x3:0 max_pool_3x3:1 skip_connect:2 max_pool_3x3:1 max_pool_3x3:0 "
                       "skip_connect:2 skip_connect:2 max_pool_3x3:1");
  };
  EXPECT_EQ(with("sep_conv_5x5:4 none:2"), with("none:0 sep_conv_5x5:4"));
  EXPECT_NE(with("sep_conv_5x5:4 none:2"), with("sep_conv_5x5:1 none:2"));
}

TEST(Darts, CellsReadBothInputs) {
  const SearchSpace space = darts(darts_cifar());
  EXPECT_THROWS_WITH(
      space.parse("normal=none:0 skip_connect:1 none:0 none:1 dil_conv_5x5:2 skip_connect:3 none:0 none:1 "
                  "reduce=max_pool_3x3:0 max_pool_3x3:1 skip_connect:2 max_pool_3x3:1 max_pool_3x3:0 "
                  "skip_connect:2 skip_connect:2 max_pool_3x3:1"),
      InvalidArchitecture, "no node of the normal cell, node 0 to 3, reads input 0 by an operation other than none");
}

TEST(Darts, AnEdgeThatIsNotTakenHasNoEffect) {
  const SearchSpace space = darts(darts_cifar());
  Architecture arch = space.parse_as_written(kSecondOrder);
  const auto unused = space.decision_index("normal.node3.from4");
  EXPECT_FALSE(space.to_json(arch).contains("normal.node3.from4"));
  arch.choices[unused] = 5;
  EXPECT_EQ(space.to_string_as_written(arch), space.to_string_as_written(space.parse_as_written(kSecondOrder)));
}

TEST(Darts, ReadsWhatPapersPrint) {
  const SearchSpace space = darts(darts_cifar());
  const Architecture arch = space.parse(kSecondOrder);
  std::string ranges = kSecondOrder;
  for (std::size_t at; (at = ranges.find("[2, 3, 4, 5]")) != std::string::npos;) ranges.replace(at, 12, "range(2, 6)");
  EXPECT_EQ(space.parse(ranges), arch);
  EXPECT_EQ(space.parse(space.to_string(arch)), arch);
  EXPECT_THROWS_WITH(space.parse("Genotype(normal=[('conv', 0)], reduce=[])"), InvalidArchitecture,
                     "normal has 2 entries; it needs 16");
  std::string bad = kSecondOrder;
  bad.replace(bad.find("dil_conv_3x3"), 12, "dil_conv_7x7");
  EXPECT_THROWS_WITH(space.parse(bad), InvalidArchitecture,
                     "('dil_conv_7x7'): an operation is expected, one of max_pool_3x3,");
  bad = kSecondOrder;
  bad.replace(bad.find("('sep_conv_3x3', 1)"), 19, "('sep_conv_3x3', 0)");
  EXPECT_THROWS_WITH(space.parse(bad), InvalidArchitecture, "character 56 ('0'): the two inputs of node 0 must differ");
  bad = kSecondOrder;
  bad.replace(bad.find("', 1)"), 5, "', 2)");
  EXPECT_THROWS_WITH(space.parse(bad), InvalidArchitecture, "character 56 ('2'): node 0 reads one of inputs 0 to 1");
  bad = kSecondOrder;
  bad.replace(bad.find("[2, 3, 4, 5]"), 12, "range(3, 6)");
  EXPECT_THROWS_WITH(space.parse(bad), InvalidArchitecture, "normal_concat 'range 3 6' must be range(2, 6)");
  EXPECT_THROWS_WITH(space.parse(bad), InvalidArchitecture, "('range'): normal_concat");
  bad.replace(bad.find("range(3, 6)"), 11, "[]");
  EXPECT_THROWS_WITH(space.parse(bad), InvalidArchitecture, "normal_concat has 0 entries; it needs range(2, 6)");
}

TEST(Darts, DrawsAreCanonicalAndWithinTheBudget) {
  const SearchSpace space = darts(darts_cifar());
  const FeasibleSet set(space, space.default_input(), Budget{.max_params = 2'500'000});
  Rng rng(1);
  for (int i = 0; i < 50; ++i) {
    const Architecture arch = set.draw(rng);
    ASSERT_EQ(space.canonical(arch), arch);
    ASSERT_LE(cost(space.build(arch, space.default_input())).params, 2'500'000);
  }
}

TEST(Darts, TheAuxiliaryClassifierCostsNothing) {
  DartsOptions without = darts_cifar();
  without.auxiliary_weight = 0;
  const SearchSpace plain = darts(without), space = darts(darts_cifar());
  const Architecture arch = space.parse(kSecondOrder);
  const NetworkGraph graph = space.build(arch, space.default_input());
  EXPECT_EQ(graph.auxiliaries().size(), 1U);
  EXPECT_EQ(cost(graph).params, cost(plain.build(arch, plain.default_input())).params);
}

std::int64_t num_weights(const SearchSpace& space, const InputShape& input) {
  const NetworkGraph everything = space.build_everything(input);
  std::int64_t count = 0;
  for (NetworkGraph::Vertex v = 0; v < everything.size(); ++v)
    for (const ParameterSpec& parameter : parameters_of(everything, v)) {
      std::int64_t size = 1;
      for (const Dim& dim : parameter.shape) size *= dim.max();
      count += size;
    }
  return count;
}

TEST(DartsSearch, HasTheWeightsOfThePapersNetworks) {  // PC-DARTS: closed form 102 c + 6 c^2 an edge, c = C / K
  const struct {
    const char* space;
    std::int64_t weights;
  } kSupernets[] = {{"darts(search=true)", 1'930'618},
                    {"darts(partial=2,search=true)", 671'482},
                    {"darts(partial=4,search=true)", 299'578},
                    {"darts(partial=8,search=true)", 178'042}};
  for (const auto& row : kSupernets)
    EXPECT_EQ(num_weights(*make_space(row.space), {3, 32, 32, 10}), row.weights) << row.space;
  // Of one channel in, C = 8, 5 cells.
  EXPECT_EQ(num_weights(*make_space("darts(cells=5,channels=8,search=true)"), {1, 16, 16, 10}), 393'778);
  EXPECT_EQ(num_weights(*make_space("darts(cells=5,channels=8,partial=4,search=true)"), {1, 16, 16, 10}), 66'154);
}

TEST(DartsSearch, HasTheDecisionsAndSitesOfTheNetworkBuilt) {
  const auto built = make_space("darts"), searched = make_space("darts(partial=4,search=true)");
  EXPECT_EQ(std::vector(built->decisions().begin(), built->decisions().end()),
            std::vector(searched->decisions().begin(), searched->decisions().end()));
  Rng rng(1);
  for (int i = 0; i < 20; ++i) {
    const Architecture arch = built->random(rng);
    EXPECT_EQ(searched->parse(built->to_string(arch)), arch);
  }
  const auto sites = sites_of(searched->build_everything(searched->default_input()));
  EXPECT_EQ(sites.size(), 2U * (14 + 4));  // edges and nodes of both kinds of cells
  for (const char* kind : {"normal", "reduce"})
    for (std::size_t node = 0; node < 4; ++node) {
      const std::string name = std::string(kind) + ".node" + std::to_string(node) + ".inputs";
      EXPECT_EQ(std::count(sites.begin(), sites.end(), Site{name, node + 2}), 1) << name;
    }
  EXPECT_EQ(std::count(sites.begin(), sites.end(), Site{"reduce.node3.from4", 8}), 1);
  EXPECT_EQ(sites, sites_of(built->build_everything(built->default_input())));
}

TEST(DartsSearch, HasNormsWithoutWeightsInCellsAndOneBehindEachPool) {
  const auto space = make_space("darts(cells=3,channels=8,partial=2,search=true)");
  const NetworkGraph graph = space->build_everything({3, 9, 7, 10});  // odd sides
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    if (!graph[v].is("batch_norm")) continue;
    EXPECT_EQ(graph[v].number("affine"), graph[v].name == "stem.bn" ? 1 : 0) << graph[v].name;
  }
  EXPECT_TRUE(graph.auxiliaries().empty());
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    if (!graph[v].is("average_pool")) continue;
    const auto reader = boost::target(*boost::out_edges(v, graph.graph()).first, graph.graph());
    EXPECT_TRUE(graph[reader].name.ends_with(".avg_pool_3x3.bn")) << graph[reader].name;
  }
}

/// The search spaces of DARTS-Bench-Suite: edges, operations of an edge, and a notation that reads back.
TEST(Darts, CellsOfOtherNodesAndOperations) {
  struct Case {
    const char* space;
    int edges, kinds, operations;
    const char* outputs;
  };
  for (const Case& expected : {Case{"darts(cells=4,channels=8,search=true)", 14, 2, 8, "range(2, 6)"},
                               {"darts(cells=9,channels=4,operations=no_skip,search=true)", 14, 2, 7, "range(2, 6)"},
                               {"darts(cells=1,channels=12,nodes=8,search=true)", 44, 1, 8, "range(6, 10)"},
                               {"darts(cells=1,channels=12,nodes=8,operations=all_skip)", 44, 1, 8, "range(6, 10)"}}) {
    SCOPED_TRACE(expected.space);
    const auto space = make_space(expected.space);
    EXPECT_EQ(make_space(space->name())->name(), space->name());
    int edges = 0;
    for (const Decision& decision : space->decisions()) {
      if (decision.kind != DecisionKind::kBranch) continue;
      ++edges;
      EXPECT_EQ(decision.options.size(), static_cast<std::size_t>(expected.operations));
      EXPECT_EQ(decision.options.back(), "none");
    }
    EXPECT_EQ(edges, expected.kinds * expected.edges);
    Rng rng(1);
    const FeasibleSet all(*space, space->default_input(), Budget{});
    for (int i = 0; i < 30; ++i) {
      const Architecture arch = all.draw(rng);
      const std::string text = space->to_string(arch);
      EXPECT_EQ(space->parse(text), arch);
      EXPECT_NE(text.find(std::string("reduce_concat=") + expected.outputs), std::string::npos) << text;
      EXPECT_EQ(text.find("normal=") != std::string::npos, expected.kinds == 2);
      EXPECT_EQ(cost(space->build(arch, space->default_input())).macs, all.table().macs(arch));
    }
  }
  const auto single = make_space("darts(cells=1,nodes=8,channels=12)");
  EXPECT_THROWS_WITH(single->parse("reduce=sep_conv_3x3:0"), InvalidArchitecture,
                     "for each of eight nodes two operations with their inputs");
  std::string unread = "reduce=";
  for (int node = 0; node < 8; ++node) unread += "sep_conv_3x3:0 sep_conv_3x3:1 ";
  EXPECT_THROWS_WITH(single->parse(unread), InvalidArchitecture,
                     "reads node 0 by an operation other than none; it is no output of its own");
  EXPECT_THROWS_WITH(make_space("darts(operations=some)"), UsageError, "unknown value 'some'; Known: regular, no_skip, all_skip");
  EXPECT_THROWS_WITH(make_space("darts(operations=no_skip)")->parse(kSecondOrder), InvalidArchitecture,
                     "an operation is expected, one of max_pool_3x3, avg_pool_3x3, sep_conv_3x3");
}

/// A skip beside every edge: an edge of `none` passes its input on, and costs what the skip costs.
TEST(Darts, ASkipBesideEveryEdge) {
  const auto regular = make_space("darts(cells=1,channels=8,nodes=2)"),
             with_skips = make_space("darts(cells=1,channels=8,nodes=2,operations=all_skip)");
  const InputShape& input = regular->default_input();
  // Both inputs are read by none, or by sep_conv_3x3; skips of stride 2 are factorised reductions.
  const std::string none = "reduce=none:0 none:1 none:0 none:1",
                    skips = "reduce=skip_connect:0 skip_connect:1 skip_connect:0 skip_connect:1",
                    conv = "reduce=sep_conv_3x3:0 sep_conv_3x3:1 sep_conv_3x3:0 sep_conv_3x3:1";
  const auto macs = [&](const SearchSpace& space, const std::string& arch) {
    return cost(space.build(space.parse_as_written(arch), input)).macs;
  };
  EXPECT_THROW(regular->parse(none), InvalidArchitecture);
  EXPECT_EQ(macs(*with_skips, none), macs(*regular, skips));
  const std::string one_node_none = "reduce=sep_conv_3x3:0 sep_conv_3x3:1 none:0 none:1";
  EXPECT_EQ(macs(*with_skips, conv) - macs(*with_skips, one_node_none),
            macs(*regular, conv) - macs(*regular, one_node_none));
}

}  // namespace
}  // namespace frontier
