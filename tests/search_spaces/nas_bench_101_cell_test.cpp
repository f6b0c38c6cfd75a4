#include "search_spaces/nas_bench_101_cell.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/reverse_graph.hpp>
#include <boost/graph/vf2_sub_graph_iso.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/rng.h"
#include "search_spaces/cost.h"
#include "search_spaces/internal/md5.h"
#include "support/messages.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using namespace testing_support;
using Cell = NasBench101Cell;
using Operation = Cell::Operation;

constexpr auto kParse = parse_nas_bench_101_cell;

nlohmann::json golden(const char* key) {
  const auto path = source_folder() / "tests/golden/nas_bench_101.json";
  return parse_json(read_file(path), path.string()).at(key);
}

/// Bits of all edges between n vertices.
std::uint32_t all_edges(int n) { return (std::uint32_t{1} << (n * (n - 1) / 2)) - 1; }

/// A valid cell of up to 7 vertices, every edge there with the given probability; with loose ends more often than not.
Cell random_cell(Rng& rng, double density = 0.4) {
  for (;;) {
    std::vector<Operation> operations(rng.below(6));
    for (auto& operation : operations) operation = static_cast<Operation>(rng.below(3));
    std::uint32_t edges = 0;
    const int n = static_cast<int>(operations.size()) + 2;
    for (int bit = 0; bit < n * (n - 1) / 2; ++bit) edges |= static_cast<std::uint32_t>(rng.uniform() < density) << bit;
    try {
      return Cell(edges, operations);
    } catch (const InvalidArchitecture&) {  // no way to the output, or too many edges: draw again
    }
  }
}

/// The same graph with its interior vertices in a random order that keeps edges pointing forwards.
Cell renumbered(const Cell& cell, Rng& rng) {
  const int n = cell.num_vertices();
  std::vector<int> order{0};  // new number -> old
  std::vector<bool> placed(static_cast<std::size_t>(n), false);
  placed[0] = true;
  while (static_cast<int>(order.size()) < n - 1) {
    std::vector<int> ready;
    for (int v = 1; v < n - 1; ++v) {
      bool free = !placed[static_cast<std::size_t>(v)];
      for (int u = 0; u < v; ++u) free = free && (placed[static_cast<std::size_t>(u)] || !cell.has_edge(u, v));
      if (free) ready.push_back(v);
    }
    order.push_back(ready[rng.below(ready.size())]);
    placed[static_cast<std::size_t>(order.back())] = true;
  }
  order.push_back(n - 1);
  std::uint32_t edges = 0;
  std::vector<Operation> operations;
  for (int y = 1; y < n; ++y) {
    if (y < n - 1) operations.push_back(cell.operation(order[static_cast<std::size_t>(y)]));
    for (int x = 0; x < y; ++x)
      if (cell.has_edge(order[static_cast<std::size_t>(x)], order[static_cast<std::size_t>(y)]))
        edges |= std::uint32_t{1} << (y * (y - 1) / 2 + x);
  }
  return Cell(edges, operations);
}

using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS>;

Graph graph_of(std::uint32_t edges, int n) {
  Graph graph(static_cast<std::size_t>(n));
  for (std::size_t y = 0; y < boost::num_vertices(graph); ++y)
    for (std::size_t x = 0; x < y; ++x, edges >>= 1)
      if ((edges & 1) != 0) boost::add_edge(x, y, graph);
  return graph;
}

int label(const Cell& cell, std::size_t vertex) {
  if (vertex == 0) return -1;
  return static_cast<int>(vertex) == cell.num_vertices() - 1
             ? -2
             : static_cast<int>(cell.operation(static_cast<int>(vertex)));
}

bool isomorphic(const Cell& a, const Cell& b) {
  if (a.num_vertices() != b.num_vertices() || a.num_edges() != b.num_edges()) return false;
  const Graph graph_a = graph_of(a.edges(), a.num_vertices()), graph_b = graph_of(b.edges(), b.num_vertices());
  const auto same_label = [&](std::size_t u, std::size_t v) { return label(a, u) == label(b, v); };
  // The callback is told of every mapping; one is enough.
  return boost::vf2_graph_iso(
      graph_a, graph_b, [](auto&&...) { return false; }, boost::vertex_order_by_mult(graph_a),
      boost::vertices_equivalent(same_label));
}

template <class G>
std::set<std::size_t> reachable(const G& graph, std::size_t from) {
  std::vector<boost::default_color_type> colors(boost::num_vertices(graph));
  boost::breadth_first_search(
      graph, from,
      boost::color_map(boost::make_iterator_property_map(colors.begin(), boost::get(boost::vertex_index, graph))));
  std::set<std::size_t> found;
  for (std::size_t v = 0; v < colors.size(); ++v)
    if (colors[v] != boost::white_color) found.insert(v);
  return found;
}

NetworkGraph network(const Cell& cell, InputShape input = {3, 32, 32, 10}) {
  Builder b(input);
  const Signal out = nas_bench_101_network(b, b.input(), input.classes, cell);
  return b.finish(out);
}

std::int64_t params(const Cell& cell) { return cost(network(cell)).params; }

/// What the counter of NAS-Bench-Suite-Zero adds up: multiply-accumulates of convolutions and the classifier, 2 an
/// element of batch norm, 1 an element of ReLU and k * k an output element of a pooling window of k.
std::int64_t layer_operations(const NetworkGraph& graph) {
  std::int64_t total = cost(graph).macs;
  const auto elements = [&](NetworkGraph::Vertex v) {
    const Shape& shape = graph[v].output;
    return shape.channels.value() * shape.height.value() * shape.width.value();
  };
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    if (graph[v].is("batch_norm")) total += 2 * elements(v);
    if (graph[v].is("activation")) total += elements(v);
    if (graph[v].is("max_pool")) total += graph[v].number("kernel") * graph[v].number("kernel") * elements(v);
  }
  return total;
}

std::int64_t millions(const std::string& text) { return std::llround(std::stod(text) * 1e6); }

/// Layers that have weights, without batch norms: name -> output channels.
std::map<std::string, std::int64_t> weights_of_module(const Cell& cell, std::int64_t in, std::int64_t out) {
  Builder b({in, 4, 4, 10});
  const Signal y = nas_bench_101_module(b, b.input(), cell, out);
  EXPECT_EQ(y.shape, (Shape{out, 4, 4})) << to_string(cell);
  const NetworkGraph graph = b.finish(y);
  std::map<std::string, std::int64_t> found;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (graph[v].is("conv")) found[graph[v].name] = graph[v].output.channels.value();
  return found;
}

std::vector<std::string> kinds(const NetworkGraph& graph) {
  std::vector<std::string> names;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) names.emplace_back(graph[v].kind->name);
  return names;
}

TEST(Md5, GivesThePublishedDigests) {
  // RFC 1321, appendix A.5.
  EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_hex("a"), "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(md5_hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(md5_hex("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b");
  EXPECT_EQ(md5_hex("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
            "d174ab98d277d9f5a5611c2c9f419d9f");
  EXPECT_EQ(md5_hex("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
            "57edf4a22be3c955ac49da2e2107b67a");
  // Around the block of 64 bytes; digests by Python's hashlib.
  const std::map<std::size_t, std::string> digests = {
      {55, "04364420e25c512fd958a70738aa8f72"},  {56, "668a72d5ba17f08e62dabcafad6db14b"},
      {63, "7dc2ca208106a2f703567bdff99d8981"},  {64, "c1bb4f81d892b2d57947682aeb252456"},
      {65, "1bc932052302d074bdec39795fe00cf6"},  {119, "ab347a5f68c8a443cfcddc633f12c24f"},
      {128, "d69cb61a6ee87200676eb0d4b90edbcb"}, {200, "30a83621ce5422fbdfdd539777458c78"}};
  for (const auto& [length, digest] : digests) EXPECT_EQ(md5_hex(std::string(length, 'x')), digest) << length;
}

TEST(NasBench101Cell, ReadsBothNotationsAndPrintsOne) {
  const Cell cell = kParse("0110001100010000:i13o");
  EXPECT_EQ(cell.num_vertices(), 4);
  EXPECT_EQ(cell.num_edges(), 5);
  EXPECT_TRUE(cell.has_edge(0, 1));
  EXPECT_TRUE(cell.has_edge(2, 3));
  EXPECT_FALSE(cell.has_edge(0, 3));
  EXPECT_FALSE(cell.has_edge(1, 0));
  EXPECT_FALSE(cell.has_edge(-1, 9));
  EXPECT_EQ(cell.operation(1), Operation::kConv1x1);
  EXPECT_EQ(cell.operation(2), Operation::kConv3x3);
  EXPECT_EQ(to_string(cell), "0110001100010000:i13o");
  EXPECT_EQ(kParse("0100:io"), Cell());
  EXPECT_EQ(to_string(Cell()), "0100:io");
  EXPECT_EQ(to_string(kParse("01100100001111000000100000100000011000000000000000423321")),
            "0110010000111100000010000010000001100000000000000:i3p11po");
}

TEST(NasBench101Cell, RefusesWhatIsNoCellAndNamesThePosition) {
  const std::string form = "<n*n adjacency bits>:<n letters>, e.g. 010001000:i3o";
  const std::string bits(49, '0');
  const auto with = [](std::string text, std::size_t position, char c) {
    text.at(position - 1) = c;
    return text;
  };
  const std::map<std::string, std::string> wrong = {
      {"", "cell '': 0 characters without a ':'; allowed are " + form + ", or 49 adjacency bits and 7 digits"},
      {"0110", "4 characters without a ':'"},
      {"0:i", "1 letters after the ':' at character 2; allowed are 2 to 7, one a vertex"},
      {":", "0 letters after the ':' at character 1; allowed are 2 to 7"},
      {bits + "000000000000000:i333333o", "8 letters after the ':' at character 65; allowed are 2 to 7"},
      {"01:io",
       "2 adjacency bits before the ':', but 2 letters after the ':' at character 3 ask for 4; expected " + form},
      {"010001000:i33o", "9 adjacency bits before the ':', but 4 letters after the ':' at character 10 ask for 16"},
      {"010002000:i3o", "character 6 is '2'; an adjacency bit is 0 or 1"},
      {"01000 000:i3o", "character 6 is ' '; an adjacency bit is 0 or 1"},
      {"010001100:i3o",
       "character 7 is '1', an edge 2 -> 0; edges go from a lower to a higher vertex, so it must be 0"},
      {"110001000:i3o", "character 1 is '1', an edge 0 -> 0; edges go from a lower"},
      {"010001000:33o", "character 11 is '3'; the first vertex, the input, is i"},
      {"010001000:i33", "character 13 is '3'; the last vertex, the output, is o"},
      {"010001000:i4o", "character 12 is '4'; vertex 1, between input and output, is 3 (conv3x3), 1 (conv1x1) or p"},
      {"010001000:iio", "character 12 is 'i'; vertex 1, between input and output, is 3 (conv3x3), 1 (conv1x1) or p"},
      {"010001000:i:o", "character 12 is ':'; vertex 1"},
      {"010000000:i3o", "no way leads from the input, vertex 0, to the output, vertex 2"},
      {"000001000:i3o", "no way leads from the input, vertex 0, to the output, vertex 2"},
      {"0111100111000110000100000:i333o", "10 edges lie on ways from input to output; at most 9 are allowed"},
      {with(bits, 7, '1') + "1222221", "character 50 is '1'; the first vertex, the input, is 0"},
      {with(bits, 7, '1') + "0222220", "character 56 is '0'; the last vertex, the output, is 1"},
      {with(bits, 7, '1') + "0225221",
       "character 53 is '5'; vertex 3, between input and output, is 2 (maxpool3x3), 3 (conv1x1) or 4 (conv3x3)"},
      {with(bits, 8, '1') + "0222221", "character 8 is '1', an edge 1 -> 0"},
      {with(bits, 9, 'x') + "0222221", "character 9 is 'x'; an adjacency bit is 0 or 1"},
      {bits + "0222221", "no way leads from the input, vertex 0, to the output, vertex 6"},
      {std::string("010001000:i\0o", 13), "character 12 is byte 0; vertex 1"},
      {"0100\xff"
       "1000:i3o",
       "character 5 is byte 255; an adjacency bit is 0 or 1"},
  };
  for (const auto& [text, message] : wrong) {
    SCOPED_TRACE(text);
    EXPECT_THROWS_WITH(kParse(text), InvalidArchitecture, message);
  }
}

TEST(NasBench101Cell, RefusesNumbersThatAreNoCell) {
  const std::vector<Operation> one(1), six(6);
  EXPECT_THROWS_WITH(Cell(1, six), InvalidArchitecture, "6 operations; at most 5 are allowed");
  EXPECT_THROWS_WITH(Cell(9, one), InvalidArchitecture, "edge bits 9; at most 7 with 3 vertices");
  EXPECT_THROWS_WITH(Cell(1, one), InvalidArchitecture, "no way leads from the input");
  EXPECT_THROWS_WITH(Cell(2, std::vector{static_cast<Operation>(3)}), InvalidArchitecture,
                     "operation 3 of vertex 1; allowed are 0 to 2");
  EXPECT_THROWS_WITH(Cell(all_edges(7), std::vector<Operation>(5)), InvalidArchitecture, "21 edges lie on ways");
}

TEST(NasBench101Cell, NotationRoundTrips) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Rng rng(seed);
    const Cell cell = random_cell(rng);
    ASSERT_EQ(kParse(to_string(cell)), cell) << "seed " << seed << " " << to_string(cell);
  }
}

TEST(NasBench101Cell, AnyBytesAreReadOrRefused) {
  int accepted = 0;
  for (std::uint64_t seed = 0; seed < 30000; ++seed) {
    Rng rng(seed);
    std::string text;
    if (seed % 3 == 0) {  // anything
      text.resize(rng.below(80));
      for (auto& c : text) c = static_cast<char>(rng.below(256));
    } else {  // a valid text with a few changes
      text = to_string(random_cell(rng));
      for (std::uint64_t i = rng.below(4); i > 0; --i) {
        const auto at = rng.below(text.size());
        if (rng.below(8) == 0) {
          text.erase(at, 1);
        } else {
          text[at] = rng.below(2) == 0 ? "01:io31p"[rng.below(8)] : static_cast<char>(rng.below(256));
        }
      }
    }
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    try {
      const Cell cell = kParse(text);
      ++accepted;
      ASSERT_EQ(to_string(cell), text);
      ASSERT_LE(cell.pruned().num_edges(), 9);
    } catch (const InvalidArchitecture& error) {
      const std::string message = error.what();
      ASSERT_FALSE(message.empty());
      ASSERT_LT(message.size(), 1000U);
      ASSERT_TRUE(std::all_of(message.begin(), message.end(), [](unsigned char c) { return c >= 32 && c != 127; }))
          << message;
    }
  }
  EXPECT_GT(accepted, 5000);  // a quarter of the second kind is left as it was
  EXPECT_THROWS_WITH(kParse(std::string(5'000'000, '0')), InvalidArchitecture, "5000000 characters");
  EXPECT_THROWS_WITH(kParse(std::string(5'000'000, ':')), InvalidArchitecture, "4999999 letters");
}

/// The vertices on ways from the first to the last one, ascending.
std::vector<int> on_ways(const Graph& graph) {
  const auto from = reachable(graph, 0),
             to = reachable(boost::make_reverse_graph(graph), boost::num_vertices(graph) - 1);
  std::vector<int> kept;
  for (const auto v : from)
    if (to.count(v) > 0) kept.push_back(static_cast<int>(v));
  return kept;
}

void expect_pruned_to(const Cell& cell, const std::vector<int>& kept) {
  SCOPED_TRACE(to_string(cell));
  const Cell pruned = cell.pruned();
  ASSERT_EQ(pruned.num_vertices(), static_cast<int>(kept.size()));
  for (std::size_t y = 0; y < kept.size(); ++y) {
    ASSERT_EQ(label(pruned, y), label(cell, static_cast<std::size_t>(kept[y])));
    for (std::size_t x = 0; x < y; ++x)
      ASSERT_EQ(pruned.has_edge(static_cast<int>(x), static_cast<int>(y)), cell.has_edge(kept[x], kept[y]));
  }
  ASSERT_EQ(pruned.pruned(), pruned);
}

TEST(NasBench101Cell, PruningKeepsWhatBreadthFirstSearchFindsFromBothEnds) {
  const std::vector<Operation> operations{Operation::kConv3x3, Operation::kConv1x1, Operation::kMaxPool3x3};
  for (std::uint32_t edges = 0; edges < all_edges(5); ++edges) {  // the last one has ten edges
    const auto kept = on_ways(graph_of(edges, 5));
    if (kept.empty()) {
      EXPECT_THROWS_WITH(Cell(edges, operations), InvalidArchitecture, "no way leads");
    } else {
      expect_pruned_to(Cell(edges, operations), kept);
    }
  }
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Cell cell = random_cell(rng);
    expect_pruned_to(cell, on_ways(graph_of(cell.edges(), cell.num_vertices())));
  }
  // Vertex 2 leads nowhere, vertex 3 comes from nowhere.
  EXPECT_EQ(to_string(kParse("0110000001000000000100000:i31po").pruned()), "010001000:i3o");
}

TEST(NasBench101Cell, EdgesOnNoWayAreNotCounted) {
  // Twelve edges, eleven of them from vertices that the input does not lead to.
  const Cell cell = kParse("0000001001111100011110000010000000100000000000000:i33333o");
  EXPECT_EQ(cell.num_edges(), 12);
  EXPECT_EQ(cell.pruned(), Cell());
}

TEST(NasBench101Cell, HashIsTheBenchmarksForGoldenRows) {
  const auto table = golden("table");
  EXPECT_EQ(table.size(), 10U);
  for (const auto& row : table) {
    const Cell cell = kParse(row.at("cell").get<std::string>());
    EXPECT_EQ(cell.hash(), row.at("hash").get<std::string>()) << row;
    EXPECT_EQ(params(cell.canonical()), row.at("params").get<std::int64_t>()) << row;
  }
}

TEST(NasBench101Cell, HashParametersAndNumberingAreTheBenchmarksForWholeTable) {
  const auto file = shared_data("ecnas/ecnas_nb101.csv.gz");
  if (!file)
    GTEST_SKIP() << "ecnas/ecnas_nb101.csv.gz is not there; set FRONTIER_SHARED to the folder that holds data/";
  const auto rows = read_csv_gz(*file);
  ASSERT_EQ(rows.size(), 3625U);
  ASSERT_EQ((std::vector{rows[0][1], rows[0][4], rows[0][5], rows[0][6]}),
            (std::vector<std::string>{"hash", "adj", "ops", "params"}));
  std::set<Cell> cells;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const Cell cell = kParse(rows[i][4] + ":" + rows[i][5]);
    ASSERT_EQ(cell.hash(), rows[i][1]) << "row " << i;
    ASSERT_EQ(std::to_string(params(cell)), rows[i][6]) << "row " << i;
    ASSERT_EQ(cell.canonical(), cell) << "row " << i;  // so the canonical numbering is the benchmark's own
    cells.insert(cell);
  }
  const auto enumerated = nas_bench_101_cells(5);
  EXPECT_TRUE(std::equal(cells.begin(), cells.end(), enumerated.begin(), enumerated.end()));
}

void expect_code(const std::string& code, std::int64_t num_params, std::int64_t num_operations) {
  const NetworkGraph graph = network(kParse(code));
  EXPECT_EQ(cost(graph).params, num_params) << code;
  EXPECT_EQ(layer_operations(graph), num_operations) << code;
}

TEST(NasBench101Network, CostsOfGoldenCodesAreThePublishedOnes) {
  const auto codes = golden("codes");
  EXPECT_EQ(codes.size(), 8U);
  for (const auto& row : codes)
    expect_code(row.at("code").get<std::string>(), row.at("params").get<std::int64_t>(),
                row.at("layer_operations").get<std::int64_t>());
}

TEST(NasBench101Network, CostsOfAllCodesAreThePublishedOnes) {
  const auto file = shared_data("zerocost/zc_nb101.csv.gz");
  if (!file)
    GTEST_SKIP() << "zerocost/zc_nb101.csv.gz is not there; set FRONTIER_SHARED to the folder that holds data/";
  const auto rows = read_csv_gz(*file);
  ASSERT_EQ(rows.size(), 501U);
  ASSERT_EQ((std::vector{rows[0][0], rows[0][2], rows[0][3]}), (std::vector<std::string>{"code", "flops", "params"}));
  int depends_on_numbering = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    expect_code(rows[i][0], millions(rows[i][3]), millions(rows[i][2]));
    const Cell cell = kParse(rows[i][0]);
    if (params(cell.canonical()) != params(cell)) ++depends_on_numbering;
  }
  // Those networks were built with the vertices as numbered in the code, the benchmark's table with its own numbering.
  EXPECT_EQ(depends_on_numbering, 28);
}

TEST(NasBench101Cell, EnumerationHasThePublishedCounts) {
  const auto cells = nas_bench_101_cells();
  EXPECT_EQ(cells.size(), golden("num_cells").get<std::size_t>());
  const auto counts = golden("num_cells_of_at_most_vertices");
  EXPECT_EQ(counts.size(), 3U);
  for (const auto& [vertices, count] : counts.items()) {
    const int most = std::stoi(vertices);
    const auto fits = [&](const Cell& cell) { return cell.num_vertices() <= most; };
    EXPECT_EQ(std::count_if(cells.begin(), cells.end(), fits), count.get<std::int64_t>()) << vertices;
  }
  EXPECT_THROWS_WITH(nas_bench_101_cells(8), std::logic_error, "have 2 to 7 vertices, not 8");
  EXPECT_THROWS_WITH(nas_bench_101_cells(1), std::logic_error, "have 2 to 7 vertices, not 1");
}

TEST(NasBench101Cell, EveryEnumeratedCellIsCanonicalAndHasAHashOfItsOwn) {
  const auto cells = nas_bench_101_cells();
  std::unordered_set<std::string> hashes;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    ASSERT_TRUE(i == 0 || cells[i - 1] < cells[i]);
    ASSERT_EQ(cells[i].canonical(), cells[i]) << to_string(cells[i]);
    hashes.insert(cells[i].hash());
  }
  EXPECT_EQ(hashes.size(), cells.size());
}

TEST(NasBench101Cell, NumberingAndLooseEndsChangeNeitherHashNorCanonicalForm) {
  const auto cells = nas_bench_101_cells();
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    Rng rng(seed);
    const Cell cell = seed % 2 == 0 ? cells[rng.below(cells.size())] : random_cell(rng);
    const Cell other = renumbered(cell, rng);
    const Cell canonical = cell.canonical();
    ASSERT_EQ(other.canonical(), canonical) << "seed " << seed << " " << to_string(cell) << " " << to_string(other);
    ASSERT_EQ(other.hash(), cell.hash()) << "seed " << seed << " " << to_string(cell) << " " << to_string(other);
    ASSERT_TRUE(std::binary_search(cells.begin(), cells.end(), canonical)) << to_string(canonical);
    ASSERT_TRUE(isomorphic(cell.pruned(), canonical)) << to_string(cell);
  }
}

TEST(NasBench101Cell, HashAndCanonicalFormDivideAllGraphsOfFiveVerticesAlike) {
  std::map<std::string, Cell> by_hash;
  std::map<Cell, std::string> by_form;
  for (int n = 2; n <= 5; ++n) {
    int labelings = 1;
    for (int v = 0; v < n - 2; ++v) labelings *= 3;
    for (int labeling = 0; labeling < labelings; ++labeling) {
      std::vector<Operation> operations;
      for (int v = 0, rest = labeling; v < n - 2; ++v, rest /= 3)
        operations.push_back(static_cast<Operation>(rest % 3));
      for (std::uint32_t edges = 1; edges <= all_edges(n); ++edges) {
        try {
          const Cell cell(edges, operations), form = cell.canonical();
          const std::string hash = cell.hash();
          ASSERT_EQ(by_hash.try_emplace(hash, form).first->second, form) << to_string(cell);
          ASSERT_EQ(by_form.try_emplace(form, hash).first->second, hash) << to_string(cell);
        } catch (const InvalidArchitecture&) {
        }
      }
    }
  }
  EXPECT_EQ(by_form.size(), golden("num_cells_of_at_most_vertices").at("5").get<std::size_t>());
}

TEST(NasBench101Cell, DifferentCanonicalFormsAreNotIsomorphic) {
  const auto cells = nas_bench_101_cells(5);
  std::map<std::vector<int>, std::vector<Cell>> alike;  // by what isomorphic graphs share
  for (const Cell& cell : cells) {
    std::vector<int> key{cell.num_vertices(), cell.num_edges()};
    for (int v = 1; v + 1 < cell.num_vertices(); ++v) key.push_back(static_cast<int>(cell.operation(v)));
    std::sort(key.begin() + 2, key.end());
    alike[key].push_back(cell);
  }
  for (const auto& [key, group] : alike)
    for (std::size_t i = 0; i < group.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        ASSERT_FALSE(isomorphic(group[i], group[j])) << to_string(group[i]) << " " << to_string(group[j]);
}

TEST(NasBench101Module, SharesTheOutputsChannelsFirstVerticesGetTheRest) {
  using Channels = std::vector<std::int64_t>;
  EXPECT_EQ(nas_bench_101_channels(kParse("0100:io"), 64, 128), (Channels{64, 128}));
  // All three lead to the output: 128 = 43 + 43 + 42.
  EXPECT_EQ(nas_bench_101_channels(kParse("0111000001000010000100000:i31po"), 128, 128),
            (Channels{128, 43, 43, 42, 128}));
  // A chain whose vertex 1 leads to both 2 and 3, which share 5 channels.
  EXPECT_EQ(nas_bench_101_channels(kParse("0100000110000010000100000:i31po"), 4, 5), (Channels{4, 3, 3, 2, 5}));
  // One that leads to the output keeps its share, the input's own edge to the output counts for nothing.
  EXPECT_EQ(nas_bench_101_channels(kParse("011001000:i3o"), 8, 16), (Channels{8, 16, 16}));
  EXPECT_THROWS_WITH(nas_bench_101_channels(kParse("001000000:i3o"), 8, 16), std::logic_error, "prune it first");
}

TEST(NasBench101Module, EmitsTheLayersOfTheModelBuilder) {
  using Weights = std::map<std::string, std::int64_t>;
  EXPECT_EQ(weights_of_module(kParse("0100:io"), 8, 16), (Weights{{"output.projection", 16}}));
  EXPECT_EQ(weights_of_module(kParse("011001000:i3o"), 8, 16),
            (Weights{{"vertex1.projection", 16}, {"vertex1.conv3x3", 16}, {"output.projection", 16}}));
  EXPECT_EQ(
      weights_of_module(kParse("0110000110000010000100000:i3p1o"), 8, 5),
      (Weights{{"vertex1.projection", 3}, {"vertex1.conv3x3", 3}, {"vertex2.projection", 3}, {"vertex3.conv1x1", 2}}));
  // Vertex 3 of that cell takes the first two of vertex 1's three channels; the output joins vertices 2 and 3.
  Builder b({8, 4, 4, 10});
  const Signal out = nas_bench_101_module(b, b.input(), kParse("0100000110000010000100000:i3p1o"), 5);
  const NetworkGraph graph = b.finish(out);
  EXPECT_EQ(kinds(graph), (std::vector<std::string>{"input", "conv", "batch_norm", "activation",  // projection
                                                    "conv", "batch_norm", "activation",           // conv3x3 of vertex 1
                                                    "max_pool",                                   // vertex 2
                                                    "truncate", "conv", "batch_norm", "activation",  // vertex 3
                                                    "concat"}));
  EXPECT_EQ(graph[8].output, (Shape{2, 4, 4}));
  EXPECT_EQ(graph.inputs(8), (std::vector<NetworkGraph::Vertex>{6}));
  EXPECT_EQ(graph.inputs(12), (std::vector<NetworkGraph::Vertex>{7, 11}));
}

TEST(NasBench101Network, HasThreeStacksOfThreeModules) {
  const NetworkGraph graph = network(Cell(), {3, 33, 30, 7});
  std::set<std::string> names;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (graph[v].is("conv") || graph[v].is("linear")) names.insert(graph[v].name);
  std::set<std::string> expected{"stem", "classifier"};
  for (int stack = 0; stack < 3; ++stack)
    for (int module = 0; module < 3; ++module)
      expected.insert("stack" + std::to_string(stack) + ".module" + std::to_string(module) + ".output.projection");
  EXPECT_EQ(names, expected);
  EXPECT_EQ(graph[graph.output()].output, (Shape{7, 1, 1}));
  const NetworkGraph::Vertex pool = graph.inputs(graph.output()).front();
  EXPECT_EQ(graph[graph.inputs(pool).front()].output, (Shape{512, 9, 8}));  // 33x30 -> 17x15 -> 9x8
}

}  // namespace
}  // namespace frontier
