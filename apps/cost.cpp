#include <memory>

#include "apps/command.h"
#include "apps/output.h"
#include "apps/space_options.h"
#include "common/table.h"
#include "common/text.h"
#include "jobs/archs.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

struct CostOptions : OutputOptions, BuiltFor, ArchOptions {
  std::string space;
  bool layers = false;
};

std::string shape_text(const Shape& s) {
  return std::to_string(s.channels.value()) + "x" + std::to_string(s.height.value()) + "x" +
         std::to_string(s.width.value());
}

void run_cost(const CostOptions& options) {
  const auto space = make_space(options.space);
  const InputShape input = options.input_of(*space);
  nlohmann::ordered_json document;
  document["built_for"] = to_string(input);
  document["results"] = nlohmann::ordered_json::array();
  Table table({{"MACs", Align::kRight},
               {"parameters", Align::kRight},
               {"activations", Align::kRight},
               {"peak memory", Align::kRight},
               {"architecture"}});
  Table layer_table({{"layer"}, {"kind"}, {"output"}, {"MACs", Align::kRight}, {"parameters", Align::kRight}});
  for (const auto& arch : read_archs_as_written(*space, options.archs, options.file)) {
    const NetworkGraph graph = space->build(arch, input);
    const Cost c = cost(graph);
    nlohmann::ordered_json item;
    item["arch"] = space->to_string_as_written(arch);
    item["canonical"] = space->to_string(arch);
    item["space"] = space->name();
    item["macs"] = c.macs;
    item["params"] = c.params;
    item["activation_bytes"] = c.activation_bytes;
    item["peak_bytes"] = c.peak_bytes;
    if (options.layers) {
      item["layers"] = nlohmann::ordered_json::array();
      for (const auto& layer : layer_costs(graph)) {
        const Layer& l = graph[layer.vertex];
        item["layers"].push_back({{"name", l.name},
                                  {"kind", l.kind->name},
                                  {"output", shape_text(l.output)},
                                  {"macs", layer.macs},
                                  {"params", layer.params}});
        layer_table.add({l.name.empty() ? "-" : l.name, std::string(l.kind->name), shape_text(l.output),
                         std::to_string(layer.macs), std::to_string(layer.params)});
      }
    }
    document["results"].push_back(std::move(item));
    table.add({std::to_string(c.macs), std::to_string(c.params),
               format_count(static_cast<double>(c.activation_bytes)) + "B",
               format_count(static_cast<double>(c.peak_bytes)) + "B", space->to_string_as_written(arch)});
    if (space->canonical(arch) != arch) table.add({"", "", "", "", "= " + space->to_string(arch)});
  }
  if (options.json) return print_json(document);
  print(options.layers ? layer_table.text() + "\n" + table.text() : table.text());
}

}  // namespace

void add_cost_command(CLI::App& app) {
  auto options = std::make_shared<CostOptions>();
  CLI::App* command =
      app.add_subcommand("cost", "Canonical form, multiply-accumulates, parameters and memory of architectures");
  add_output_options(*command, *options);
  command->add_option("--space", options->space, "The search space")->required();
  add_arch_options(*command, *options);
  add_built_for(*command, *options);
  command->add_flag("--layers", options->layers, "Layer by layer, too");
  command->callback([options] { run_cost(*options); });
}

}  // namespace frontier
