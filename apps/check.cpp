#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "common/text.h"

namespace frontier {
namespace {

struct CheckOptions : OutputOptions, DeviceOptions {
  std::string file;
};

std::string text_of(const nlohmann::ordered_json& document) {
  const auto& reference = document["reference"];
  return document["file"].get<std::string>() + ": " + document["space"].get<std::string>() + " " +
         document["arch"].get<std::string>() + ", " + format_count(document["macs"].get<double>()) + " MACs, " +
         format_count(document["params"].get<double>()) + " parameters\nits " +
         std::to_string(reference["images"].get<int>()) +
         " reference images give the stored outputs: largest difference " +
         exact(reference["difference"].get<double>()) + ", allowed " + exact(reference["allowed"].get<double>()) + "\n";
}

void run_check(const CheckOptions& options) {
  Registries registries = program_registries(options);
  ProgressObserver observer(options.quiet);
  const auto document = registries.run(
      "check", {{"file", options.file}, {"threads", num_threads(options)}, {"device", options.device}}, observer);
  if (options.json) return print_json(document);
  print(text_of(document));
}

}  // namespace

void add_check_command(CLI::App& app) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand(
      "check", "Run an exported network (.onnx, .safetensors) on the reference input that it carries");
  add_output_options(*command, *options);
  add_device_options(*command, *options);
  command->add_option("file", options->file, "What export wrote")->required();
  command->callback([options] { run_check(*options); });
}

}  // namespace frontier
