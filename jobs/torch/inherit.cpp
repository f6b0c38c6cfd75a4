#include "jobs/torch/inherit.h"

#include <filesystem>

#include "common/files.h"
#include "common/text.h"
#include "exports/model.h"
#include "jobs/torch/trained.h"
#include "search_spaces/budget.h"

namespace frontier {
namespace {

/// @param what "the teacher in 'supernet'".
void require_input(const std::string& what, const std::string& theirs, const InputShape& input) {
  if (theirs != to_string(input))
    throw UsageError(what + " is for " + theirs + ", this training for " + to_string(input));
}

void require_weights(const std::string& what, std::string& wanted, const std::string& found) {
  if (!wanted.empty() && wanted != found)
    throw UsageError(what + " has other weights than those that this training began with");
  wanted = found;
}

/// A network that export wrote.
Network teacher_in_file(const Prepared& p, TeacherOptions& settings, const std::string& what, at::Device device) {
  const std::string bytes = read_file(settings.checkpoint);
  Model model = model_from_bytes(bytes, settings.checkpoint);
  require_weights(what, settings.weights, crc32_hex(bytes));
  require_input(what, model.info.built_for, p.input);
  if (!settings.arch.empty() && settings.arch != model.info.arch)
    throw UsageError(what + " is " + model.info.arch + ", not " + printable(settings.arch));
  settings.arch = model.info.arch;
  const Dataset& train = p.data.train;
  if (model.info.mean != train.mean || model.info.stddev != train.stddev)
    throw UsageError(what + " takes images normalised by other numbers (mean, stddev) than this training's, those of " +
                     printable(model.info.dataset));
  return std::move(model.network).to(device);
}

/// A subnet, or the one network, of a checkpoint.
Network teacher_in_folder(const Prepared& p, TeacherOptions& settings, const std::string& what, at::Device device) {
  Trained trained(load_checkpoint(settings.checkpoint, true), nullptr, device);
  require_weights(what, settings.weights, trained.fingerprint);
  require_input(what, to_string(trained.prepared.input), p.input);
  const SearchSpace& space = *trained.prepared.space;
  Architecture arch;
  if (!settings.arch.empty()) {
    arch = space.parse(settings.arch);
  } else {
    arch = trained.only ? *trained.only : FeasibleSet(space, p.input, Budget{}).most_macs().arch;
  }
  if (trained.only && arch != *trained.only)
    throw UsageError(what + " is " + space.to_string(*trained.only) + ", not " + space.to_string(arch));
  settings.arch = space.to_string(arch);
  return extract_network(trained.supernet, arch, trained.prepared.data.train, trained.prepared.config.evaluation);
}

}  // namespace

void take_space_of_start(nlohmann::json& config) {
  const nlohmann::json::json_pointer place("/start/checkpoint");
  if (!config.is_object() || config.contains("space") || !config.contains(place) || !config[place].is_string()) return;
  const std::string checkpoint = config[place];
  if (checkpoint.empty()) return;
  const nlohmann::json run = load_checkpoint(checkpoint, false).run;
  if (config_of(run).contains("space")) config["space"] = config_of(run)["space"];
}

std::vector<std::string> inherit_weights(Prepared& p, WeightBank& bank) {
  StartOptions& start = p.config.start;
  if (start.checkpoint.empty()) {
    if (!start.weights.empty()) throw UsageError("start.weights has no effect without start.checkpoint");
    return {};
  }
  const std::string what = "the checkpoint to start from, '" + printable(start.checkpoint) + "',";
  Checkpoint checkpoint = load_checkpoint(start.checkpoint, true);
  const Prepared source = prepare_weights(checkpoint.run);
  if (source.space->name() != p.space->name())
    throw UsageError(what + " is of space '" + source.space->name() + "', this training of '" + p.space->name() + "'");
  require_input(what, to_string(source.input), p.input);
  const auto theirs = only_subnet(source), own = only_subnet(p);
  if (theirs && theirs != own)
    throw UsageError(what + " holds the weights of " + p.space->to_string(*theirs) + " alone, not of " +
                     (own ? p.space->to_string(*own) : "a supernet"));
  Supernet supernet = make_supernet(source);
  const bool is_unfinished = load_weights(supernet, checkpoint);
  require_weights(what, start.weights, checkpoint_fingerprint(checkpoint));
  std::vector<std::string> notes;
  if (is_unfinished) notes.push_back(what + " is of an unfinished training: its averaged weights are taken");
  if (const auto fresh = bank.take_slices(supernet.bank); !fresh.empty())
    notes.push_back(what + " lacks " + join(fresh) + ", which start anew");
  return notes;
}

Teachers load_teachers(Prepared& p, at::Device device) {
  TeacherOptions& settings = p.config.teacher;
  if (settings.checkpoint.empty()) return {};
  const std::string what = "the teacher in '" + printable(settings.checkpoint) + "'";
  std::error_code ignored;
  const bool is_file = std::filesystem::is_regular_file(settings.checkpoint, ignored);
  const auto network = std::make_shared<const Network>(is_file ? teacher_in_file(p, settings, what, device)
                                                               : teacher_in_folder(p, settings, what, device));
  return {{kTeacher, [network](const at::Tensor& images) { return (*network)(images); }}};
}

}  // namespace frontier
