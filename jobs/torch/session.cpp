#include "jobs/session.h"

#include <map>

#include "common/text.h"
#include "jobs/torch/prepare.h"
#include "jobs/torch/register.h"

namespace frontier {
namespace {

class Session : public SupernetSession {
 public:
  Session(Checkpoint checkpoint, const nlohmann::json& evaluation, at::Device device)
      : run_(checkpoint.run),
        prepared_(prepare(with_evaluation(run_, evaluation))),
        only_(only_subnet(prepared_)),
        supernet_(make_supernet(prepared_)) {
    averages_unfinished_ = held_weights(checkpoint) == WeightsKind::kRaw && has_average(checkpoint);
    if (averages_unfinished_) {
      checkpoint.weights = checkpoint_weights(checkpoint, WeightsKind::kAverage, &supernet_.bank.layout());
      checkpoint.run.erase("checksums");  // of other weights
    }
    fingerprint_ = checkpoint_fingerprint(checkpoint);
    supernet_.bank.load(checkpoint.weights);
    supernet_.bank.to(device);
  }
  const std::string& space() const override { return prepared_.space->name(); }
  const InputShape& input() const override { return prepared_.input; }
  const std::string& fingerprint() const override { return fingerprint_; }

  MeasuredHow how(const std::string& split) override {
    std::string& fingerprint = data_fingerprints_[split];
    if (fingerprint.empty())
      fingerprint = part(split).fingerprint();  // reads every byte, and a search asks once a generation
    const SupernetAccuracy& accuracy = evaluator(split);
    return {fingerprint, accuracy.images(),
            accuracy.calibration() + (averages_unfinished_ ? ", averaged weights of an unfinished training" : "")};
  }

  std::vector<std::string> metrics() const override { return task_.metrics(); }

  std::vector<Measurement> evaluate(const std::string& split, std::span<const Architecture> archs,
                                    const std::function<void()>& check, const GroupMeasured& measured) override {
    require_weights(archs);
    return without_backtrace([&] {
      SupernetAccuracy& accuracy = evaluator(split);
      accuracy.set_check(check);
      accuracy.set_measured(measured);
      return accuracy.evaluate(archs);
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
  /// @throws UsageError for another network than the one whose weights these are.
  void require_weights(std::span<const Architecture> archs) const {
    for (const auto& arch : archs)
      if (only_ && arch != *only_)
        throw UsageError("the checkpoint holds the weights of " + prepared_.space->to_string(*only_) +
                         " alone, not of " + prepared_.space->to_string(arch));
  }
  const Dataset& part(const std::string& split) const {
    return split == "test" ? prepared_.data.test : prepared_.data.search;
  }

  /// Made once a split: drawing its images reads every byte.
  SupernetAccuracy& evaluator(const std::string& split) {
    return evaluators_
        .try_emplace(split, supernet_, task_, prepared_.data.train, part(split), prepared_.config.evaluation)
        .first->second;
  }

  nlohmann::json run_;
  std::string fingerprint_;
  bool averages_unfinished_ = false;                      ///< a training was stopped; its average is what is measured
  std::map<std::string, std::string> data_fingerprints_;  ///< by split
  Prepared prepared_;
  std::optional<Architecture> only_;  ///< a network of its own
  Supernet supernet_;
  Classification task_;
  std::map<std::string, SupernetAccuracy> evaluators_;  ///< by split
};

}  // namespace

std::unique_ptr<SupernetSession> open_session(const std::string& checkpoint, const nlohmann::json& evaluation,
                                              const DeviceOptions& options) {
  const at::Device device = use_device(options);
  return without_backtrace(
      [&] { return std::make_unique<Session>(load_checkpoint(checkpoint, true), evaluation, device); });
}

}  // namespace frontier
