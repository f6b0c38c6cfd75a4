// Architectures trained from scratch: the loop of every training, with the sampler `fixed`.
#include <exception>
#include <filesystem>
#include <memory>

#include "common/files.h"
#include "common/text.h"
#include "jobs/archs.h"
#include "jobs/evaluate.h"
#include "jobs/torch/inherit.h"
#include "jobs/torch/register.h"
#include "jobs/torch/training.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

constexpr const char* kSplits[] = {"search", "test"};

EvaluateSettings read_settings(const nlohmann::json& json) {
  EvaluateSettings settings;
  read_options(json, "evaluate", settings);
  if (!settings.checkpoint.empty()) throw UsageError("--checkpoint has no effect on --evaluator scratch");
  if (settings.out.empty() && settings.existing != "refuse")
    throw UsageError("--" + std::string(settings.existing == "resume" ? "resume" : "overwrite") +
                     " needs --out, the folder of the checkpoints");
  take_space_of_start(settings.config);
  if (!settings.config.contains("space")) throw UsageError("--evaluator scratch needs --space");
  if (settings.config.contains("sampler"))
    throw UsageError(
        "a sampler has no effect on --evaluator scratch, which trains the architectures that are given; "
        "leave it out of the configuration");
  settings.config["space"] = space_name(settings.config["space"]);
  return settings;
}

const Dataset& images_of(const Training& training, const std::string& split) {
  return split == "test" ? training.data().test : training.data().search;
}

/// What is stored of one split, but for the numbers.
Evaluation evaluation_of(const Training& training, const Architecture& arch, const std::string& split) {
  const SearchSpace& space = training.space();
  const TrainConfig& config = training.config();
  const Cost c = cost(space.build(arch, training.input()));
  const SupernetAccuracy evaluator = training.evaluator(images_of(training, split));
  const std::string key = space.to_string(arch);
  return {
      .architecture = {.space = space.name(),
                       .canonical = key,
                       .built_for = to_string(training.input()),
                       .arch = key,
                       .macs = c.macs,
                       .params = c.params},
      .protocol = {.evaluator = config.start.weights.empty() ? "scratch" : "fine-tuning",
                   .checkpoint = config.start.weights,
                   .dataset = images_of(training, split).fingerprint(),
                   .split = split,
                   .fidelity = std::to_string(config.trainer.steps) + " steps of " +
                               std::to_string(config.loader.batch_size) + " images; measured on " + evaluator.images(),
                   .calibration = evaluator.calibration(),
                   .seed = config.seed,
                   .recipe = training.recipe()}};
}

/// The settings of the training of one architecture.
nlohmann::json training_config(const EvaluateSettings& settings, const Architecture& arch) {
  nlohmann::json config = settings.config;
  const auto space = make_space(config["space"].get<std::string>());
  config["sampler"] = {{"name", "fixed"}, {"arch", space->to_string(arch)}};
  return config;
}

/// Whether others are trained after this one.
enum class Place { kBeforeOthers, kLast };

/// One architecture: trained, measured on both splits, stored.
class FromScratch {
 public:
  FromScratch(const EvaluateSettings& settings, const Architecture& arch, std::string out, at::Device device,
              Observer& observer)
      : settings_(settings),
        arch_(arch),
        out_(std::move(out)),
        device_(device),
        recorder_(settings.db, {.kind = "evaluate", .name = "", .checkpoint = out_}, observer,
                  settings.existing == "resume" ? out_ : "") {}

  /// Adds an item a split to the document's results. @returns whether the run is closed: not the last one, and not
  /// where others hold the database.
  bool run(nlohmann::ordered_json& document, Place place) {
    return recorder_.guard([&] {
      without_backtrace([&] { measure(document["results"]); });
      document["run"] = recorder_.run();
      return place == Place::kBeforeOthers && recorder_.close();
    });
  }
  void finish(const nlohmann::ordered_json& document) { recorder_.finish(document); }

 private:
  void measure(nlohmann::ordered_json& results) {
    Training training(training_config(settings_, arch_), out_, settings_.existing, device_);
    std::vector<Evaluation> evaluations;
    for (const char* split : kSplits) evaluations.push_back(evaluation_of(training, arch_, split));
    if (!out_.empty() || !reuse(training, evaluations)) {
      training.run(recorder_);
      for (auto& evaluation : evaluations) {
        evaluation.metrics =
            training.measure(images_of(training, evaluation.protocol.split), std::span(&arch_, 1), recorder_)
                .front()
                .metrics;
        evaluation.seconds = training.seconds();
      }
      for (const auto& evaluation : evaluations) recorder_.results().add(evaluation);
    }
    for (const auto& evaluation : evaluations)
      results.push_back(measured_item(training.space(), training.input(), arch_, evaluation.protocol.split,
                                      {evaluation.metrics, evaluation.seconds}));
  }

  /// Whether the same training is stored: its numbers are then taken, and linked to this run.
  bool reuse(const Training& training, std::vector<Evaluation>& evaluations) {
    std::vector<std::int64_t> ids;
    for (auto& evaluation : evaluations) {
      const auto& network = evaluation.architecture;
      const auto stored =
          recorder_.store().find(network.space, network.built_for, network.canonical, evaluation.protocol);
      if (!stored) return false;
      evaluation.metrics = stored->metrics;
      evaluation.seconds = stored->seconds;
      ids.push_back(stored->id);
    }
    recorder_.begin(training.resolved(), training.config().trainer.steps, training.config().trainer.steps);
    recorder_.results().link(ids);
    return true;
  }

  const EvaluateSettings& settings_;
  Architecture arch_;
  std::string out_;
  at::Device device_;
  RunRecorder recorder_;
};

/// The checkpoint folder of an architecture: `out`, or a folder in it where there are several.
std::string folder_of(const std::string& out, const std::string& arch, bool is_one_of_several) {
  if (out.empty() || !is_one_of_several) return out;
  std::filesystem::create_directories(out);
  return (std::filesystem::path(out) / crc32_hex(arch)).string();
}

/// Closes all of them, whatever becomes of one. @throws what one throws; of several one message for all.
void finish(std::span<const std::unique_ptr<FromScratch>> networks, const nlohmann::ordered_json& document) {
  std::vector<std::string> messages;
  std::exception_ptr failure;
  bool is_stopped = false;
  for (const auto& network : networks) {
    try {
      network->finish(document);
    } catch (const std::exception& error) {
      is_stopped = is_stopped || dynamic_cast<const Interrupted*>(&error) != nullptr;
      messages.emplace_back(error.what());
      failure = std::current_exception();
    }
  }
  if (messages.size() == 1) std::rethrow_exception(failure);
  if (is_stopped) throw Interrupted(join(messages, "; "));
  if (!messages.empty()) throw DatabaseError(join(messages, "; "));
}

}  // namespace

nlohmann::ordered_json evaluate_from_scratch(const nlohmann::json& json, Observer& observer) {
  const EvaluateSettings settings = read_settings(json);
  const at::Device device = use_device(settings);
  const auto space = make_space(settings.config["space"].get<std::string>());
  const auto archs = read_archs(*space, settings.archs, settings.archs_file);
  if (settings.print_config) {
    nlohmann::json resolved = without_backtrace(
        [&] { return Training(training_config(settings, archs.front()), "", "refuse", device).resolved(); });
    resolved.erase("sampler");  // follows from each architecture
    return resolved;
  }
  nlohmann::ordered_json document = {
      {"run", 0}, {"evaluator", "scratch"}, {"results", nlohmann::ordered_json::array()}};
  std::vector<std::unique_ptr<FromScratch>> open;
  for (const auto& arch : archs) {
    const std::string out = folder_of(settings.out, space->to_string(arch), archs.size() > 1);
    auto network = std::make_unique<FromScratch>(settings, arch, out, device, observer);
    try {
      if (!network->run(document, &arch == &archs.back() ? Place::kLast : Place::kBeforeOthers))
        open.push_back(std::move(network));
    } catch (const DatabaseError&) {
      if (!document["results"].empty()) observer.result(document);  // of those that are measured
      throw;
    }
  }
  finish(open, document);
  return document;
}

}  // namespace frontier
