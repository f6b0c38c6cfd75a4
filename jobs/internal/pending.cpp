#include "jobs/internal/pending.h"

#include <limits>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr const char* kFormat = "frontier pending results 1";
constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
constexpr double kHuge = std::numeric_limits<double>::max();
constexpr RunState kStates[] = {RunState::kRunning, RunState::kDone, RunState::kFailed, RunState::kInterrupted};

std::vector<std::string> state_words() {
  std::vector<std::string> words;
  for (const RunState state : kStates) words.emplace_back(to_string(state));
  return words;
}

struct RunFields {
  Run run = {};
  std::string state = "running";
};

template <class Fields>
void describe(Fields& f, RunFields& o) {
  f("id", o.run.id, 1, kLargest);
  f("kind", o.run.kind);
  f("name", o.run.name);
  f("space", o.run.space);
  f("config", o.run.config);
  f("seed", o.run.seed, -kLargest, kLargest);
  f("version", o.run.version);
  f("checkpoint", o.run.checkpoint);
  f("state", o.state, state_words());
  f("progress", o.run.progress, 0, 1);
  f("message", o.run.message);
  f("pid", o.run.pid, 0, kLargest);
  f("host", o.run.host);
  f("created", o.run.created);
  f("updated", o.run.updated);
}

struct ResultFields {
  Evaluation evaluation = {};
  nlohmann::json metrics = nlohmann::json::object();
  std::string statistics;  ///< base64
};

template <class Fields>
void describe(Fields& f, ResultFields& o) {
  StoredArchitecture& network = o.evaluation.architecture;
  f("space", network.space);
  f("canonical", network.canonical);
  f("built_for", network.built_for);
  f("arch", network.arch);
  f("macs", network.macs, 0, kLargest);
  f("params", network.params, 0, kLargest);
  Protocol& protocol = o.evaluation.protocol;
  f("evaluator", protocol.evaluator);
  f("checkpoint", protocol.checkpoint);
  f("dataset", protocol.dataset);
  f("split", protocol.split);
  f("fidelity", protocol.fidelity);
  f("calibration", protocol.calibration);
  f("seed", protocol.seed, -kLargest, kLargest);
  f("recipe", protocol.recipe);
  f("metrics", o.metrics);
  f("seconds", o.evaluation.seconds, -kHuge, kHuge);
  f("statistics", o.statistics);
}

struct PointFields {
  CurvePoint point = {};
};

template <class Fields>
void describe(Fields& f, PointFields& o) {
  f("name", o.point.name);
  f("step", o.point.step, 0, kLargest);
  f("value", o.point.value, -kHuge, kHuge);
}

struct FileFields {
  std::string format;
  RunFields run = {};
  nlohmann::json results = nlohmann::json::array(), points = nlohmann::json::array();
};

template <class Fields>
void describe(Fields& f, FileFields& o) {
  f("format", o.format);
  f("run", o.run);
  f("results", o.results);
  f("points", o.points);
}

/// The items of a list, each by what reads one.
template <class Item, class Take>
void read_list(const nlohmann::json& list, const std::string& path, const Take& take) {
  if (!list.is_array()) throw UsageError(path + " must be a JSON array");
  for (std::size_t i = 0; i < list.size(); ++i) {
    Item item;
    const std::string place = path + "[" + std::to_string(i) + "]";
    read_options(list[i], place, item);
    take(item, place);
  }
}

Evaluation read_result(const ResultFields& fields, const std::string& place) {
  Evaluation evaluation = fields.evaluation;
  if (!fields.metrics.is_object()) throw UsageError(place + ".metrics must be a JSON object");
  for (const auto& [name, value] : fields.metrics.items()) {
    if (!value.is_number()) throw UsageError(place + ".metrics." + printable(name) + " must be a number");
    evaluation.metrics.emplace(name, value.get<double>());
  }
  const auto statistics = from_base64(fields.statistics);
  if (!statistics) throw UsageError(place + ".statistics is not base64");
  evaluation.statistics = *statistics;
  return evaluation;
}

}  // namespace

std::string to_text(const PendingRun& pending) {
  FileFields fields{.format = kFormat, .run = {pending.run, std::string(to_string(pending.run.state))}};
  for (const Evaluation& evaluation : pending.results)
    fields.results.push_back(
        write_options(ResultFields{evaluation, evaluation.metrics, base64(evaluation.statistics)}));
  for (const CurvePoint& point : pending.points) fields.points.push_back(write_options(PointFields{point}));
  return write_options(fields).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

PendingRun read_pending(const std::filesystem::path& file) {
  const nlohmann::json json = parse_json(read_file(file), file.string());
  if (!json.is_object() || !json.contains("format") || json["format"] != kFormat)
    throw UsageError(file.string() + " holds no results that a run of this program kept");
  FileFields fields;
  read_options(json, file.string(), fields);
  PendingRun pending{.run = fields.run.run};
  for (const RunState state : kStates)
    if (fields.run.state == to_string(state)) pending.run.state = state;
  if (!parse_json_or_discard(pending.run.config).is_object())
    throw UsageError(file.string() + ": run.config is no JSON object");
  read_list<ResultFields>(
      fields.results, file.string() + ": results",
      [&](const ResultFields& item, const std::string& place) { pending.results.push_back(read_result(item, place)); });
  read_list<PointFields>(fields.points, file.string() + ": points",
                         [&](const PointFields& item, const std::string&) { pending.points.push_back(item.point); });
  return pending;
}

}  // namespace frontier
