#include "jobs/session.h"

#include <map>

#include "common/system_limits.h"
#include "jobs/torch/learned_policy.h"
#include "jobs/torch/memory_need.h"
#include "jobs/torch/register.h"
#include "jobs/torch/trained.h"

namespace frontier {
namespace {

class Session : public SupernetSession {
 public:
  Session(Checkpoint checkpoint, const nlohmann::json& evaluation, at::Device device)
      : sampler_state_(sampler_state_of(checkpoint)), trained_(std::move(checkpoint), evaluation, device) {
    if (device.is_cpu()) require_memory_to_measure(trained_.prepared, free_memory());
  }
  const std::string& space() const override { return trained_.prepared.space->name(); }
  const InputShape& input() const override { return trained_.prepared.input; }
  const std::string& fingerprint() const override { return trained_.fingerprint; }

  MeasuredHow how(const std::string& split) override {
    std::string& fingerprint = data_fingerprints_[split];
    if (fingerprint.empty())
      fingerprint = part(split).fingerprint();  // reads every byte, and a search asks once a generation
    const SupernetAccuracy& accuracy = evaluator(split);
    return {fingerprint, accuracy.images(), trained_.calibration()};
  }

  std::vector<std::string> metrics() const override { return task_.metrics(); }
  nlohmann::json evaluation() const override { return write_options(trained_.prepared.config.evaluation); }

  const CostPolicy& policy() override {
    if (!policy_)
      policy_ = without_backtrace([&] { return std::make_unique<LearnedPolicy>(trained_.prepared, sampler_state_); });
    return *policy_;
  }

  void keep_statistics(bool kept) override { keeps_statistics_ = kept; }

  std::vector<Measurement> evaluate(const std::string& split, std::span<const Architecture> archs,
                                    const std::function<void()>& check, const GroupMeasured& measured) override {
    require_weights(archs);
    return without_backtrace([&] {
      SupernetAccuracy& accuracy = evaluator(split);
      accuracy.set_check(check);
      accuracy.set_measured(measured);
      accuracy.keep_statistics(keeps_statistics_);
      return accuracy.evaluate(archs);
    });
  }

 private:
  /// @throws UsageError for another network than the one whose weights these are.
  void require_weights(std::span<const Architecture> archs) const {
    for (const auto& arch : archs)
      if (trained_.only && arch != *trained_.only)
        throw UsageError("the checkpoint holds the weights of " + trained_.prepared.space->to_string(*trained_.only) +
                         " alone, not of " + trained_.prepared.space->to_string(arch));
  }
  const Dataset& part(const std::string& split) const {
    return split == "test" ? trained_.prepared.data.test : trained_.prepared.data.search;
  }

  /// Made once a split: drawing its images reads every byte.
  SupernetAccuracy& evaluator(const std::string& split) {
    return evaluators_
        .try_emplace(split, trained_.supernet, task_, trained_.prepared.data.train, part(split),
                     trained_.prepared.config.evaluation)
        .first->second;
  }

  SamplerState sampler_state_;
  Trained trained_;
  std::unique_ptr<LearnedPolicy> policy_;                 ///< made when it is asked for
  std::map<std::string, std::string> data_fingerprints_;  ///< by split
  Classification task_;
  bool keeps_statistics_ = false;
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
