#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "evaluators/evaluator.h"
#include "search_spaces/network_graph.h"

namespace frontier {

// The part of the program that needs LibTorch, behind an interface without it. The program opens it on demand
// (load_engine), so that commands without tensors start in milliseconds.

/// What a long job tells the program, and asks it.
class JobObserver {
 public:
  virtual ~JobObserver() = default;
  /// Once, before work starts. @param first_step above 0 where a run is resumed.
  virtual void begin(const nlohmann::json& resolved_config, std::int64_t first_step, std::int64_t total_steps) = 0;
  /// After every optimiser step. The values are "train/loss", "train/lr", ...
  virtual void step(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) = 0;
  /// Before a checkpoint is committed: what is stored in it about the run, e.g. its id in the results database.
  virtual nlohmann::json checkpoint_note() = 0;
  /// Whether the user asked to stop; the job then saves what it has and throws Interrupted.
  virtual bool should_stop() = 0;
};

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
  virtual const nlohmann::json& run() const = 0;          ///< the checkpoint's run.json
  virtual MeasuredHow how(const std::string& split) = 0;  ///< "search" or "test"
  virtual std::vector<std::string> metrics() const = 0;   ///< what evaluate() measures
  virtual std::vector<Measurement> evaluate(const std::string& split, std::span<const Architecture> archs,
                                            const std::function<void()>& check, const GroupMeasured& measured) = 0;
};

/// Training one architecture from scratch.
struct ScratchResult {
  struct Measured {
    Measurement measurement;
    MeasuredHow how;
  };
  Measured test;
  Measured search;
  nlohmann::json config;
  InputShape input;
};

struct EngineOptions {
  int threads = 0;             ///< load_engine() puts the number of cores this process may use for 0
  std::string device = "cpu";  ///< "cpu" or "cuda"
};

/// What training does where its folder holds a checkpoint already.
enum class Existing { kRefuse, kResume, kOverwrite };

class Engine {
 public:
  virtual ~Engine() = default;
  /// Trains a supernet into checkpoint folder `out`.
  /// @param config see TrainConfig in jobs/torch/train_config.h; where a checkpoint is resumed, its own is used.
  /// @returns {"steps", "seconds", "images", "metrics"}. @throws UsageError for a checkpoint that `existing` refuses.
  virtual nlohmann::json train(const nlohmann::json& config, const std::string& out, Existing existing,
                               JobObserver& observer) = 0;
  virtual std::unique_ptr<SupernetSession> open(const std::string& checkpoint,
                                                const nlohmann::json& evaluation_options) = 0;
  /// @param config as for train(); the sampler is not used.
  virtual ScratchResult train_from_scratch(const nlohmann::json& config, const Architecture& arch,
                                           JobObserver& observer) = 0;
  /// Versions, devices, threads.
  virtual nlohmann::json describe() = 0;
};

/// Opens the engine library beside the program (or $FRONTIER_ENGINE). @throws Error if it or LibTorch cannot be loaded,
/// UsageError for a device that is not there.
std::unique_ptr<Engine> load_engine(EngineOptions options);

/// What the library exports, as "frontier_make_engine".
using MakeEngine = Engine*(const EngineOptions& options);

}  // namespace frontier
