#pragma once

#include "jobs/registries.h"
#include "jobs/session.h"

namespace frontier {

/// Adds what needs LibTorch: jobs data, train, torch, export, check, predict and prune, evaluators supernet and
/// scratch. For programs that link frontier::torch_jobs; others open the library that calls it (open_torch_library).
void register_torch(Registries& registries);

/// The job "data" (jobs/torch/data.h): what a data set holds.
nlohmann::ordered_json data(const nlohmann::json& settings, Observer& observer);
/// The job "train" (jobs/torch/training.h): a supernet, or with the sampler `fixed` one network, into a checkpoint
/// folder.
nlohmann::ordered_json train(const nlohmann::json& settings, Observer& observer);
/// The job "evaluate" by training every architecture from scratch; settings: jobs/evaluate.h.
nlohmann::ordered_json evaluate_from_scratch(const nlohmann::json& settings, Observer& observer);
std::unique_ptr<SupernetSession> open_session(const std::string& checkpoint, const nlohmann::json& evaluation,
                                              const DeviceOptions& options);

}  // namespace frontier
