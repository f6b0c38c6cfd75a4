#include "jobs/torch/prepare.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "common/files.h"
#include "common/text.h"
#include "search_spaces/registry.h"
#include "supernet/memory.h"
#include "supernet/samplers/sampler.h"

namespace frontier {
namespace {

/// Makes the sampler, and writes every default of its settings out, so that a resumed training is the same though a
/// later version has others.
void prepare_sampler(Prepared& p) {
  nlohmann::json& sampler = p.config.sampler;
  if (!sampler.is_object() || !sampler.contains("name") || !sampler["name"].is_string())
    throw UsageError("sampler must be an object with a name, e.g. {\"name\": \"uniform\"}");
  nlohmann::json options = sampler;
  options.erase("name");
  const auto name = sampler["name"].get<std::string>();
  sampler = resolved_sampler_options(name, options);
  p.sampler = make_sampler(name, p.space, sampler, p.stream("sampler.start"));
  sampler["name"] = name;
}

void require_architecture_images(const Prepared& p) {
  const std::string name = "sampler '" + std::string(p.sampler->name()) + "'";
  const bool wanted = p.sampler->uses(Stream::kArchitecture);
  if (wanted && p.config.arch_fraction == 0)
    throw UsageError(name + " learns on images of its own; set " + kArchFraction + " above 0, e.g. " + kArchFraction +
                     "=0.5 as in the DARTS paper");
  if (!wanted && p.config.arch_fraction > 0)
    throw UsageError(std::string(kArchFraction) + " has no effect on " + name +
                     ", which learns on no images of its own");
}

}  // namespace

Rng Prepared::stream(std::string_view purpose) const {
  return Rng(static_cast<std::uint64_t>(config.seed)).domain(purpose);
}

Prepared prepare(const nlohmann::json& json) {
  Prepared p;
  nlohmann::json settings = json;
  if (settings.is_object() && settings.contains("space")) settings["space"] = space_name(settings["space"]);
  read_options(settings, "", p.config);
  p.space = make_space(p.config.space);
  prepare_sampler(p);
  require_architecture_images(p);
  p.data = load_data(p.config.data);
  const Dataset& train = p.data.train;
  const std::string data_input =
      std::to_string(train.channels()) + "x" + std::to_string(train.height()) + "x" + std::to_string(train.width());
  if (p.config.input.empty()) p.config.input = data_input;
  if (p.config.classes == 0) p.config.classes = train.classes;
  if (p.config.input != data_input || p.config.classes != train.classes)
    throw UsageError("input " + p.config.input + " with " + std::to_string(p.config.classes) +
                     " classes does not fit the data, which is " + data_input + " with " +
                     std::to_string(train.classes) + " classes");
  p.input = parse_input_shape(p.config.input, p.config.classes);
  return p;
}

std::optional<Architecture> only_subnet(const Prepared& p) {
  const auto widest = p.sampler->widest();
  return widest && widest->is_hard() ? std::optional(widest->architecture()) : std::nullopt;
}

Supernet make_supernet(const Prepared& p) {
  return Supernet(p.space, p.input, p.stream("weights"), p.sampler->widest());
}

const nlohmann::json& config_of(const nlohmann::json& run) {
  if (!run.contains("config") || !run["config"].is_object())
    throw UsageError("the checkpoint's run.json has no configuration (config must be a JSON object)");
  return run["config"];
}

std::string recipe_of(const Prepared& p) {
  nlohmann::json settings = write_options(p.config);
  for (const char* key : {"seed", "checkpoint_steps", "checkpoint_seconds", "final_random_subnets", "epochs"})
    settings.erase(key);  // the epochs are in trainer.steps
  for (const char* key : {"prefetch", "threads"}) settings["loader"].erase(key);
  settings["data"].erase("path");
  settings["sampler"].erase("arch");
  settings["training_images"] = p.data.train.fingerprint();
  return crc32_hex(settings.dump());
}

at::Device use_device(const DeviceOptions& options) {
  if (options.device != "cpu" && options.device != "cuda")
    throw UsageError("--device '" + options.device + "': write cpu or cuda");
  if (options.device == "cuda" && !at::hasCUDA())
    throw UsageError("--device cuda: this machine or this build of LibTorch has no CUDA device");
  keep_freed_memory();
  at::set_num_threads(options.threads > 0 ? options.threads : num_usable_cores());
  return options.device == "cuda" ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
}

}  // namespace frontier
