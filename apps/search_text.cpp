#include "apps/search_text.h"

#include <cstdio>
#include <utility>
#include <vector>

#include "apps/output.h"
#include "common/table.h"
#include "common/text.h"
#include "db/store.h"

namespace frontier {
namespace {

using Json = nlohmann::ordered_json;

/// How a table's numbers were measured, from what the job says of it.
std::string in_words(const Json& table) {
  return in_words(Protocol{.evaluator = "benchmark",
                           .dataset = table["dataset"].get<std::string>(),
                           .split = table["split"].get<std::string>(),
                           .fidelity = table["fidelity"].get<std::string>(),
                           .seed = table["seed"].get<std::int64_t>()});
}

/// The split searched, and the accuracy shown last: its title and how its keys in `best` begin.
std::pair<std::string, std::pair<std::string, std::string>> titles(const Json& document) {
  if (!document.contains("searched")) return {"search split", {"test", "test_"}};
  return {document["searched"]["split"].get<std::string>() + " split",
          {document.contains("reported") ? in_words(document["reported"]) : "reported", "report_"}};
}

std::string run_line(const Json& document) { return "run " + std::to_string(document["run"].get<std::int64_t>()); }

/// The part of a curve's name that says what is measured: "top1" of "regret/top1".
std::string quantity_of(const std::string& series) {
  const auto slash = series.find('/');
  const std::string group = series.substr(0, slash);
  return group == "hypervolume" ? group : series.substr(slash + 1);
}

/// "12.34 ± 0.56", in percent for accuracies.
std::string with_spread(const std::string& quantity, const Json& summary) {
  const double mean = summary["mean"].get<double>(), sd = summary["sd"].get<double>();
  if (quantity == "seconds") return format_seconds(mean);
  const bool is_fraction = quantity == "top1" || quantity == "top5" || quantity == "hypervolume";
  const double scale = is_fraction ? 100 : 1;
  char text[64];
  std::snprintf(text, sizeof text, is_fraction ? "%.3f ± %.3f %%" : "%.5g ± %.3g", scale * mean, scale * sd);
  return text;
}

double value_of(const Json& item, const std::string& name) {
  return (name == "macs" || name == "params" ? item[name] : item["metrics"][name]).get<double>();
}

}  // namespace

std::string search_text(const Json& document, const std::string& metric) {
  const auto [split, other] = titles(document);
  Table table({{"budget", Align::kRight},
               {"MACs", Align::kRight},
               {"parameters", Align::kRight},
               {split, Align::kRight},
               {other.first, Align::kRight},
               {"best subnet"}});
  for (const auto& item : document["results"]) {
    const auto& best = item["best"];
    std::string budget = item.contains("max_macs") ? format_count(item["max_macs"].get<double>()) : "-";
    if (item.contains("min_macs")) budget = format_count(item["min_macs"].get<double>()) + " to " + budget;
    table.add({budget, format_count(best["macs"].get<double>()), format_count(best["params"].get<double>()),
               readable_metric(best, metric), readable_metric(best, metric, other.second),
               best["arch"].get<std::string>()});
  }
  return run_line(document) + "\n" + table.text();
}

std::string repeats_text(const Json& document, const std::string& metric) {
  std::vector<Table::Column> columns;
  for (const auto& [name, value] : document["results"][0].items()) columns.push_back({name, Align::kRight});
  Table table(columns);
  for (const auto& item : document["results"]) {
    std::vector<std::string> cells;
    for (const auto& [name, value] : item.items())
      cells.push_back(name == "evaluations" ? std::to_string(value.get<std::int64_t>())
                                            : with_spread(quantity_of(name), value));
    table.add(std::move(cells));
  }
  std::string text = run_line(document) + ": " + std::to_string(document["repeats"].get<std::int64_t>()) +
                     " searches, mean ± standard deviation:\n" + table.text();
  const auto& whole = document["table"];
  text += "best in the table: " + metric + " " + readable(metric, value_of(whole["best"], metric));
  if (document.contains("reported"))
    text += "; by " + in_words(document["reported"]) + " " + readable(metric, whole["best_reported"].get<double>());
  text += "\n";
  if (!document.contains("hypervolume_reference")) return text;
  std::vector<std::string> parts;
  for (const auto& [name, value] : document["hypervolume_reference"].items())
    parts.push_back(name + " " + readable(name, value.get<double>()));
  return text + "hypervolume relative to the true front's; reference point, the worst of each: " + join(parts) + "\n";
}

}  // namespace frontier
