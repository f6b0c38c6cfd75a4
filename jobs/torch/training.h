#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/folder_lock.h"
#include "jobs/run_recorder.h"
#include "jobs/torch/prepare.h"
#include "supernet/trainer.h"

namespace frontier {

/// Settings of the job "train".
struct TrainSettings : DeviceOptions {
  std::string db = "frontier.db";
  std::string name;                 ///< of the run; may be empty
  std::string out;                  ///< checkpoint folder
  std::string existing = "refuse";  ///< where `out` holds a checkpoint: "refuse", "resume" or "overwrite"
  std::int64_t extend = 0;          ///< resume: epochs that a finished training goes on for
  nlohmann::json config = nlohmann::json::object();  ///< TrainConfig; of a resumed training what it began with, or less
  bool print_config = false;  ///< gives the resolved TrainConfig of a new training and does nothing else
};

template <class Fields>
void describe(Fields& f, TrainSettings& s) {
  f("db", s.db);
  f("name", s.name);
  f("out", s.out);
  f("existing", s.existing, {"refuse", "resume", "overwrite"});
  f("extend", s.extend, 0, 1'000'000'000);
  f("config", s.config);
  f("print_config", s.print_config);
  describe(f, static_cast<DeviceOptions&>(s));
}

/// One training, of a supernet or (sampler `fixed`) of one network: the same data, loop and checkpoints for all
/// samplers. Not thread-safe.
class Training {
 public:
  /// @param out checkpoint folder; empty: none is kept.  @param existing, extend see TrainSettings.
  /// @throws UsageError for settings that are wrong, or a checkpoint that `existing` or `extend` refuses.
  Training(const nlohmann::json& config, const std::string& out, const std::string& existing, at::Device device,
           std::int64_t extend = 0);

  const SearchSpace& space() const { return *prepared_.space; }
  const InputShape& input() const { return prepared_.input; }
  const TrainConfig& config() const { return prepared_.config; }
  const DataSplits& data() const { return prepared_.data; }
  const nlohmann::json& resolved() const { return resolved_; }
  std::string recipe() const { return recipe_of(prepared_); }
  std::optional<Architecture> only_subnet() const { return frontier::only_subnet(prepared_); }

  /// Trains to the end, saving as it goes, and measures some subnets on the search split.
  /// @throws Interrupted when the recorder says to stop.
  void run(RunRecorder& recorder);
  struct StepCost {
    double macs = 0;  ///< images times multiply-accumulates, forward
    double seconds = 0;
  };
  /// What a step takes on average over the first `steps`, or all where there are fewer: real steps, for a training that
  /// is then thrown away. @param what for the observer.  @throws Interrupted.
  StepCost probe(std::int64_t steps, const std::string& what, Observer& observer);
  /// {"classes" (names), "input", "steps", "images" (of all batches seen), "macs" (run on them, forward), "epochs",
  /// "seconds", "metrics", "standard_errors" (of accuracies)} and, where the sampler has settled on one, "derived".
  nlohmann::json result() const;
  /// How measure() evaluates on some images.
  SupernetAccuracy evaluator(const Dataset& images) const;
  /// Accuracy on some images with the weights as they are. @throws Interrupted when the recorder says to stop.
  std::vector<Measurement> measure(const Dataset& images, std::span<const Architecture> archs,
                                   RunRecorder& recorder) const;
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  static std::unique_ptr<FolderLock> lock_folder(const std::string& out);
  static std::optional<Checkpoint> to_resume(const std::string& out, const std::string& existing);
  std::string norm_of_one_pixel() const;
  std::shared_ptr<Loader> make_loader(const Dataset& images, std::string_view stream);
  void make_streams();
  void extend(std::int64_t epochs);
  void step(RunRecorder& recorder);
  void save(RunRecorder& recorder) const;
  nlohmann::json final_metrics(RunRecorder& recorder) const;
  std::string to_go_on() const;

  std::string out_;
  at::Device device_;
  std::unique_ptr<FolderLock> lock_;  ///< null: no checkpoint is kept
  std::optional<Checkpoint> from_;
  Prepared prepared_;
  Supernet supernet_;
  Teachers teachers_;
  Classification task_;
  std::shared_ptr<Loader> loader_;
  BatchSources batches_;
  nlohmann::json resolved_;
  std::vector<std::string> notes_;  ///< for the user, when the work begins
  nlohmann::json data_note_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<CheckpointWriter> writer_;        ///< null: no checkpoint is kept
  nlohmann::json metrics_;                          ///< null until the training is finished
  nlohmann::json ended_ = nlohmann::json::array();  ///< steps at which it was finished before it was extended
  double seconds_before_ = 0;
  Clock::time_point start_ = Clock::now(), last_save_ = start_;
};

}  // namespace frontier
