#include "jobs/torch/training.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <filesystem>

#include "common/statistics.h"
#include "common/system_limits.h"
#include "common/text.h"
#include "jobs/torch/inherit.h"
#include "jobs/torch/memory_need.h"
#include "jobs/torch/register.h"
#include "search_spaces/budget.h"
#include "supernet/samplers/sampler.h"

namespace frontier {
namespace {

/// Batches of `loader` on `device`; steps must not go backwards except to resume.
BatchSource source(std::shared_ptr<Loader> loader, at::Device device) {
  return [loader = std::move(loader), device](std::int64_t step) -> TrainingBatch {
    if (loader->position() != step) loader->seek(step);
    const Batch batch = loader->next();
    return {batch.images.to(device), batch.labels.to(device),
            batch.targets.defined() ? batch.targets.to(device) : at::Tensor()};
  };
}

/// So many images, drawn by seed, and the others. @returns {others, kept}
std::pair<Dataset, Dataset> keep_apart(const Dataset& images, std::size_t kept, Rng rng) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(images.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  rng.shuffle(order);
  const std::span<const std::int64_t> all(order);
  return {images.subset(all.subspan(kept)), images.subset(all.first(kept))};
}

/// The first batch norm over maps of 1x1; empty: none. In a batch of one image it sees one value a channel: its output
/// is then its bias whatever came in, and no layer before it learns.
std::string norm_of_one_pixel(const NetworkGraph& graph) {
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const Shape& shape = graph[v].output;
    if (graph[v].is("batch_norm") && shape.height.value() * shape.width.value() == 1) return graph[v].name;
  }
  return "";
}

/// What train() adds to a checkpoint's run.json besides the configuration. @throws UsageError if it is not as it writes
/// it.
void check_progress(const nlohmann::json& run) {
  const auto refuse = [](const std::string& what) { throw UsageError("the checkpoint's run.json: " + what); };
  if (!run.contains("trainer")) refuse("it has no trainer state");
  if (run.contains("seconds") && !run["seconds"].is_number()) refuse("seconds must be a number");
  if (run.contains("ended") && !run["ended"].is_array()) refuse("ended must be a list of steps");
  if (!run.contains("metrics")) return;
  if (!run["metrics"].is_object()) refuse("metrics must be a JSON object");
  for (const auto& [name, value] : run["metrics"].items())
    if (!value.is_number()) refuse("metrics." + printable(name) + " must be a number");
}

/// A checkpoint is replaced by renaming its folder, which needs a name.
void require_folder_name(const std::string& out) {
  std::filesystem::path folder(out);
  if (folder.filename().empty()) folder = folder.parent_path();  // "dir/"
  if (folder.filename().empty() || folder.filename() == "." || folder.filename() == "..")
    throw UsageError("--out '" + printable(out) + "': name a folder of its own, e.g. supernet");
}

std::vector<std::pair<std::string, double>> curve_values(const StepReport& report) {
  std::vector<std::pair<std::string, double>> values{{"train/loss", report.loss},
                                                     {"train/lr", report.lr},
                                                     {"train/macs", static_cast<double>(report.macs)},
                                                     {"train/images", static_cast<double>(report.images)}};
  if (report.arch_loss) values.emplace_back("train/arch_loss", *report.arch_loss);
  return values;
}

}  // namespace

std::unique_ptr<FolderLock> Training::lock_folder(const std::string& out) {
  if (out.empty()) return nullptr;
  require_folder_name(out);
  return std::make_unique<FolderLock>(checkpoint_folder(out));
}

std::optional<Checkpoint> Training::to_resume(const std::string& out, const std::string& existing) {
  if (out.empty()) return std::nullopt;
  require_checkpoint_folder(out);
  if (existing == "overwrite" || !has_checkpoint(out)) return std::nullopt;
  if (existing == "refuse")
    throw UsageError("'" + printable(out) +
                     "' holds a checkpoint already: --resume goes on with it, --overwrite starts anew");
  Checkpoint from = load_checkpoint(out, true);
  check_progress(from.run);
  std::error_code ignored;
  std::filesystem::remove_all(checkpoint_folder(out).string() + ".tmp",
                              ignored);  // left by a training killed while it saved
  return from;
}

Training::Training(const nlohmann::json& config, const std::string& out, const std::string& existing, at::Device device,
                   std::int64_t extend)
    : out_(out),
      device_(device),
      lock_(lock_folder(out)),
      from_(to_resume(out, existing)),
      prepared_(from_ ? prepare(resumed_config(config_of(from_->run), config, out), from_->run) : prepare(config)),
      supernet_(make_supernet(prepared_)),
      teachers_(load_teachers(prepared_, device)),
      task_(prepared_.config.trainer.label_smoothing) {
  data_note_ = data_note(data());
  if (!out.empty()) writer_ = std::make_unique<CheckpointWriter>(out);
  make_streams();
  if (from_) {
    require_resumed(config_of(from_->run), write_options(prepared_.config), out);
    supernet_.bank.load(from_->weights);
    seconds_before_ = from_->run.value("seconds", 0.0);
    if (from_->run.contains("metrics")) metrics_ = from_->run["metrics"];
    if (from_->run.contains("ended")) ended_ = from_->run["ended"];
  } else {
    for (std::string& note : inherit_weights(prepared_, supernet_.bank)) notes_.push_back(std::move(note));
  }
  if (extend > 0) this->extend(extend);
  supernet_.bank.to(device_);
  TrainConfig& settings = prepared_.config;
  if (device_.is_cpu()) require_memory_to_train(prepared_, free_memory());
  trainer_ = std::make_unique<Trainer>(supernet_, *prepared_.sampler, task_, settings.trainer,
                                       static_cast<std::uint64_t>(settings.seed), batches_, teachers_);
  if (from_) trainer_->load(from_->state, from_->run["trainer"]);
  evaluator(data().search);  // refuses its settings before the work
  resolved_ = write_options(settings);
}

std::string Training::norm_of_one_pixel() const {
  if (const auto only = only_subnet()) return frontier::norm_of_one_pixel(space().build(*only, input()));
  const FeasibleSet all(space(), input(), Budget{});
  const std::string name = frontier::norm_of_one_pixel(space().build(all.least_macs().arch, input()));
  return name.empty() ? frontier::norm_of_one_pixel(space().build(all.most_macs().arch, input())) : name;
}

/// Images of one stream, as batches in each of which every batch norm has something to normalise by.
std::shared_ptr<Loader> Training::make_loader(const Dataset& images, std::string_view stream) {
  LoaderOptions options = prepared_.config.loader;
  const std::int64_t last = options.drop_last ? 0 : images.size() % options.batch_size;  // 0: as long as the others
  if (const std::string norm = options.batch_size == 1 || last == 1 ? norm_of_one_pixel() : ""; !norm.empty()) {
    const std::string one_value = "batch norm '" + norm + "' sees one value a channel in a batch of 1 image: ";
    if (options.batch_size == 1)
      throw UsageError(one_value + "it would let nothing through, and no layer before it would learn; raise " +
                       "loader.batch_size (--batch-size) to 2 or more");
    options.drop_last = true;
    notes_.push_back(one_value + "the last batch of every epoch is left out");
  }
  return std::make_shared<Loader>(images, options, prepared_.stream("loader." + std::string(stream)));
}

void Training::make_streams() {
  TrainConfig& settings = prepared_.config;
  Dataset weight_images = data().train;
  const auto keep = [&](Stream stream, double fraction) {
    if (fraction == 0) return;
    const std::string name(to_string(stream));
    const auto count = static_cast<std::size_t>(fraction * static_cast<double>(data().train.size()));
    auto [others, kept] = keep_apart(weight_images, count, prepared_.stream("data." + name));
    weight_images = others;
    batches_[stream] = source(make_loader(kept, name), device_);
  };
  keep(Stream::kArchitecture, settings.arch_fraction);
  keep(Stream::kHeldOut, settings.held_out_fraction);
  loader_ = make_loader(weight_images, to_string(Stream::kTrain));
  if (settings.epochs > 0) settings.trainer.steps = settings.epochs * loader_->steps_per_epoch();
  batches_[Stream::kTrain] = source(loader_, device_);
}

void Training::extend(std::int64_t epochs) {
  if (!from_)
    throw UsageError("--extend " + std::to_string(epochs) + ": '" + printable(out_) +
                     "' holds no training to go on with");
  if (metrics_.is_null())
    throw UsageError("--extend " + std::to_string(epochs) + ": the training in '" + printable(out_) +
                     "' is not finished; --resume finishes it");
  TrainConfig& settings = prepared_.config;
  const std::int64_t end = settings.trainer.steps;
  settings.trainer.steps += epochs * loader_->steps_per_epoch();
  if (settings.epochs > 0) settings.epochs += epochs;
  ended_.push_back(end);
  metrics_ = nullptr;
  notes_.push_back("a training of " + std::to_string(end) + " steps goes on to " +
                   std::to_string(settings.trainer.steps) + "; its schedules now span them all");
}

void Training::run(RunRecorder& recorder) {
  recorder.begin(resolved_, trainer_->steps_done(), config().trainer.steps);
  if (lock_) lock_->set_owner("run " + std::to_string(recorder.run()));
  for (const std::string& note : notes_) recorder.note(note);
  if (lock_ && !lock_->is_held())
    recorder.note("the file system of '" + printable(out_) + "' has no locks: nothing keeps others from writing there");
  start_ = Clock::now();
  if (!from_) save(recorder);
  last_save_ = Clock::now();
  while (!trainer_->finished()) step(recorder);
  if (!metrics_.is_null()) return;  // the checkpoint is of a finished training, with averaged weights
  save(recorder);                   // whoever stops the measuring, or whatever does, the training is kept
  trainer_->use_averages();
  metrics_ = final_metrics(recorder);
  save(recorder);
  if (writer_) writer_->wait();
}

void Training::step(RunRecorder& recorder) {
  const StepReport report = trainer_->step();
  auto values = curve_values(report);
  if (recorder.draws_at(report.step))
    for (const auto& [name, value] : prepared_.sampler->metrics()) values.emplace_back("sampler/" + name, value);
  recorder.step(report.step, values);
  const bool stop = recorder.should_stop();
  if (trainer_->finished()) return;
  const bool due = config().checkpoint_steps > 0 ? report.step % config().checkpoint_steps == 0
                                                 : std::chrono::duration<double>(Clock::now() - last_save_).count() >=
                                                       config().checkpoint_seconds;
  if (due || stop) {
    save(recorder);
    last_save_ = Clock::now();
  }
  if (!stop) return;
  if (writer_) writer_->wait();
  throw Interrupted("stopped at step " + std::to_string(report.step) + to_go_on());
}

Training::StepCost Training::probe(std::int64_t steps, const std::string& what, Observer& observer) {
  steps = std::min(steps, config().trainer.steps);
  const auto start = Clock::now();
  observer.begin("probe " + what, 0, steps, "steps");
  while (trainer_->steps_done() < steps) {
    if (observer.should_stop()) throw Interrupted("stopped in the probe of " + what + "; nothing is stored yet");
    observer.progress(trainer_->step().step, "");
  }
  observer.end();
  const auto count = static_cast<double>(steps);
  return {trainer_->macs_done() / count, std::chrono::duration<double>(Clock::now() - start).count() / count};
}

std::string Training::to_go_on() const {
  return out_.empty() ? "; no checkpoint is kept without --out"
                      : "; the checkpoint in " + out_ + " is complete, --resume goes on from it";
}

double Training::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

void Training::save(RunRecorder& recorder) const {
  if (!writer_) return;
  Checkpoint checkpoint;
  checkpoint.weights = supernet_.bank.tensors();
  checkpoint.state = trainer_->state_tensors();
  checkpoint.run = {{"config", resolved_},
                    {"data", data_note_},
                    {"trainer", trainer_->state()},
                    {"seconds", seconds()},
                    {"threads", at::get_num_threads()},
                    {"note", recorder.checkpoint_note()}};
  const bool averaged = !metrics_.is_null() && trainer_->has_average();
  checkpoint.run["weights"] = {{"kind", weights_name(averaged ? WeightsKind::kAverage : WeightsKind::kRaw)}};
  if (!metrics_.is_null()) checkpoint.run["metrics"] = metrics_;
  if (!ended_.empty()) checkpoint.run["ended"] = ended_;
  if (const auto derived = prepared_.sampler->derive()) checkpoint.run["derived"] = space().to_string(*derived);
  writer_->save(checkpoint);
}

SupernetAccuracy Training::evaluator(const Dataset& images) const {
  return {supernet_, task_, data().train, images, config().evaluation};
}

std::vector<Measurement> Training::measure(const Dataset& images, std::span<const Architecture> archs,
                                           RunRecorder& recorder) const {
  SupernetAccuracy accuracy = evaluator(images);
  std::int64_t done = 0, batches = 0;
  recorder.begin_part("measure", static_cast<std::int64_t>(archs.size()), archs.size() == 1 ? "network" : "subnets");
  accuracy.set_check([&] {
    recorder.part_progress(done, "batch " + std::to_string(++batches));
    if (!recorder.should_stop()) return;
    if (writer_) writer_->wait();
    throw Interrupted("stopped while measuring" + to_go_on());
  });
  accuracy.set_measured([&](std::span<const std::size_t> places, std::span<const Measurement>) {
    done += static_cast<std::int64_t>(places.size());
    recorder.part_progress(done, "");
  });
  return accuracy.evaluate(archs);
}

nlohmann::json Training::final_metrics(RunRecorder& recorder) const {
  if (const auto only = only_subnet()) {
    const auto found = measure(data().search, std::span(&*only, 1), recorder).front().metrics;
    return {{"top1", found.at("top1")}, {kImagesMetric, found.at(kImagesMetric)}};
  }
  const FeasibleSet all(space(), input(), Budget{});
  std::vector<Architecture> archs{all.least_macs().arch, all.most_macs().arch};
  Rng draws = prepared_.stream("final");
  for (std::int64_t i = 0; i < config().final_random_subnets; ++i) archs.push_back(space().random(draws));
  const auto measured = measure(data().search, archs, recorder);
  double mean = 0;
  for (std::size_t i = 2; i < measured.size(); ++i)
    mean += measured[i].metrics.at("top1") / static_cast<double>(measured.size() - 2);
  nlohmann::json metrics = {{"top1_cheapest", measured[0].metrics.at("top1")},
                            {"top1_dearest", measured[1].metrics.at("top1")},
                            {kImagesMetric, measured[0].metrics.at(kImagesMetric)}};
  if (measured.size() > 2) metrics["top1_random"] = mean;
  return metrics;
}

nlohmann::json Training::result() const {
  nlohmann::json result = {
      {"classes", data().train.class_names},
      {"input", config().input},
      {"steps", trainer_->steps_done()},
      {"images", trainer_->images_seen()},
      {"macs", trainer_->macs_done()},
      {"epochs", static_cast<double>(trainer_->steps_done()) / static_cast<double>(loader_->steps_per_epoch())},
      {"seconds", seconds()},
      {"metrics", metrics_},
      {"standard_errors", nlohmann::json::object()}};
  // The mean over random subnets has none: they err on the same images.
  for (const char* name : {"top1", "top1_cheapest", "top1_dearest"})
    if (metrics_.contains(name) && metrics_.contains(kImagesMetric))
      if (const auto error =
              accuracy_standard_error(metrics_[name].get<double>(), metrics_[kImagesMetric].get<double>()))
        result["standard_errors"][name] = *error;
  if (const auto derived = prepared_.sampler->derive()) result["derived"] = space().to_string(*derived);
  return result;
}

nlohmann::ordered_json train(const nlohmann::json& json, Observer& observer) {
  TrainSettings settings;
  read_options(json, "train", settings);
  if (settings.extend > 0 && settings.existing != "resume")
    throw UsageError("extend goes on with the training in --out, so existing must be 'resume', not '" +
                     settings.existing + "'");
  const at::Device device = use_device(settings);
  if (settings.existing != "resume" || !has_checkpoint(settings.out)) take_space_of_start(settings.config);
  if (settings.print_config)
    return without_backtrace([&] { return Training(settings.config, "", "refuse", device).resolved(); });
  if (settings.out.empty()) throw UsageError("--out '': name a folder of its own, e.g. supernet");
  RunRecorder recorder(settings.db, {.kind = "train", .name = settings.name, .checkpoint = settings.out}, observer,
                       settings.existing == "resume" ? settings.out : "");
  const auto document = recorder.guard([&] {
    return without_backtrace([&]() -> nlohmann::ordered_json {
      Training training(settings.config, settings.out, settings.existing, device, settings.extend);
      for (const auto& note : training.data().facts.notes) observer.note(note);
      training.run(recorder);
      nlohmann::ordered_json found = {{"run", recorder.run()}, {"checkpoint", settings.out}};
      const nlohmann::json result = training.result();
      for (const auto& [key, value] : result.items()) found[key] = value;
      return found;
    });
  });
  recorder.finish(document);
  return document;
}

}  // namespace frontier
