#include "search_spaces/graph_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "common/options.h"
#include "search_spaces/cost.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/small_spaces.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using nlohmann::json;
using testing_support::expect_usage_error;

NetworkGraph cell_graph() {
  const auto space = testing_support::cell_space();
  return finished(space.build(space.parse("4,3"), space.default_input())).graph;
}

json as_json(const NetworkGraph& graph) { return json::parse(graph_to_json(graph).dump()); }

TEST(FinishedGraph, OfEverySpaceReadsBackTheSame) {
  for (const auto& info : known_spaces()) {
    const auto space = make_space(info.name);
    Rng rng(7);
    for (int i = 0; i < 3; ++i) {
      const Architecture arch = space->random(rng);
      SCOPED_TRACE(info.name + " " + space->to_string(arch));
      const NetworkGraph graph = space->build(arch, space->default_input());
      const NetworkGraph taken = finished(graph).graph;
      const NetworkGraph again = graph_from_json(as_json(taken), "test");
      EXPECT_EQ(graph_to_json(again), graph_to_json(taken));
      EXPECT_EQ(cost(again), cost(taken));
      EXPECT_EQ(cost(taken).macs, cost(graph).macs);
      EXPECT_EQ(cost(taken).params, cost(graph).params);
    }
  }
}

TEST(FinishedGraph, HasOnlyWhatTheOutputNeedsEachWithAName) {
  const auto space = testing_support::cell_space();
  const NetworkGraph graph = space.build(space.parse("4,3"), space.default_input());
  const FinishedGraph taken = finished(graph);
  std::set<std::string> names;
  for (NetworkGraph::Vertex v = 0; v < taken.graph.size(); ++v) {
    const Layer& layer = taken.graph[v];
    EXPECT_FALSE(layer.training_only);
    EXPECT_FALSE(layer.name.empty());
    EXPECT_TRUE(names.insert(layer.name).second) << layer.name;
    EXPECT_EQ(layer.output, graph[taken.origins[v]].output);
  }
  EXPECT_LT(taken.graph.size(), graph.size());  // the auxiliary head is gone
  for (const char* name : {"input", "stem", "stem.bn", "relu", "max_pool", "max_pool_2", "classifier"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(FinishedGraph, BlocksAreScopes) {
  const auto space = make_space("mobile_cnn");
  Rng rng(1);
  const NetworkGraph graph = finished(space->build(space->random(rng), space->default_input())).graph;
  const auto blocks = block_names(graph);
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const std::string& name = graph[v].name;
    const bool is_at_top = name.find('.') == std::string::npos;
    EXPECT_TRUE(is_at_top ? blocks[v].empty() : blocks[v].empty() || name.starts_with(blocks[v] + ".")) << name;
    for (NetworkGraph::Vertex u = 0; u < graph.size(); ++u) EXPECT_NE(graph[u].name, blocks[v]);
  }
}

TEST(FinishedGraph, RefusesSoftNetworks) {
  const auto space = testing_support::nested_space();
  expect_usage_error([&] { finished(space.build_everything(space.default_input())); },
                     {"only networks of one architecture"});
}

/// What a graph with one thing changed is answered with.
void expect_answer(const std::function<void(json&)>& change, const std::vector<std::string>& words) {
  json graph = as_json(cell_graph());
  change(graph);
  expect_usage_error([&] { graph_from_json(graph, "net.onnx (graph)"); }, words);
}

json& layer(json& graph, const std::string& name) {
  for (auto& item : graph["layers"])
    if (item["name"] == name) return item;
  throw std::logic_error("no layer " + name);
}

TEST(GraphFromJson, NamesTheLayerAndWhatIsWrong) {
  expect_answer([](json& g) { g = json::array(); }, {"net.onnx (graph): the graph is no JSON object"});
  expect_answer([](json& g) { g["format"] = 2; }, {"has format 2", "reads format 1"});
  expect_answer([](json& g) { g["layers"] = json::array(); }, {"has 0 layers"});
  expect_answer([](json& g) { g.erase("output"); }, {"lacks 'output', which must be a text"});
  expect_answer([](json& g) { g["output"] = "nobody"; }, {"the unknown layer \"nobody\""});
  expect_answer([](json& g) { g["more"] = 1; }, {"unknown entry 'more'"});
  expect_answer([](json& g) { g["layers"][3] = 5; }, {"layer 3 is no JSON object"});
  expect_answer([](json& g) { layer(g, "stem")["name"] = ""; }, {"a name of 0 bytes"});
  expect_answer([](json& g) { layer(g, "stem")["name"] = "input"; }, {"layer 'input' (conv) stands there twice"});
  expect_answer([](json& g) { layer(g, "stem")["kind"] = "mix"; }, {"layer 'stem' has an unknown kind 'mix'"});
  expect_answer([](json& g) { layer(g, "stem")["inputs"] = {"stem.bn"}; }, {"layers follow their inputs"});
  expect_answer([](json& g) { layer(g, "stem")["inputs"] = {"input", "input"}; }, {"has 2 inputs; allowed: 1"});
  expect_answer([](json& g) { layer(g, "stem")["kind"] = "input"; }, {"is a second input"});
  expect_answer([](json& g) { g["layers"].erase(0); }, {"comes before the input"});
  expect_answer([](json& g) { layer(g, "stem")["attributes"]["kernel"] = 0; }, {"kernel = 0; allowed: 1 to 65536"});
  expect_answer([](json& g) { layer(g, "stem")["attributes"]["kernel"] = 1e300; }, {"kernel = 1e+300"});
  expect_answer([](json& g) { layer(g, "stem")["attributes"]["kernel"] = std::uint64_t{1} << 63; }, {"allowed: 1 to"});
  expect_answer([](json& g) { layer(g, "stem")["attributes"].erase("stride"); }, {"stride = null"});
  expect_answer([](json& g) { layer(g, "stem")["attributes"]["colour"] = 1; }, {"unknown entry 'colour'"});
  expect_answer([](json& g) { layer(g, "stem")["attributes"]["groups"] = 2; },
                {"the groups do not divide the channels"});
  expect_answer([](json& g) { layer(g, "relu")["attributes"]["function"] = "tanh"; },
                {"function = \"tanh\"; allowed: relu, relu6, hswish, hsigmoid, sigmoid, gelu"});
  expect_answer([](json& g) { layer(g, "stem")["output"] = {8, 9, 8}; }, {"output [8,9,8]", "make it [8,9,7]"});
  expect_answer(
      [](json& g) {
        layer(g, "stem")["parameters"]["weight"] = {8, 3, 3, 1};
      },
      {"has parameters", "[8,3,3,3]"});
  expect_answer([](json& g) { layer(g, "stem").erase("parameters"); }, {"has parameters {}"});
  expect_answer(
      [](json& g) {
        layer(g, "add")["inputs"] = {"input", "stem"};
      },
      {"does not fit: the two inputs differ"});
}

TEST(GraphFromJson, AllocatesNothingForSizesThatAreSaidAlone) {
  const auto graph = [](const char* attributes, const char* output) {
    return parse_json(
        std::string(R"({"format": 1, "output": "input", "layers": [{"name": "input", "kind": "input", )") +
            R"("attributes": )" + attributes + R"(, "output": )" + output + "}]}",
        "test");
  };
  expect_usage_error(
      [&] {
        graph_from_json(graph(R"({"channels": 1048576, "height": 65536, "width": 65536})", "[1048576, 65536, 65536]"),
                        "t");
      },
      {"an output of more than 2^28 numbers"});
  const NetworkGraph small = graph_from_json(graph(R"({"channels": 3, "height": 2, "width": 1})", "[3, 2, 1]"), "t");
  EXPECT_EQ(small.size(), 1U);
  EXPECT_EQ(small[0].output.channels.value(), 3);
}

TEST(GraphFromJson, RefusesGatesOfAnotherWidth) {
  const auto space = make_space("ofa_mobilenetv3");
  Rng rng(2);
  json graph = as_json(finished(space->build(space->random(rng), space->default_input())).graph);
  for (auto& item : graph["layers"])
    if (item["kind"] == "multiply") item["inputs"][1] = item["inputs"][0];
  for (auto& item : graph["layers"])
    if (item["kind"] == "multiply") {
      item["inputs"][1] = "input";
      break;
    }
  expect_usage_error([&] { graph_from_json(graph, "t"); }, {"the gate does not fit"});
}

}  // namespace
}  // namespace frontier
