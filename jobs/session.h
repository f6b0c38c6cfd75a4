#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "evaluators/evaluator.h"
#include "jobs/registries.h"
#include "search_spaces/network_graph.h"
#include "searchers/cost_policy.h"

namespace frontier {

/// How the numbers of a session's evaluations were made; stored with each.
struct MeasuredHow {
  std::string dataset;      ///< fingerprint of the images
  std::string fidelity;     ///< "5000 images"
  std::string calibration;  ///< "batch norm recalibrated on 1024 training images"
};

/// A checkpoint opened for evaluating its subnets.
class SupernetSession {
 public:
  virtual ~SupernetSession() = default;
  virtual const std::string& space() const = 0;
  virtual const InputShape& input() const = 0;
  virtual const std::string& fingerprint() const = 0;     ///< of the weights
  virtual MeasuredHow how(const std::string& split) = 0;  ///< "search" or "test"
  virtual std::vector<std::string> metrics() const = 0;   ///< what evaluate() measures
  /// The settings of its evaluations, with all defaults filled in: what open() takes as `evaluation`.
  virtual nlohmann::json evaluation() const { return nlohmann::json::object(); }
  /// The generator that was trained with the weights. @throws UsageError where there is none.
  virtual const CostPolicy& policy() { throw no_policy_of("what is searched"); }
  /// Whether measurements come with the batch-norm statistics that they were made with.
  virtual void keep_statistics(bool /*kept*/) {}
  virtual std::vector<Measurement> evaluate(const std::string& split, std::span<const Architecture> archs,
                                            const std::function<void()>& check, const GroupMeasured& measured) = 0;
};

/// Opens a checkpoint folder. @param evaluation options that replace those of its training; null: none.
using OpenSession = std::function<std::unique_ptr<SupernetSession>(
    const std::string& checkpoint, const nlohmann::json& evaluation, const DeviceOptions& device)>;

/// The evaluator that measures subnets of a checkpoint that `open` opens.
EvaluatorJobs session_jobs(Registries& registries, OpenSession open);

}  // namespace frontier
