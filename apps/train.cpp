#include <filesystem>
#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/run_recorder.h"
#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

struct TrainOptions : CommonOptions, ConfigOptions, EngineOptions {
  std::string out;
  std::string name;
  bool resume = false, overwrite = false;
};

/// A checkpoint is replaced by renaming its folder, which needs a name.
void require_folder_name(const std::string& out) {
  std::filesystem::path folder(out);
  if (folder.filename().empty()) folder = folder.parent_path();  // "dir/"
  if (folder.filename().empty() || folder.filename() == "." || folder.filename() == "..")
    throw UsageError("--out '" + printable(out) + "': name a folder of its own, e.g. supernet");
}

void run_train(const TrainOptions& options) {
  require_folder_name(options.out);
  if (options.resume && options.overwrite) throw UsageError("give --resume or --overwrite, not both");
  const Existing existing = options.resume      ? Existing::kResume
                            : options.overwrite ? Existing::kOverwrite
                                                : Existing::kRefuse;
  const nlohmann::json config = options.config();
  const auto engine = load_engine(options);
  catch_interrupts();
  RunRecorder recorder(options.db, {.kind = "train", .name = options.name, .checkpoint = options.out}, options.quiet,
                       options.resume ? options.out : "");
  const nlohmann::json result = recorder.guard([&] { return engine->train(config, options.out, existing, recorder); });
  nlohmann::ordered_json document;
  document["run"] = recorder.run();
  document["checkpoint"] = options.out;
  for (const auto& [key, value] : result.items()) document[key] = value;
  if (options.json) return print_json(document);
  std::string text = "run " + std::to_string(recorder.run()) + ", checkpoint " + options.out + ", " +
                     std::to_string(result["steps"].get<std::int64_t>()) + " steps in " +
                     format_seconds(result["seconds"].get<double>()) + "\n";
  for (const auto& [name, value] : result["metrics"].items())
    text += "  " + name + "  " + readable("top1", value.get<double>()) + "\n";
  if (result.contains("derived")) text += "  derived  " + result["derived"].get<std::string>() + "\n";
  print(text);
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "Train a supernet into a checkpoint folder");
  add_common_options(*command, *options);
  add_config_options(*command, *options);
  add_engine_options(*command, *options);
  command->add_option("--out", options->out, "Checkpoint folder")->required();
  command->add_option("--name", options->name, "A name for the run");
  command->add_flag("--resume", options->resume,
                    "Go on from the checkpoint in --out, with its settings, where there is one");
  command->add_flag("--overwrite", options->overwrite, "Start anew where --out holds a checkpoint");
  command->callback([options] { run_train(*options); });
}

}  // namespace frontier
