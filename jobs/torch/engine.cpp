#include "jobs/engine.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/types.h>
#include <torch/version.h>

#include <chrono>
#include <filesystem>

#include "common/errors.h"
#include "common/text.h"
#include "jobs/torch/train_config.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "supernet/checkpoint.h"
#include "supernet/kernels/kernels.h"
#include "supernet/memory.h"
#include "supernet/samplers/fixed.h"

namespace frontier {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// LibTorch's errors (out of memory, say) carry a backtrace in their text; users get the message alone.
template <class Work>
auto without_backtrace(const Work& work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    throw Error(error.what_without_backtrace());
  }
}

/// Configuration with everything that follows from the data filled in, and the data.
struct Prepared {
  TrainConfig config;
  std::shared_ptr<const SearchSpace> space;
  DataSplits data;
  InputShape input;
};

Prepared prepare(const nlohmann::json& json) {
  Prepared p;
  read_options(json, "", p.config);
  p.space = make_space(p.config.space);
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
  p.config.loader.seed = p.config.seed;
  return p;
}

/// Batches of `loader` on `device`; steps must not go backwards except to resume.
BatchSource source(std::shared_ptr<Loader> loader, at::Device device) {
  return [loader = std::move(loader), device](std::int64_t step) -> LabelledImages {
    if (loader->position() != step) loader->seek(step);
    Batch batch = loader->next();
    return {batch.images.to(device), batch.labels.to(device)};
  };
}

/// The training images in two parts by seed: for weights, and the share kept for architecture parameters.
std::pair<Dataset, Dataset> split_for_architecture(const Dataset& train, double fraction, std::int64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(train.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  Rng rng = Rng(static_cast<std::uint64_t>(seed)).split(0x61726368);
  rng.shuffle(order);
  const auto kept = static_cast<std::size_t>(fraction * static_cast<double>(order.size()));
  const std::span<const std::int64_t> all(order);
  return {train.subset(all.subspan(kept)), train.subset(all.first(kept))};
}

const nlohmann::json& config_of(const nlohmann::json& run) {
  if (!run.contains("config") || !run["config"].is_object())
    throw UsageError("the checkpoint's run.json has no configuration (config must be a JSON object)");
  return run["config"];
}

/// What train() adds to a checkpoint's run.json besides the configuration. @throws UsageError if it is not as it writes
/// it.
void check_progress(const nlohmann::json& run) {
  const auto refuse = [](const std::string& what) { throw UsageError("the checkpoint's run.json: " + what); };
  if (!run.contains("trainer")) refuse("it has no trainer state");
  if (run.contains("seconds") && !run["seconds"].is_number()) refuse("seconds must be a number");
  if (!run.contains("metrics")) return;
  if (!run["metrics"].is_object()) refuse("metrics must be a JSON object");
  for (const auto& [name, value] : run["metrics"].items())
    if (!value.is_number()) refuse("metrics." + printable(name) + " must be a number");
}

std::string calibration_text(const SupernetAccuracyOptions& options) {
  return "batch norm recalibrated on " + std::to_string(options.calibration_images) +
         " training images in batches of " + std::to_string(options.calibration_batch);
}

class Session : public SupernetSession {
 public:
  Session(Checkpoint checkpoint, const nlohmann::json& evaluation, at::Device device)
      : run_(checkpoint.run),
        fingerprint_(checkpoint_fingerprint(checkpoint)),
        prepared_(prepare(with_evaluation(run_, evaluation))),
        supernet_(prepared_.space, prepared_.input, Rng(0)) {
    supernet_.bank.load(checkpoint.weights);
    supernet_.bank.to(device);
  }
  const std::string& space() const override { return prepared_.space->name(); }
  const InputShape& input() const override { return prepared_.input; }
  const std::string& fingerprint() const override { return fingerprint_; }
  const nlohmann::json& run() const override { return run_; }

  MeasuredHow how(const std::string& split) override {
    const Dataset& images = part(split);
    const auto& options = prepared_.config.evaluation;
    const std::int64_t count = options.images > 0 ? std::min(options.images, images.size()) : images.size();
    std::string& fingerprint = data_fingerprints_[split];
    if (fingerprint.empty())
      fingerprint = images.fingerprint();  // reads every byte, and a search asks once a generation
    return {fingerprint, std::to_string(count) + " images", calibration_text(options)};
  }

  std::vector<std::string> metrics() const override { return {"top1", "loss"}; }

  std::vector<Measurement> evaluate(const std::string& split, std::span<const Architecture> archs,
                                    const std::function<void()>& check, const GroupMeasured& measured) override {
    return without_backtrace([&] {
      SupernetAccuracy evaluator(supernet_, prepared_.data.train, part(split), prepared_.config.evaluation);
      evaluator.set_check(check);
      evaluator.set_measured(measured);
      return evaluator.evaluate(archs);
    });
  }

 private:
  static nlohmann::json with_evaluation(const nlohmann::json& run, const nlohmann::json& evaluation) {
    nlohmann::json config = config_of(run);
    if (evaluation.is_null()) return config;
    if (!evaluation.is_object())
      throw UsageError("evaluation must be a JSON object, not " + printable(evaluation.dump()));
    if (config.contains("evaluation") && !config["evaluation"].is_object())
      throw UsageError("the checkpoint's run.json: config.evaluation must be a JSON object");
    config["evaluation"].update(evaluation);
    return config;
  }
  const Dataset& part(const std::string& split) const {
    return split == "test" ? prepared_.data.test : prepared_.data.search;
  }

  nlohmann::json run_;
  std::string fingerprint_;
  std::map<std::string, std::string> data_fingerprints_;  ///< by split
  Prepared prepared_;
  Supernet supernet_;
};

class TorchEngine : public Engine {
 public:
  explicit TorchEngine(const EngineOptions& options)
      : device_(options.device == "cuda" ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU)) {
    if (options.device != "cpu" && options.device != "cuda")
      throw UsageError("--device '" + options.device + "': write cpu or cuda");
    if (device_.is_cuda() && !at::hasCUDA())
      throw UsageError("--device cuda: this machine or this build of LibTorch has no CUDA device");
    keep_freed_memory();
    at::set_num_threads(options.threads);
  }

  nlohmann::json train(const nlohmann::json& config, const std::string& out, Existing existing,
                       JobObserver& observer) override {
    return without_backtrace([&] { return train_supernet(config, out, existing, observer); });
  }
  std::unique_ptr<SupernetSession> open(const std::string& checkpoint, const nlohmann::json& evaluation) override {
    return without_backtrace(
        [&] { return std::make_unique<Session>(load_checkpoint(checkpoint, false), evaluation, device_); });
  }
  ScratchResult train_from_scratch(const nlohmann::json& config, const Architecture& arch,
                                   JobObserver& observer) override {
    return without_backtrace([&] { return train_alone(config, arch, observer); });
  }
  nlohmann::json describe() override {
    return {{"libtorch", TORCH_VERSION},
            {"cuda", at::hasCUDA()},
            {"threads", at::get_num_threads()},
            {"allocator", allocator()},
            {"kernels", kernels::table().name}};
  }

 private:
  nlohmann::json train_supernet(const nlohmann::json& given, const std::string& out, Existing existing,
                                JobObserver& observer);
  ScratchResult train_alone(const nlohmann::json& given, const Architecture& arch, JobObserver& observer);

  at::Device device_;
};

std::vector<std::pair<std::string, double>> curve_values(const StepReport& report) {
  std::vector<std::pair<std::string, double>> values{
      {"train/loss", report.loss}, {"train/lr", report.lr}, {"train/macs", static_cast<double>(report.macs)}};
  if (report.arch_loss != 0) values.emplace_back("train/arch_loss", report.arch_loss);
  return values;
}

nlohmann::json TorchEngine::train_supernet(const nlohmann::json& given, const std::string& out, Existing existing,
                                           JobObserver& observer) {
  std::string folder = out;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  for (const char* suffix : {"", ".tmp", ".old"})
    require_checkpoint_folder(folder + suffix);  // those that saving replaces
  std::optional<Checkpoint> from;
  if (existing != Existing::kOverwrite && has_checkpoint(out)) {
    if (existing == Existing::kRefuse)
      throw UsageError("'" + printable(out) +
                       "' holds a checkpoint already: --resume goes on with it, --overwrite starts anew");
    from = load_checkpoint(out, true);
  }
  if (from) {
    check_progress(from->run);
    std::error_code ignored;
    std::filesystem::remove_all(folder + ".tmp", ignored);  // left by a training killed while it saved
  }
  Prepared p = prepare(from ? config_of(from->run) : given);
  TrainConfig& config = p.config;
  if (!config.sampler.is_object() || !config.sampler.contains("name") || !config.sampler["name"].is_string())
    throw UsageError("sampler must be an object with a name, e.g. {\"name\": \"uniform\"}");
  nlohmann::json sampler_options = config.sampler;
  sampler_options.erase("name");
  const auto sampler = make_sampler(config.sampler["name"].get<std::string>(), p.space, sampler_options);

  Dataset weight_images = p.data.train;
  BatchSource architecture_batches;
  if (config.arch_fraction > 0 && !sampler->parameters().empty()) {
    auto [weights, architecture] = split_for_architecture(p.data.train, config.arch_fraction, config.seed);
    weight_images = weights;
    LoaderOptions options = config.loader;
    options.seed = config.seed + 1;
    architecture_batches = source(std::make_shared<Loader>(architecture, options), device_);
  }
  auto loader = std::make_shared<Loader>(weight_images, config.loader);
  if (config.epochs > 0) config.trainer.steps = config.epochs * loader->steps_per_epoch();
  Supernet supernet(p.space, p.input, Rng(static_cast<std::uint64_t>(config.seed)));
  if (from) supernet.bank.load(from->weights);
  supernet.bank.to(device_);
  Trainer trainer(supernet, *sampler, config.trainer, static_cast<std::uint64_t>(config.seed), source(loader, device_),
                  architecture_batches);
  double seconds_before = 0;
  if (from) {
    trainer.load(from->state, from->run["trainer"]);
    seconds_before = from->run.value("seconds", 0.0);
  }
  SupernetAccuracy evaluator(supernet, p.data.train, p.data.search,
                             config.evaluation);  // refuses its settings before the work, not after
  const nlohmann::json resolved = write_options(config);
  observer.begin(resolved, trainer.steps_done(), config.trainer.steps);

  const auto start = Clock::now();
  const auto save = [&](const nlohmann::json& metrics) {
    Checkpoint checkpoint;
    checkpoint.weights = supernet.bank.tensors();
    checkpoint.state = trainer.state_tensors();
    checkpoint.run = {{"config", resolved},
                      {"trainer", trainer.state()},
                      {"seconds", seconds_before + seconds_since(start)},
                      {"note", observer.checkpoint_note()}};
    if (!metrics.is_null()) checkpoint.run["metrics"] = metrics;
    if (const auto derived = sampler->derive()) checkpoint.run["derived"] = p.space->to_string(*derived);
    save_checkpoint(out, checkpoint);
  };
  const bool already_finished = from && from->run.contains("metrics");
  if (!from) save(nullptr);
  auto last_save = Clock::now();
  while (!trainer.finished()) {
    const StepReport report = trainer.step();
    observer.step(report.step, curve_values(report));
    const bool stop = observer.should_stop();
    const bool due = config.checkpoint_steps > 0 ? report.step % config.checkpoint_steps == 0
                                                 : seconds_since(last_save) >= config.checkpoint_seconds;
    if ((due || stop) && !trainer.finished()) {
      save(nullptr);
      last_save = Clock::now();
    }
    if (stop && !trainer.finished())
      throw Interrupted("stopped at step " + std::to_string(report.step) + "; the checkpoint in " + out +
                        " is complete, --resume goes on from it");
  }
  nlohmann::json metrics = already_finished ? from->run["metrics"] : nlohmann::json::object();
  if (!already_finished) {
    trainer.use_average();
    std::vector<Architecture> archs;
    const FeasibleSet all(*p.space, p.input, Budget{});
    archs.push_back(all.least_macs().arch);
    archs.push_back(all.most_macs().arch);
    Rng draws = Rng(static_cast<std::uint64_t>(config.seed)).split(0x66696e);
    for (std::int64_t i = 0; i < config.final_random_subnets; ++i) archs.push_back(p.space->random(draws));
    const auto measured = evaluator.evaluate(archs);
    double mean = 0;
    for (std::size_t i = 2; i < measured.size(); ++i)
      mean += measured[i].metrics.at("top1") / static_cast<double>(measured.size() - 2);
    metrics = {{"top1_cheapest", measured[0].metrics.at("top1")}, {"top1_dearest", measured[1].metrics.at("top1")}};
    if (measured.size() > 2) metrics["top1_random"] = mean;
    save(metrics);
  }
  nlohmann::json result = {
      {"steps", trainer.steps_done()},
      {"images", trainer.steps_done() * config.loader.batch_size},
      {"epochs", static_cast<double>(trainer.steps_done()) / static_cast<double>(loader->steps_per_epoch())},
      {"seconds", seconds_before + seconds_since(start)},
      {"metrics", metrics}};
  if (const auto derived = sampler->derive()) result["derived"] = p.space->to_string(*derived);
  return result;
}

ScratchResult TorchEngine::train_alone(const nlohmann::json& given, const Architecture& arch, JobObserver& observer) {
  Prepared p = prepare(given);
  TrainConfig& config = p.config;
  p.space->validate(arch);
  auto loader = std::make_shared<Loader>(p.data.train, config.loader);
  if (config.epochs > 0) config.trainer.steps = config.epochs * loader->steps_per_epoch();
  Supernet network(p.space, p.input, arch, Rng(static_cast<std::uint64_t>(config.seed)));
  network.bank.to(device_);
  FixedSampler sampler(arch);
  Trainer trainer(network, sampler, config.trainer, static_cast<std::uint64_t>(config.seed), source(loader, device_));
  const auto measure = [&](const Dataset& images, Clock::time_point since) -> ScratchResult::Measured {
    auto measurement =
        SupernetAccuracy(network, p.data.train, images, config.evaluation).evaluate(std::span(&arch, 1)).front();
    measurement.seconds = seconds_since(since);
    return {std::move(measurement),
            {images.fingerprint(),
             std::to_string(config.trainer.steps) + " steps of " + std::to_string(config.loader.batch_size) + " images",
             calibration_text(config.evaluation)}};
  };
  const SupernetAccuracy check(network, p.data.train, p.data.search,
                               config.evaluation);  // refuses its settings before the work, not after
  ScratchResult result;
  result.config = write_options(config);
  result.input = p.input;
  observer.begin(result.config, 0, config.trainer.steps);
  const auto start = Clock::now();
  while (!trainer.finished()) {
    const StepReport report = trainer.step();
    observer.step(report.step, curve_values(report));
    if (observer.should_stop())
      throw Interrupted("stopped while training " + p.space->to_string(arch) + " from scratch");
  }
  trainer.use_average();
  result.search = measure(p.data.search, start);
  result.test = measure(p.data.test, start);
  return result;
}

}  // namespace
}  // namespace frontier

extern "C" __attribute__((visibility("default"))) frontier::Engine* frontier_make_engine(
    const frontier::EngineOptions& options) {
  return new frontier::TorchEngine(options);
}
