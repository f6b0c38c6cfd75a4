#include "jobs/torch/trained.h"

#include "common/text.h"

namespace frontier {
namespace {

nlohmann::json with_evaluation(const nlohmann::json& run, const nlohmann::json& evaluation) {
  nlohmann::json config = config_of(run);
  if (evaluation.is_null()) return config;
  if (!evaluation.is_object())
    throw UsageError("evaluation must be a JSON object, not " + printable(evaluation.dump()));
  if (config.contains("evaluation") && !config["evaluation"].is_object())
    throw UsageError("the checkpoint's run.json: config.evaluation must be a JSON object");
  config["evaluation"].update(evaluation);
  return config;
}

}  // namespace

bool load_weights(Supernet& supernet, Checkpoint& checkpoint) {
  const bool is_unfinished = held_weights(checkpoint) == WeightsKind::kRaw && has_average(checkpoint);
  if (is_unfinished) {
    checkpoint.weights = checkpoint_weights(checkpoint, WeightsKind::kAverage, &supernet.bank.layout());
    checkpoint.run.erase("checksums");  // of other weights
  }
  supernet.bank.load(checkpoint.weights);
  return is_unfinished;
}

Trained::Trained(Checkpoint checkpoint, const nlohmann::json& evaluation, at::Device device)
    : prepared(prepare(with_evaluation(checkpoint.run, evaluation), checkpoint.run)),
      only(only_subnet(prepared)),
      supernet(make_supernet(prepared)),
      averages_unfinished(load_weights(supernet, checkpoint)),
      fingerprint(checkpoint_fingerprint(checkpoint)) {
  supernet.bank.to(device);
}

std::string Trained::calibration() const {
  return calibration_of(prepared.data.train, prepared.config.evaluation) +
         (averages_unfinished ? ", averaged weights of an unfinished training" : "");
}

}  // namespace frontier
