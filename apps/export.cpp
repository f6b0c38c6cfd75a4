#include <filesystem>
#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

struct ExportOptions : CommonOptions, DeviceOptions, ConfigOptions {
  std::string checkpoint, arch, format = "onnx", out, max_macs, max_params;
  bool overwrite = false, preprocess = false;
};

nlohmann::json settings_of(const ExportOptions& options) {
  nlohmann::json settings = {{"checkpoint", options.checkpoint}, {"arch", options.arch},
                             {"format", options.format},         {"out", options.out},
                             {"overwrite", options.overwrite},   {"preprocess", options.preprocess},
                             {"config", options.config()},       {"threads", num_threads(options)},
                             {"device", options.device},         {"db", options.db}};
  for (const auto& [key, option, text] :
       {std::tuple("max_macs", "--max-macs", &options.max_macs), {"max_params", "--max-params", &options.max_params}}) {
    if (text->empty()) continue;
    settings[key] = parse_count(*text, option);
    if (settings[key] == 0) throw UsageError(std::string(option) + " 0: no network is that small");
  }
  return settings;
}

std::string text_of(const nlohmann::ordered_json& document) {
  std::string text;
  for (const auto& file : document["files"])
    text += file["path"].get<std::string>() + ": " + format_count(file["bytes"].get<double>()) + "B\n";
  text += document["arch"].get<std::string>() + ", " + format_count(document["macs"].get<double>()) + " MACs, " +
          format_count(document["params"].get<double>()) + " parameters\n";
  if (document.contains("reference"))
    text += "read back and run: largest difference " + exact(document["reference"]["difference"].get<double>()) + "\n";
  return text;
}

void run_export(const ExportOptions& options) {
  Registries registries = program_registries(options);
  ProgressObserver observer(options.quiet);
  const auto document = registries.run("export", settings_of(options), observer);
  if (options.json) return print_json(document);
  print(text_of(document));
}

}  // namespace

void add_export_command(CLI::App& app) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand(
      "export", "Write one network of a checkpoint as a file of its own: ONNX, PyTorch, safetensors");
  add_common_options(*command, *options);
  add_device_options(*command, *options);
  command->add_option("--checkpoint", options->checkpoint,
                      "The folder that train, or evaluate --evaluator scratch, wrote");
  command->add_option(
      "--arch", options->arch,
      "Which network of a supernet, in the space's notation or as JSON; not needed for a checkpoint of one");
  command->add_option("--max-macs", options->max_macs,
                      "In place of --arch: the network with the best top1 on the search split of those that search and "
                      "evaluate measured, of at most so many multiply-accumulates, e.g. 4M");
  command->add_option("--max-params", options->max_params, "Likewise, of at most so many parameters");
  command
      ->add_option("--format", options->format,
                   "onnx (opset 17), pytorch (NAME.py of plain layers with NAME.safetensors), safetensors (weights, "
                   "batch-norm statistics, graph as JSON), dot (a drawing)")
      ->capture_default_str();
  command->add_option("--out", options->out, "The file to write")->check(not_empty());
  command->add_flag("--overwrite", options->overwrite, "Replace a file that is there");
  command->add_flag("--preprocess", options->preprocess,
                    "onnx, pytorch: the network takes pixels, uint8 [N, C, H, W], and normalises them itself; without, "
                    "it takes float32 (pixel / 255 - mean) / stddev, whose numbers the file says");
  command
      ->add_option("--set", options->assignments,
                   "How batch norm is calibrated, e.g. evaluation.calibration_images=2048 (frontier settings export)")
      ->take_all();
  command->callback([options, command] {
    std::error_code error;
    const bool is_there = std::filesystem::exists(options->db, error);
    if (!is_there && command->count("--db") == 0) options->db.clear();  // nothing was measured here
    run_export(*options);
  });
}

}  // namespace frontier
