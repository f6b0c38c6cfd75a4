// The graph of an exported network, which comes from anywhere.
#include <nlohmann/json.hpp>

#include "common/options.h"
#include "fuzz/properties.h"
#include "fuzz/readers.h"
#include "search_spaces/cost.h"
#include "search_spaces/graph_json.h"
#include "support/branch_spaces.h"
#include "support/token_spaces.h"

namespace frontier::fuzz {
namespace {

void check_graph(std::string_view input) {
  const auto json = accepted([&] { return parse_json(input, "net.onnx"); }, [](std::string_view) {});
  if (!json) return;
  const auto graph =
      accepted([&] { return graph_from_json(*json, "net.onnx"); },
               [](std::string_view message) {
                 require(message.starts_with("net.onnx: the graph ") || message.starts_with("net.onnx: layer "),
                         "a refusal names no place", message);
               });
  if (!graph) return;
  require(cost(*graph).macs >= 0 && cost(*graph).params >= 0, "costs are negative", input);
  const std::string text = graph_to_json(*graph).dump();
  const NetworkGraph again = must_accept([&] { return graph_from_json(parse_json(text, "again"), "again"); }, text);
  require(graph_to_json(again).dump() == text, "reading what was printed gives another graph", text);
  finished(*graph);
}

std::string text_of(const SearchSpace& space) {
  Rng rng(1);
  return graph_to_json(finished(space.build(space.random(rng), space.default_input())).graph).dump();
}

}  // namespace

Harness graph_harness() {
  Harness harness{
      .check = check_graph,
      .seeds = {text_of(testing_support::cell_space()), text_of(testing_support::token_space()),
                text_of(testing_support::pyramid_space()), text_of(testing_support::all_layers_space())},
      .tokens = {"\":", "[", "]", "{", "}", ",", "0", "1", "-1", "4294967296", "9223372036854775807", "1e300", "null"},
      .max_length = 16384};
  for (const LayerKind* kind : layer_kinds()) {
    harness.tokens.push_back("\"" + std::string(kind->name) + "\"");
    for (const AttributeRange& range : kind->attributes)
      harness.tokens.push_back("\"" + std::string(range.name) + "\":");
  }
  return harness;
}

}  // namespace frontier::fuzz
