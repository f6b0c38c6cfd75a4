#include "jobs/torch/prepare.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "common/files.h"
#include "common/text.h"
#include "search_spaces/registry.h"
#include "supernet/memory.h"
#include "supernet/samplers/taught.h"

namespace frontier {
namespace {

/// How a subnet's learning rate and momentum follow from what it is.
void prepare_subnet_aware(Prepared& p) {
  const SubnetAwareOptions& aware = p.config.subnet_aware;
  const TrainerOptions& trainer = p.config.trainer;
  if (aware == SubnetAwareOptions{}) return;
  if (aware.gamma > 0 && trainer.lr_schedule != "constant")
    throw UsageError(
        "subnet_aware.gamma is a schedule of the learning rate of its own; set trainer.lr_schedule=constant");
  if (aware.momentum != "none" && trainer.optimizer.name != "sgd")
    throw UsageError("subnet_aware.momentum is for trainer.optimizer.name=sgd, which alone has a momentum to part");
  p.sampler = std::make_unique<SubnetAwareSampler>(std::move(p.sampler), p.space, p.input, aware);
}

void require_what_drops(const Prepared& p) {
  if (p.config.trainer.drop_path == 0) return;
  const NetworkGraph everything = p.space->build_everything(p.input);
  for (NetworkGraph::Vertex v = 0; v < everything.size(); ++v)
    if (everything[v].may_drop) return;
  throw UsageError("trainer.drop_path has no effect on '" + p.space->name() +
                   "', none of whose layers is left out; spaces of DARTS' cells and of attention have such layers");
}

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
  const auto make = [&](std::shared_ptr<const SearchSpace> space) {
    return make_sampler(name, std::move(space), p.input, sampler, p.stream("sampler.start"));
  };
  const ShrinkingOptions& shrinking = p.config.shrinking;
  p.sampler = shrinking.share > 0 ? make_shrinking(p.space, shrinking, make) : make(p.space);
  sampler["name"] = name;
}

/// How what the sampler trains is taught.
void prepare_lessons(Prepared& p) {
  const TeacherOptions& teacher = p.config.teacher;
  std::optional<Lesson> lesson;
  if (!teacher.checkpoint.empty()) {
    lesson = Lesson{.teacher = kTeacher, .temperature = teacher.temperature, .share = teacher.share};
    if (teacher.pupil_temperature > 0) lesson->pupil_temperature = teacher.pupil_temperature;
  } else if (write_options(teacher) != write_options(TeacherOptions{})) {
    throw UsageError("settings of the teacher have no effect without teacher.checkpoint");
  }
  const DivergenceOptions& divergence = p.config.divergence;
  if (!lesson && divergence == DivergenceOptions{}) return;
  if (!lesson && !p.sampler->distills())
    throw UsageError("divergence.name = " + divergence.name + " has no effect: with sampler '" +
                     std::string(p.sampler->name()) + "' as it is set no subnet has a teacher (teacher.checkpoint)");
  p.sampler = std::make_unique<TaughtSampler>(std::move(p.sampler), lesson, divergence);
}

/// Without what decides no number: how often is saved, how images are read ahead, where files are.
nlohmann::json numbers_decided_by(nlohmann::json settings) {
  for (const char* key : {"checkpoint_steps", "checkpoint_seconds"}) settings.erase(key);
  for (const char* key : {"prefetch", "threads"}) settings["loader"].erase(key);
  for (const char* key : {"path", "memory_share"}) settings["data"].erase(key);
  settings["teacher"].erase("checkpoint");  // its weights and architecture stay
  return settings;
}

void require_same(const std::string& setting, const nlohmann::json& began, const nlohmann::json& given,
                  const std::string& place) {
  if (began == given) return;
  throw UsageError("the training in '" + printable(place) + "' began with " + setting + " = " +
                   printable(began.dump()) + ", not " + printable(given.dump()) +
                   "; --resume goes on with its settings: leave this one out, or start anew with --overwrite");
}

/// A share of the training images is kept for a stream exactly where the sampler uses it.
void require_images_of_streams(const Prepared& p) {
  const std::string name = "sampler '" + std::string(p.sampler->name()) + "'";
  const auto check = [&](Stream stream, const std::string& setting, double fraction, const char* example,
                         const char* what) {
    const bool wanted = p.sampler->uses(stream);
    if (wanted && fraction == 0)
      throw UsageError(name + " " + what + " images of its own; set " + setting + " above 0, e.g. " + setting +
                       example);
    if (!wanted && fraction > 0)
      throw UsageError(setting + " has no effect on " + name + ", which " + what + " no images of its own");
  };
  check(Stream::kArchitecture, kArchFraction, p.config.arch_fraction, "=0.5 as in the DARTS paper", "learns on");
  check(Stream::kHeldOut, kHeldOutFraction, p.config.held_out_fraction, "=0.1", "holds out");
  if (p.config.arch_fraction + p.config.held_out_fraction >= 1)
    throw UsageError(std::string(kArchFraction) + " and " + kHeldOutFraction +
                     " together leave no images to train the weights on");
}

/// Whether the user (or a checkpoint) says what `key` of `part` is to be.
bool is_given(const nlohmann::json& settings, const char* part, const char* key) {
  return settings.contains(part) && settings[part].is_object() && settings[part].contains(key);
}

/// Images of the smallest training stream.
std::int64_t smallest_stream(const Prepared& p) {
  const auto total = static_cast<double>(p.data.train.size());
  double smallest = total * (1 - p.config.arch_fraction - p.config.held_out_fraction);
  for (const double fraction : {p.config.arch_fraction, p.config.held_out_fraction})
    if (fraction > 0) smallest = std::min(smallest, total * fraction);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(smallest));
}

/// Sizes that nobody gave become what few images allow; those that were given must fit.
void fit_to_data(Prepared& p, const nlohmann::json& settings) {
  constexpr std::int64_t kLeastStepsAnEpoch = 4;
  LoaderOptions& loader = p.config.loader;
  if (!is_given(settings, "loader", "batch_size"))
    loader.batch_size = std::min(loader.batch_size, std::max<std::int64_t>(1, smallest_stream(p) / kLeastStepsAnEpoch));
  SupernetAccuracyOptions& evaluation = p.config.evaluation;
  const std::int64_t images = p.data.train.size();
  const auto fit = [&](const char* key, std::int64_t& value) {
    if (value <= images) return;
    if (is_given(settings, "evaluation", key))
      throw UsageError("evaluation." + std::string(key) + " = " + std::to_string(value) + " is more than the " +
                       std::to_string(images) +
                       " training images; lower it, or leave it out: it then follows the data");
    value = std::max<std::int64_t>(2, images);
  };
  fit("calibration_images", evaluation.calibration_images);
  if (!is_given(settings, "evaluation", "calibration_batch"))
    evaluation.calibration_batch = std::min(evaluation.calibration_batch, evaluation.calibration_images);
  fit("calibration_batch", evaluation.calibration_batch);
}

void require_two_classes(const DataSplits& data) {
  if (data.train.classes >= 2) return;
  throw UsageError("all images of " + data.train.name + " show one class, '" + printable(data.train.class_names.at(0)) +
                   "'; a network needs at least two to tell apart");
}

/// @throws UsageError where the data is no longer what a checkpoint was trained with: an image that was trained on
/// would be among those that rank subnets.
void require_same_data(const DataSplits& data, const nlohmann::json& run) {
  if (!run.contains("data") || !run["data"].is_object()) return;  // earlier versions did not say
  const nlohmann::json now = data_note(data);
  const auto differs = [&](const char* key) { return run["data"].value(key, nlohmann::json()) != now[key]; };
  if (differs("class_names"))
    throw UsageError("the data set " + data.train.name + " has other classes than when the checkpoint was trained");
  for (const char* part : {"train", "search"})
    if (differs(part))
      throw UsageError("the images of " + data.train.name + "/" + part +
                       " are not those that the checkpoint was trained with (images were added, removed or changed); "
                       "bring the old ones back, or train anew");
}

}  // namespace

Error readable(const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  const bool no_memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                         text.find("not enough memory") != std::string::npos ||
                         text.find("can't allocate memory") != std::string::npos;
  if (!no_memory) return Error(text);
  return Error(
      "out of memory: smaller batches (loader.batch_size, evaluation.batch, evaluation.calibration_batch), smaller "
      "images or fewer of them may help; LibTorch says: " +
      text);
}

Rng Prepared::stream(std::string_view purpose) const {
  return Rng(static_cast<std::uint64_t>(config.seed)).domain(purpose);
}

Prepared prepare(const nlohmann::json& json, const nlohmann::json& run) {
  Prepared p;
  nlohmann::json settings = json;
  if (settings.is_object() && settings.contains("space")) settings["space"] = space_name(settings["space"]);
  read_options(settings, "", p.config);
  p.space = make_space(p.config.space);
  p.data = load_data(p.config.data);
  p.config.data = p.data.options;
  require_same_data(p.data, run);
  require_two_classes(p.data);
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
  fit_to_data(p, settings);
  prepare_sampler(p);
  require_images_of_streams(p);
  require_what_drops(p);
  prepare_subnet_aware(p);
  prepare_lessons(p);
  return p;
}

Prepared prepare_weights(const nlohmann::json& run) {
  Prepared p;
  read_options(config_of(run), "the checkpoint's configuration", p.config);
  p.space = make_space(p.config.space);
  p.input = parse_input_shape(p.config.input, p.config.classes);
  prepare_sampler(p);
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

nlohmann::json data_note(const DataSplits& data) {
  return {{"name", data.train.name},
          {"class_names", data.train.class_names},
          {"train", data.train.identity()},
          {"search", data.search.identity()}};
}

void replace_values(nlohmann::json& config, const nlohmann::json& given) {
  for (const auto& [key, value] : given.items()) {
    if (value.is_object() && config.contains(key) && config[key].is_object()) {
      replace_values(config[key], value);
    } else {
      config[key] = value;
    }
  }
}

nlohmann::json resumed_config(const nlohmann::json& began, const nlohmann::json& given, const std::string& place) {
  if (!given.is_object()) return given;  // refused where it is read
  nlohmann::json config = began;
  replace_values(config, given);
  // A sampler has settings of its own, and so has a space: with another one the rest cannot be read.
  if (given.contains("space")) require_same("space", began["space"], space_name(given["space"]), place);
  const nlohmann::json::json_pointer name("/sampler/name");
  if (given.contains(name) && began.contains(name)) require_same("sampler.name", began[name], given[name], place);
  return config;
}

void require_resumed(const nlohmann::json& began, const nlohmann::json& now, const std::string& place) {
  TrainConfig config;  // with today's defaults where the checkpoint's version had fewer settings
  read_options(began, "", config);
  nlohmann::json before = numbers_decided_by(write_options(config)), after = numbers_decided_by(now);
  if (after["epochs"] == 0 || before["trainer"]["steps"] == after["trainer"]["steps"])  // the steps are what counts
    for (nlohmann::json* settings : {&before, &after}) settings->erase("epochs");
  const auto seen = before.flatten();
  const auto wanted = after.flatten();
  for (const auto& [pointer, value] : wanted.items()) {
    std::string name = pointer.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    require_same(name, seen.contains(pointer) ? seen[pointer] : nlohmann::json(), value, place);
  }
}

std::string recipe_of(const Prepared& p) {
  nlohmann::json settings = numbers_decided_by(write_options(p.config));
  for (const char* key : {"seed", "final_random_subnets", "epochs"})
    settings.erase(key);  // epochs are in trainer.steps
  for (const char* key : {"size", "resize", "channels", "broken"})
    settings["data"].erase(key);  // what they make of the pictures is in the images' checksum
  settings["sampler"].erase("arch");
  settings["start"].erase("checkpoint");  // its weights stay
  // What came later leaves the recipes of earlier numbers what they were.
  if (p.config.start.checkpoint.empty()) settings.erase("start");
  if (p.config.divergence == DivergenceOptions{}) settings.erase("divergence");
  if (p.config.subnet_aware == SubnetAwareOptions{}) settings.erase("subnet_aware");
  if (p.config.shrinking == ShrinkingOptions{}) settings.erase("shrinking");
  if (p.config.teacher.pupil_temperature == 0) settings["teacher"].erase("pupil_temperature");
  if (p.config.trainer.drop_path == 0) settings["trainer"].erase("drop_path");
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
