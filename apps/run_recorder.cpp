#include "apps/run_recorder.h"

#include <cmath>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {
namespace {

// A run keeps about so many points of each curve, each the mean over its steps.
constexpr std::int64_t kCurvePoints = 500;

}  // namespace

void close_run(Store& store, std::int64_t run, RunState state, const std::string& message) {
  RunUpdate update{.state = state, .message = message};
  if (state == RunState::kDone) update.progress = 1.0;
  store.update_run(run, update);
}

RunRecorder::RunRecorder(const std::string& db, RunInfo info, bool quiet, const std::string& resumed_checkpoint)
    : store_(db, Store::Mode::kReadWrite), info_(std::move(info)), quiet_(quiet) {
  info_.version = FRONTIER_VERSION;
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
    run_ = resumed_;
  } else {
    run_ = store_.begin_run(info_);
  }
  progress_.emplace(info_.kind, total_steps, "steps", quiet_);
  progress_->start_at(first_step);
}

void RunRecorder::step(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  done_ = step;
  if (num_summed_ == 0) {
    sums_ = values;
  } else {
    for (std::size_t i = 0; i < std::min(sums_.size(), values.size()); ++i) sums_[i].second += values[i].second;
  }
  ++num_summed_;
  const std::int64_t stride = std::max<std::int64_t>(1, total_ / kCurvePoints);
  if (step % stride == 0 || step == total_) {
    for (const auto& [name, sum] : sums_) points_.push_back({step, name, sum / static_cast<double>(num_summed_)});
    num_summed_ = 0;
  }
  if (points_.size() >= 100) flush();
  char detail[64];
  std::snprintf(detail, sizeof detail, "loss %.4f", values.empty() ? 0.0 : values.front().second);
  progress_->update(step, detail);
}

void RunRecorder::flush() {
  if (!run_) return;
  Store::Transaction transaction(store_);
  store_.add_points(*run_, points_);
  store_.update_run(*run_, {.progress = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1.0});
  transaction.commit();
  points_.clear();
}

nlohmann::json RunRecorder::checkpoint_note() {
  flush();
  return {{"run", run()}};
}

void RunRecorder::close(RunState state, const std::string& message) {
  if (progress_) progress_->finish();
  if (!run_) return;
  flush();
  close_run(store_, *run_, state, message);
}

}  // namespace frontier
