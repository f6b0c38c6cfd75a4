#include "jobs/search_repeats.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "common/errors.h"
#include "common/pareto.h"
#include "common/statistics.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::int64_t kMostSteps = 400;  ///< that curves keep
constexpr std::pair<const char*, double> kQuantiles[] = {
    {"q10", 0.1}, {"q25", 0.25}, {"q50", 0.5}, {"q75", 0.75}, {"q90", 0.9}};

/// Every evaluation of short searches; of long ones some 400 at even distances, quarter, half and end among them.
std::vector<std::int64_t> steps_of(std::int64_t budget) {
  std::vector<std::int64_t> steps{1};
  const std::int64_t parts = std::min(budget, kMostSteps);
  for (std::int64_t i = 1; i <= parts; ++i) {
    const std::int64_t step = budget <= kMostSteps ? i : (i * budget + parts / 2) / parts;
    if (step > steps.back()) steps.push_back(step);
  }
  return steps;
}

Budget budget_of(const nlohmann::json& config) {
  const auto budgets = budgets_of(config);
  if (budgets.size() > 1) throw UsageError("--repeat searches one budget at a time; give one number to --max-macs");
  return budgets.front();
}

/// Points of a front that grows.
class GrowingFront {
 public:
  explicit GrowingFront(std::size_t dims) : dims_(dims) {}
  /// Whether the point is on the front; then what it dominates is gone.
  bool add(std::span<const double> point) {
    const auto none_larger = [&](const double* a, const double* b) {
      return std::equal(a, a + dims_, b, [](double x, double y) { return x <= y; });
    };
    for (std::size_t i = 0; i < points_.size(); i += dims_)
      if (none_larger(&points_[i], point.data())) return false;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < points_.size(); i += dims_) {
      if (none_larger(point.data(), &points_[i])) continue;
      std::copy_n(points_.begin() + static_cast<std::ptrdiff_t>(i), dims_,
                  points_.begin() + static_cast<std::ptrdiff_t>(kept));
      kept += dims_;
    }
    points_.resize(kept);
    points_.insert(points_.end(), point.begin(), point.end());
    return true;
  }
  std::span<const double> points() const { return points_; }

 private:
  std::size_t dims_;
  std::vector<double> points_;
};

nlohmann::ordered_json summary(const std::vector<double>& sorted) {
  nlohmann::ordered_json json = {
      {"mean", mean(sorted)}, {"sd", standard_deviation(sorted)}, {"standard_error", standard_error(sorted)}};
  for (const auto& [name, q] : kQuantiles) json[name] = quantile(sorted, q);
  return json;
}

}  // namespace

SearchRepeats::SearchRepeats(const SearchPlan& plan, const StoredBenchmark& search, const StoredBenchmark* report)
    : plan_(plan),
      table_(search),
      report_table_(report),
      objectives_(parse_objectives(plan.config["objectives"].get<std::string>())),
      feasible_(*plan.space, plan.input, budget_of(plan.config)),
      budget_(plan.config["budget"].get<std::int64_t>()),
      steps_(steps_of(budget_)) {
  for (const std::int64_t part : {budget_ / 4, budget_ / 2, budget_}) {
    const auto at = std::lower_bound(steps_.begin(), steps_.end(), std::max<std::int64_t>(part, 1));
    const auto index = static_cast<std::size_t>(at - steps_.begin());
    if (checkpoints_.empty() || checkpoints_.back() != index) checkpoints_.push_back(index);
  }
  const auto rows = table_.benchmark.rows();
  std::vector<double> front;
  bool any = false;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const Architecture& arch = rows[r].arch;
    macs_of_row_.push_back(feasible_.table().macs(arch));
    for (const auto& objective : objectives_) {
      const double value = objective.name == "macs"     ? static_cast<double>(macs_of_row_.back())
                           : objective.name == "params" ? static_cast<double>(feasible_.table().params(arch))
                                                        : rows[r].measurement.metrics.at(objective.name);
      objectives_of_row_.push_back(minimised(objective, value));
    }
    const bool fits = feasible_.contains(arch);
    if (report_table_ != nullptr) {
      const Objective& first = objectives_.front();
      const auto reported = report_table_->benchmark.find(arch);
      if (fits && !reported && first.name != "macs" && first.name != "params")
        throw UsageError("the table to report by (" + report_table_->benchmark.name() + ") has no value for " +
                         plan_.space->to_string(arch) + ", which the table to search has");
      report_of_row_.push_back(first.name == "macs" || first.name == "params" || !reported
                                   ? natural(objectives_of_row_[r * objectives_.size()])
                                   : report_table_->benchmark.rows()[*reported].measurement.metrics.at(first.name));
    }
    if (!fits) continue;
    const std::span<const double> values(&objectives_of_row_[r * objectives_.size()], objectives_.size());
    front.insert(front.end(), values.begin(), values.end());
    if (reference_.empty()) reference_.assign(values.begin(), values.end());
    for (std::size_t k = 0; k < values.size(); ++k) reference_[k] = std::max(reference_[k], values[k]);
    if (!any || is_better(r, best_row_)) best_row_ = r;
    if (report_table_ != nullptr) {
      const bool is_max = objectives_.front().direction == Direction::kMax;
      const double value = report_of_row_.back();
      if (!any || (is_max ? value > best_reported_ : value < best_reported_)) best_reported_ = value;
    }
    any = true;
  }
  if (!any)
    throw UsageError("nothing in the table (" + table_.benchmark.name() + ") has " + to_string(feasible_.budget()));
  if (objectives_.size() > 1) true_hypervolume_ = hypervolume(front, reference_);
}

double SearchRepeats::natural(double value) const { return minimised(objectives_.front(), value); }

/// By the first objective, then the cost, as in a single search.
bool SearchRepeats::is_better(std::size_t a, std::size_t b) const {
  const double va = objectives_of_row_[a * objectives_.size()], vb = objectives_of_row_[b * objectives_.size()];
  return va != vb ? va < vb : macs_of_row_[a] < macs_of_row_[b];
}

SearchRepeats::Trajectory SearchRepeats::search(std::int64_t repeat, std::vector<char>& used,
                                                Observer& observer) const {
  const nlohmann::json& config = plan_.config;
  const std::size_t dims = objectives_.size();
  const auto rows = table_.benchmark.rows();
  const std::int64_t generation = config["generation"].get<std::int64_t>();
  const auto searcher = plan_.searcher->make(problem_of(plan_, feasible_, dims), config["searcher_options"]);
  Rng rng = rng_of_search(config["seed"].get<std::int64_t>() + repeat);
  Trajectory trajectory;
  std::optional<std::size_t> incumbent;
  double seconds = 0, volume = 0;
  GrowingFront front(dims);
  bool front_changed = false;
  std::vector<Evaluated> told;
  std::int64_t done = 0;
  const auto keep = [&] {
    if (front_changed) volume = hypervolume(front.points(), reference_) / true_hypervolume_;
    front_changed = false;
    trajectory.incumbents.push_back(*incumbent);
    trajectory.seconds.push_back(seconds);
    trajectory.hypervolume.push_back(volume);
  };
  while (done < budget_) {
    auto archs = searcher->ask(static_cast<std::size_t>(std::min(generation, budget_ - done)), rng);
    if (archs.empty()) break;
    told.clear();
    for (auto& arch : archs) {
      const std::size_t row = table_.benchmark.at(arch);
      const std::span<const double> values(&objectives_of_row_[row * dims], dims);
      used[row] = 1;
      told.push_back({std::move(arch), {values.begin(), values.end()}});
      if (!incumbent || is_better(row, *incumbent)) incumbent = row;
      if (true_hypervolume_ > 0 && front.add(values)) front_changed = true;
      seconds += rows[row].measurement.seconds;
      ++done;
      if (trajectory.incumbents.size() < steps_.size() && steps_[trajectory.incumbents.size()] == done) keep();
    }
    searcher->tell(told);
    if (observer.should_stop()) throw Interrupted("stopped; repeated searches are not stored until all are done");
  }
  while (trajectory.incumbents.size() < steps_.size()) keep();  // everything within the budget was evaluated
  return trajectory;
}

void SearchRepeats::run(std::int64_t repeats, int threads, Observer& observer) {
  observer.begin("search", 0, repeats, "searches");
  trajectories_.assign(static_cast<std::size_t>(repeats), {});
  used_.assign(table_.benchmark.rows().size(), 0);
  std::atomic<std::int64_t> next = 0, done = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  std::int64_t failed = repeats;
  const auto work = [&](bool shows_progress) {
    std::vector<char> used(used_.size(), 0);
    for (std::int64_t r = next++; r < repeats; r = next++) {
      try {
        trajectories_[static_cast<std::size_t>(r)] = search(r, used, observer);
      } catch (...) {
        // Of several failures the first search's is told, however many threads there are.
        const std::lock_guard lock(mutex);
        if (r < failed) {
          failed = r;
          failure = std::current_exception();
        }
        next = repeats;
      }
      ++done;
      if (shows_progress) observer.progress(done, "");
    }
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < used.size(); ++i) used_[i] = static_cast<char>(used_[i] | used[i]);
  };
  {
    const int cores = threads > 0 ? threads : num_usable_cores();
    std::vector<std::jthread> helpers;
    for (int t = 1; t < std::min<std::int64_t>(cores, repeats); ++t) helpers.emplace_back(work, false);
    work(true);
  }
  observer.end();
  if (failure) std::rethrow_exception(failure);
  add_series();
}

void SearchRepeats::add_series() {
  const Objective& first = objectives_.front();
  const auto add = [&](const std::string& name, const auto& value) {
    Series series{name, std::vector<std::vector<double>>(steps_.size())};
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      for (const auto& trajectory : trajectories_) series.sorted[s].push_back(value(trajectory, s));
      std::sort(series.sorted[s].begin(), series.sorted[s].end());
    }
    series_.push_back(std::move(series));
  };
  const auto searched = [&](std::size_t row) { return natural(objectives_of_row_[row * objectives_.size()]); };
  const double best = searched(best_row_);
  add("best/" + first.name, [&](const Trajectory& t, std::size_t s) { return searched(t.incumbents[s]); });
  add("regret/" + first.name,
      [&](const Trajectory& t, std::size_t s) { return std::abs(best - searched(t.incumbents[s])); });
  if (report_table_ != nullptr) {
    add("report_best/" + first.name,
        [&](const Trajectory& t, std::size_t s) { return report_of_row_[t.incumbents[s]]; });
    add("report_regret/" + first.name,
        [&](const Trajectory& t, std::size_t s) { return std::abs(best_reported_ - report_of_row_[t.incumbents[s]]); });
  }
  if (true_hypervolume_ > 0)
    add("hypervolume/relative", [&](const Trajectory& t, std::size_t s) { return t.hypervolume[s]; });
  const auto rows = table_.benchmark.rows();
  if (std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.measurement.seconds > 0; }))
    add("simulated/seconds", [&](const Trajectory& t, std::size_t s) { return t.seconds[s]; });
}

void SearchRepeats::record(RunResults& results) const {
  for (const Series& series : series_)
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      results.add({steps_[s], series.name + "/mean", mean(series.sorted[s])});
      for (const auto& [name, q] : kQuantiles)
        results.add({steps_[s], series.name + "/" + name, quantile(series.sorted[s], q)});
    }
  std::vector<std::int64_t> evaluations;
  for (std::size_t row = 0; row < used_.size(); ++row)
    if (used_[row] != 0) evaluations.push_back(table_.ids[row]);
  results.link(evaluations);
}

nlohmann::ordered_json SearchRepeats::report() const {
  const auto rows = table_.benchmark.rows();
  const auto item_of = [&](std::size_t row) {
    const std::string arch = plan_.space->to_string(rows[row].arch);
    nlohmann::ordered_json item = {{"arch", arch},
                                   {"canonical", arch},
                                   {"space", plan_.space->name()},
                                   {"macs", macs_of_row_[row]},
                                   {"params", feasible_.table().params(rows[row].arch)},
                                   {"metrics", rows[row].measurement.metrics},
                                   {"standard_errors", standard_errors(rows[row].measurement.metrics)}};
    if (report_table_ != nullptr)
      if (const auto reported = report_table_->benchmark.find(rows[row].arch)) {
        const auto& metrics = report_table_->benchmark.rows()[*reported].measurement.metrics;
        item["report_metrics"] = metrics;
        item["report_standard_errors"] = standard_errors(metrics);
      }
    return item;
  };
  nlohmann::ordered_json document;
  document["repeats"] = trajectories_.size();
  document["evaluations_used"] = std::count(used_.begin(), used_.end(), 1);
  document["table"] = {{"architectures", rows.size()}, {"best", item_of(best_row_)}};
  if (report_table_ != nullptr) document["table"]["best_reported"] = best_reported_;
  if (true_hypervolume_ > 0) {
    nlohmann::ordered_json reference;
    for (std::size_t k = 0; k < objectives_.size(); ++k)
      reference[objectives_[k].name] = minimised(objectives_[k], reference_[k]);
    document["hypervolume_reference"] = reference;
    document["true_hypervolume"] = true_hypervolume_;
  }
  std::size_t best = trajectories_.front().incumbents.back();
  for (const auto& trajectory : trajectories_)
    if (is_better(trajectory.incumbents.back(), best)) best = trajectory.incumbents.back();
  document["best"] = item_of(best);
  document["results"] = nlohmann::ordered_json::array();
  for (const std::size_t s : checkpoints_) {
    nlohmann::ordered_json item;
    item["evaluations"] = steps_[s];
    for (const Series& series : series_) item[series.name] = summary(series.sorted[s]);
    document["results"].push_back(std::move(item));
  }
  return document;
}

}  // namespace frontier
