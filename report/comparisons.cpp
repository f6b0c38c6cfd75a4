#include "report/internal/comparisons.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {
namespace {

using nlohmann::json;

constexpr const char* kKey = "comparison";  ///< what a run keeps it under
constexpr std::size_t kMaxComparisons = 6, kMaxArms = 24;

ComparisonCharts::Figure figure_of(const json& summary) {
  ComparisonCharts::Figure figure{summary.at("mean").get<double>(), {}};
  if (!summary.at("sd").is_null()) figure.sd = summary.at("sd").get<double>();
  return figure;
}

ComparisonCharts::Difference difference_of(const json& found) {
  ComparisonCharts::Difference difference{found.at("mean").get<double>(), {}, {}, {}};
  if (!found.contains("low")) return difference;
  difference.low = found.at("low").get<double>();
  difference.high = found.at("high").get<double>();
  difference.verdict = found.at("verdict").get<std::string>();
  return difference;
}

ComparisonCharts::Arm arm_of(const json& item, std::size_t num_bins) {
  ComparisonCharts::Arm arm;
  arm.name = item.at("arm").get<std::string>();
  arm.steps = item.at("steps").get<std::int64_t>();
  arm.relative_cost = item.at("relative_cost").get<double>();
  for (const auto& [name, summary] : item.at("metrics").items()) arm.metrics[name] = figure_of(summary);
  for (const json& bin : item.at("bins")) arm.bins.push_back(figure_of(bin));
  if (arm.bins.size() != num_bins || !arm.metrics.contains("top1") || !arm.metrics.contains("macs") ||
      !arm.metrics.contains("seconds"))
    throw UsageError("an arm lacks figures");
  if (!item.contains("differences")) return arm;
  for (const auto& [name, difference] : item.at("differences").items())
    if (name != "bins") arm.differences[name] = difference_of(difference);
  return arm;
}

ComparisonCharts read(const Run& run, const json& document) {
  ComparisonCharts charts;
  charts.run = run;
  charts.data = document.at("data").get<std::string>();
  charts.split = document.at("split").get<std::string>();
  charts.reference = document.at("reference").get<std::string>();
  charts.seeds = document.at("seeds").get<std::vector<std::int64_t>>();
  charts.num_own = document.at("own").size();
  for (const json& bin : document.at("bins")) {
    charts.bins.push_back({bin.at("min_macs").get<double>(), bin.at("max_macs").get<double>()});
    charts.num_subnets += bin.at("archs").size();
  }
  for (const json& item : document.at("results")) {
    const auto budget = item.at("budget").get<std::string>();
    if (charts.budgets.empty() || charts.budgets.back().budget != budget) charts.budgets.push_back({budget, {}});
    auto& arms = charts.budgets.back().arms;
    if (arms.size() < kMaxArms) arms.push_back(arm_of(item, charts.bins.size()));
  }
  if (charts.bins.empty() || charts.budgets.empty()) throw UsageError("it has no bins or no arms");
  return charts;
}

}  // namespace

std::vector<ComparisonCharts> make_comparisons(const Store& store, std::span<const Run> runs,
                                               std::vector<std::string>& notes) {
  std::vector<ComparisonCharts> found;
  std::size_t num_skipped = 0;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    if (run->kind != "compare") continue;
    const auto text = store.get_run_state(run->id, kKey);
    if (!text) continue;
    if (found.size() == kMaxComparisons) {
      ++num_skipped;
      continue;
    }
    try {
      found.push_back(read(*run, parse_json_or_discard(*text)));
    } catch (const json::exception&) {
      notes.push_back("What run " + std::to_string(run->id) + " compared cannot be read.");
    } catch (const UsageError& error) {
      notes.push_back("What run " + std::to_string(run->id) + " compared cannot be read: " + error.what() + ".");
    }
  }
  if (num_skipped > 0)
    notes.push_back("The latest " + std::to_string(kMaxComparisons) + " comparisons are shown; " +
                    std::to_string(num_skipped) + " older ones are there, too.");
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace frontier
