// Several samplers, or other ways to train, under one budget: every training is the job "train" in a checkpoint folder
// of its own, every measurement the job "evaluate"; beside the folder is a file with what the part gave. Any number of
// processes share the parts.
#include <ATen/Parallel.h>

#include <filesystem>
#include <optional>

#include "common/errors.h"
#include "common/folder_lock.h"
#include "common/shell.h"
#include "common/text.h"
#include "db/store.h"
#include "jobs/evaluate.h"
#include "jobs/part_observer.h"
#include "jobs/run_recorder.h"
#include "jobs/run_results.h"
#include "jobs/torch/compare_state.h"
#include "jobs/torch/prepare.h"
#include "jobs/torch/register.h"
#include "search_spaces/registry.h"
#include "supernet/checkpoint.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

CompareSettings read_settings(const nlohmann::json& json) {
  CompareSettings settings;
  read_options(json, "compare", settings);
  fs::path folder(settings.out);
  if (folder.filename().empty()) folder = folder.parent_path();  // "dir/"
  settings.out = folder.string();
  if (settings.out.empty() && !settings.print_config)
    throw UsageError("--out is required: the folder of the comparison, e.g. --out comparison");
  return settings;
}

/// @throws UsageError for a setting that differs, with both values.
void require_same(const nlohmann::json& began, const nlohmann::json& now, const std::string& out) {
  const auto compare = [&](const std::string& name, const nlohmann::json& before, const nlohmann::json& after) {
    if (before == after) return;
    throw UsageError("the comparison in '" + printable(out) + "' began with " + name + " = " +
                     printable(before.dump(), 200) + ", not " + printable(after.dump(), 200) +
                     "; it goes on with its settings: leave this one out, or choose another --out");
  };
  for (const auto& [key, value] : now.items()) {
    if (key != "config") compare(key, began.value(key, nlohmann::json()), value);
  }
  const auto before = began.at("config").flatten(), after = now.at("config").flatten();
  for (const auto& [pointer, value] : after.items()) {
    std::string name = "config" + pointer;
    std::replace(name.begin(), name.end(), '/', '.');
    compare(name, before.contains(pointer) ? before[pointer] : nlohmann::json(), value);
  }
}

/// The comparison that is there, by the settings that it began with. @param json what the user gives.
CompareState started(const nlohmann::json& json, const std::string& out) {
  CompareState state = load_comparison(out);
  nlohmann::json settings = state.settings;
  for (const auto& [key, value] : json.items()) {
    if (!settings.contains(key)) continue;  // is no part of CompareConfig
    if (key != "config") {
      settings[key] = value;
      continue;
    }
    nlohmann::json given = value;
    if (given.is_object() && given.contains("space")) given["space"] = space_name(given["space"]);
    replace_values(settings[key], given);
  }
  CompareConfig now;
  read_options(settings, "compare", now);
  require_same(state.settings, filled_in(now), out);
  return state;
}

void require_new_folder(const std::string& out) {
  std::error_code none;
  if (!fs::exists(out, none)) return;
  if (!fs::is_directory(out, none) || !fs::is_empty(out, none))
    throw UsageError("'" + printable(out) + "' holds something else than a comparison; choose another --out");
}

std::int64_t num_done(const CompareState& state, const std::vector<ComparePart>& parts) {
  return std::count_if(parts.begin(), parts.end(),
                       [&](const ComparePart& part) { return state.find(part) != nullptr; });
}

/// Goes through the parts that are left.
class Comparing {
 public:
  Comparing(const CompareSettings& settings, CompareState& state, RunResults& found, Observer& observer)
      : settings_(settings), state_(state), found_(found), observer_(observer), parts_(parts_of(state.plan)) {}

  /// Does what no other process does, and reads what others have done. @returns whether everything is done.
  /// @throws Interrupted, saying how to go on.
  bool run() {
    try {
      for (;;) {
        const std::int64_t others = do_parts();
        read_done(settings_.out, parts_, state_);
        const std::int64_t left = std::ssize(parts_) - num_done(state_, parts_);
        if (left == 0) return true;
        if (left == others) return false;  // fewer: others have finished some meanwhile
      }
    } catch (const Interrupted& stopped) {
      throw Interrupted(std::string(stopped.what()) + "; of the comparison " + done_text() +
                        ", and frontier compare --out " + shell_quoted(settings_.out) + " --resume goes on");
    }
  }

  Json document() const {
    const ComparePlan& plan = state_.plan;
    Json probed;
    for (const PlannedArm& arm : plan.arms) probed[arm.name] = arm.macs_a_step;
    Json document = {{"run", found_.run()},
                     {"out", settings_.out},
                     {"space", plan.space},
                     {"data", plan.arms.front().config.at("data").at("name")},
                     {"split", plan.split},
                     {"budgets", plan.budgets},
                     {"reference", plan.arms.front().name},
                     {"steps", plan.steps},
                     {"scale", state_.settings.at("scale")},
                     {"probe", {{"steps", state_.settings.at("probe_steps")}, {"macs_a_step", probed}}},
                     {"threads", state_.threads},
                     {"device", settings_.device},
                     {"version", version()}};
    document.update(comparison_document(comparison_of(state_, settings_.out)));
    return document;
  }

  std::string done_text() const {
    return std::to_string(num_done(state_, parts_)) + " of " + std::to_string(parts_.size()) + " parts are done";
  }

 private:
  /// @returns how many parts other processes have.
  std::int64_t do_parts() {
    std::int64_t others = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (state_.find(parts_[i]) != nullptr) continue;
      const auto lock = FolderLock::try_lock(part_file(settings_.out, parts_[i]));
      if (!lock) {
        ++others;
        continue;
      }
      read_done(settings_.out, {&parts_[i], 1}, state_);  // another may have finished it meanwhile
      if (state_.find(parts_[i]) == nullptr) do_part(i);
    }
    return others;
  }

  void do_part(std::size_t i) {
    const ComparePart& part = parts_[i];
    const std::string place = std::to_string(i + 1) + "/" + std::to_string(parts_.size());
    observer_.note("part " + place + ": " + part.title);
    PartObserver progress(observer_, place + " ");
    const std::string folder = (fs::path(settings_.out) / part.name).string();
    PartResult result = part.own ? from_scratch(part, folder, progress) : supernet(part, folder, progress);
    const nlohmann::json run = load_checkpoint(folder, false).run;
    result.macs = run.at("trainer").at("macs").get<double>();
    result.seconds = run.at("seconds").get<double>();
    save_part(settings_.out, part, result);
    read_done(settings_.out, parts_, state_);
    const double progressed = static_cast<double>(num_done(state_, parts_)) / static_cast<double>(parts_.size());
    found_.commit([&] { found_.store().update_run(found_.run(), {.progress = progressed}); });
  }

  nlohmann::json part_settings() const {
    return {{"db", settings_.db}, {"threads", settings_.threads}, {"device", settings_.device}};
  }

  PartResult supernet(const ComparePart& part, const std::string& folder, Observer& progress) const {
    nlohmann::json config = state_.plan.arms[part.arm].config;
    config["seed"] = part.seed;
    config["epochs"] = 0;
    config["trainer"]["steps"] = part.steps;
    nlohmann::json training = part_settings();
    training.update({{"name", fs::path(settings_.out).filename().string() + "/" + part.name},
                     {"out", folder},
                     {"existing", "resume"},
                     {"config", config}});
    PartResult result{.run = train(training, progress).at("run").get<std::int64_t>()};
    nlohmann::json measuring = part_settings();
    measuring.update({{"checkpoint", folder}, {"archs", listed(state_.plan)}, {"split", state_.plan.split}});
    const Json measured = evaluate_session(measuring, open_session, progress);
    for (const Json& item : measured.at("results")) result.top1.push_back(item.at("metrics").at("top1").get<double>());
    return result;
  }

  PartResult from_scratch(const ComparePart& part, const std::string& folder, Observer& progress) const {
    nlohmann::json training = part_settings();
    training.update({{"evaluator", "scratch"},
                     {"archs", {listed(state_.plan).at(*part.own)}},
                     {"out", folder},
                     {"existing", "resume"},
                     {"config", state_.plan.own_config}});
    const Json measured = evaluate_from_scratch(training, progress);
    PartResult result{.run = measured.at("run").get<std::int64_t>()};
    for (const Json& item : measured.at("results"))
      if (item.at("split") == state_.plan.split) result.top1.push_back(item.at("metrics").at("top1").get<double>());
    return result;
  }

  const CompareSettings& settings_;
  CompareState& state_;
  RunResults& found_;
  Observer& observer_;
  std::vector<ComparePart> parts_;
};

/// What is done and what is left, with the cost that the probes foresee.
Json left_of(const CompareState& state, const std::string& out) {
  const std::vector<ComparePart> parts = parts_of(state.plan);
  double macs = 0, seconds = 0;
  Json results = Json::array();
  for (const ComparePart& part : parts) {
    const fs::path folder = fs::path(out) / part.name;
    const bool is_done = state.find(part) != nullptr;
    std::int64_t steps = is_done ? part.steps : 0;
    if (!is_done && has_checkpoint(folder))
      steps = load_checkpoint(folder, false).run.at("trainer").at("step").get<std::int64_t>();
    const double left = 1 - static_cast<double>(steps) / static_cast<double>(part.steps);
    macs += left * part.macs;
    seconds += left * part.seconds;
    results.push_back({{"part", part.name},
                       {"title", part.title},
                       {"state", is_done     ? "done"
                                 : steps > 0 ? "begun"
                                             : "left"},
                       {"steps", part.steps},
                       {"steps_done", steps},
                       {"macs_left", left * part.macs},
                       {"seconds_left", left * part.seconds}});
  }
  return {{"out", out},        {"done", num_done(state, parts)}, {"parts", parts.size()},
          {"macs_left", macs}, {"seconds_left", seconds},        {"results", results}};
}

/// The comparison's run in this database; a new one where the database does not know it.
std::int64_t begin_run(Store& store, const CompareState& state, const CompareSettings& settings) {
  if (state.run > 0)
    for (const Run& known : store.runs({.id = state.run}))
      if (known.kind == "compare" && known.checkpoint == settings.out) {
        store.resume_run(known.id);
        return known.id;
      }
  return store.begin_run({.kind = "compare",
                          .name = settings.name,
                          .space = state.plan.space,
                          .config = state.settings.dump(),
                          .seed = state.plan.seeds.front(),
                          .version = version(),
                          .checkpoint = settings.out});
}

/// The comparison in `out`, or a new one, of which nothing is stored yet.
CompareState open(const nlohmann::json& json, const CompareSettings& settings, at::Device device, Observer& observer) {
  if (has_comparison(settings.out)) {
    CompareState state = started(json, settings.out);
    if (settings.resume || settings.dry_run) return state;
    const auto parts = parts_of(state.plan);
    throw UsageError("'" + printable(settings.out) + "' holds a comparison already, of which " +
                     std::to_string(num_done(state, parts)) + " of " + std::to_string(parts.size()) +
                     " parts are done: --resume goes on with it, --dry-run shows what is left");
  }
  require_new_folder(settings.out);
  CompareState state;
  state.settings = filled_in(settings);
  state.plan = make_plan(settings, device, observer);
  state.threads = at::get_num_threads();
  return state;
}

}  // namespace

Json compare(const nlohmann::json& json, Observer& observer) {
  const CompareSettings settings = read_settings(json);
  const at::Device device = use_device(settings);
  if (settings.print_config) return filled_in(settings);
  return without_backtrace([&]() -> Json {
    if (settings.dry_run) return left_of(open(json, settings, device, observer), settings.out);
    std::optional<FolderLock> lock;  // of who makes the plan; from then on others may share the parts
    if (!has_comparison(settings.out)) lock.emplace(settings.out);
    CompareState state = open(json, settings, device, observer);
    Store store(settings.db, Store::Mode::kReadWrite);
    const std::int64_t run = begin_run(store, state, settings);
    if (lock || run != state.run) {
      state.run = run;
      fs::create_directories(settings.out);
      save_comparison(settings.out, state);
    }
    lock.reset();
    RunResults found(store, state.run, observer);
    Comparing comparing(settings, state, found, observer);
    if (!found.guard([&] { return comparing.run(); })) {
      observer.note(comparing.done_text() +
                    "; the others are other processes', of which the last stores the comparison");
      return left_of(state, settings.out);
    }
    const Json document = comparing.document();
    const std::string text = document.dump();
    if (!found.commit([&] { store.put_run_state(state.run, kComparisonKey, text); })) {
      observer.result(document);
      throw DatabaseError("another program holds database " + store.path() +
                          ": the comparison is not stored there; the same command with --resume stores it");
    }
    found.finish(document);
    return document;
  });
}

}  // namespace frontier
