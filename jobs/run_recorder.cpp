#include "jobs/run_recorder.h"

#include <cstdio>
#include <filesystem>
#include <utility>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {
namespace {

// A run keeps about so many points of each curve, each the mean over its steps.
constexpr std::int64_t kCurvePoints = 500;

}  // namespace

std::string version() { return FRONTIER_VERSION; }

RunRecorder::RunRecorder(const std::string& db, RunInfo info, Observer& observer, const std::string& resumed_checkpoint)
    : store_(db, Store::Mode::kReadWrite), info_(std::move(info)), observer_(observer) {
  info_.version = version();
  if (resumed_checkpoint.empty()) return;
  const std::filesystem::path path = std::filesystem::path(resumed_checkpoint) / "run.json";
  if (!std::filesystem::exists(path)) return;
  const nlohmann::json run = parse_json(read_file(path), path.string());
  const nlohmann::json::json_pointer place("/note/run");
  if (!run.is_object() || !run.contains(place) || !run[place].is_number_integer()) return;
  // Another database knows another run by this number.
  for (const auto& known : store_.runs({.id = run[place].get<std::int64_t>()}))
    if (known.kind == info_.kind && known.checkpoint == info_.checkpoint) resumed_ = known.id;
}

void RunRecorder::begin(const nlohmann::json& config, std::int64_t first_step, std::int64_t total_steps) {
  total_ = total_steps;
  done_ = first_step;
  info_.space = config.value("space", "");
  info_.config = config.dump();
  info_.seed = config.value("seed", std::int64_t{0});
  if (resumed_) {
    store_.resume_run(*resumed_);
    results_.emplace(store_, *resumed_, observer_);
  } else {
    results_.emplace(store_, store_.begin_run(info_), observer_);
  }
  observer_.begin(info_.kind, first_step, total_steps, "steps");
}

bool RunRecorder::draws_at(std::int64_t step) const {
  return step % std::max<std::int64_t>(1, total_ / kCurvePoints) == 0 || step == total_;
}

void RunRecorder::step(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  done_ = step;
  std::string detail;
  for (const auto& [name, value] : values) {
    Sum& sum = sums_[name];
    sum.sum += value;
    ++sum.count;
    if (name == "train/loss") {
      char text[64];
      std::snprintf(text, sizeof text, "loss %.4f", value);
      detail = text;
    }
  }
  if (draws_at(step)) {
    for (const auto& [name, sum] : sums_) results_->add({step, name, sum.sum / static_cast<double>(sum.count)});
    num_points_ += static_cast<std::int64_t>(sums_.size());
    sums_.clear();
  }
  if (num_points_ >= 100) flush();
  observer_.progress(step, detail);
}

/// A training does not end because its curve cannot be stored: what it ends in matters more, and close() tries again.
void RunRecorder::flush() {
  if (!results_) return;
  const double progress = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1.0;
  try {
    results_->commit([&] { store_.update_run(run(), {.progress = progress}); });
  } catch (const DatabaseError& error) {
    if (!std::exchange(cannot_store_, true))
      observer_.note(std::string(error.what()) + "; the training goes on, and what it finds is kept");
  }
  num_points_ = 0;
}

nlohmann::json RunRecorder::checkpoint_note() {
  flush();
  return {{"run", run()}};
}

bool RunRecorder::close() {
  observer_.end();
  return results_->close();
}

void RunRecorder::finish(const nlohmann::ordered_json& document) {
  observer_.end();
  results_->finish(document);
}

std::string RunRecorder::close_failed(RunState state, const std::string& message) {
  if (!results_) return "";
  observer_.end();
  return results_->close_failed(state, message);
}

}  // namespace frontier
