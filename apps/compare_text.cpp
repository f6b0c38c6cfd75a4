#include "apps/compare_text.h"

#include <cmath>
#include <cstdio>
#include <vector>

#include "common/table.h"
#include "common/text.h"

namespace frontier {
namespace {

using Json = nlohmann::ordered_json;

/// How a figure is called and shown.
struct Shown {
  const char* name;
  const char* title;
  double scale;
  int digits;
};

constexpr Shown kFigures[] = {{"top1", "all bins", 100, 2},
                              {"top1_cheapest_bin", "cheapest bin", 100, 2},
                              {"top1_dearest_bin", "dearest bin", 100, 2},
                              {"hypervolume", "hypervolume", 100, 2},
                              {"kendall_tau", "tau", 1, 3}};

std::string number(double value, int digits, const char* format = "%.*f") {
  char text[64];
  std::snprintf(text, sizeof text, format, digits, value);
  return text;
}

/// "84.12 ±0.30".
std::string with_spread(const Json& summary, const Shown& shown) {
  std::string text = number(shown.scale * summary["mean"].get<double>(), shown.digits);
  if (!summary["sd"].is_null()) text += number(shown.scale * summary["sd"].get<double>(), shown.digits, " ±%.*f");
  return text;
}

std::vector<const Json*> of_budget(const Json& document, const std::string& budget) {
  std::vector<const Json*> items;
  for (const Json& item : document["results"])
    if (item["budget"] == budget) items.push_back(&item);
  return items;
}

std::string name_of(const Json& item) { return item["arm"].get<std::string>(); }

std::string figures_text(const std::vector<const Json*>& items) {
  std::vector<Table::Column> columns{{"top1, %"}};
  for (const Shown& shown : kFigures) columns.push_back({shown.title, Align::kRight});
  Table table(columns);
  for (const Json* item : items) {
    std::vector<std::string> cells{name_of(*item)};
    for (const Shown& shown : kFigures) {
      const Json& metrics = (*item)["metrics"];
      cells.push_back(metrics.contains(shown.name) ? with_spread(metrics[shown.name], shown) : "-");
    }
    table.add(std::move(cells));
  }
  return table.text();
}

std::string bins_text(const Json& bins, const std::vector<const Json*>& items) {
  std::vector<Table::Column> columns{{"MACs up to", Align::kRight}};
  for (const Json* item : items) columns.push_back({name_of(*item), Align::kRight});
  Table table(columns);
  for (std::size_t b = 0; b < bins.size(); ++b) {
    std::vector<std::string> cells{format_count(bins[b]["max_macs"].get<double>())};
    for (const Json* item : items) cells.push_back(with_spread((*item)["bins"][b], kFigures[0]));
    table.add(std::move(cells));
  }
  return table.text();
}

std::string cost_text(const std::vector<const Json*>& items) {
  Table table({{"spent"},
               {"steps", Align::kRight},
               {"images x MACs", Align::kRight},
               {"against the first", Align::kRight},
               {"time", Align::kRight}});
  for (const Json* item : items) {
    const Json& metrics = (*item)["metrics"];
    table.add({name_of(*item), std::to_string((*item)["steps"].get<std::int64_t>()),
               format_count(metrics["macs"]["mean"].get<double>()),
               number(100 * ((*item)["relative_cost"].get<double>() - 1), 1, "%+.*f %%"),
               format_seconds(metrics["seconds"]["mean"].get<double>())});
  }
  return table.text();
}

std::string differences_text(const Json& document, const std::vector<const Json*>& items) {
  Table table({{"less " + document["reference"].get<std::string>()},
               {"figure"},
               {"difference", Align::kRight},
               {"95 % interval", Align::kRight},
               {"verdict"}});
  bool any = false;
  for (const Json* item : items) {
    if (!item->contains("differences")) continue;
    for (const Shown& shown : kFigures) {
      const Json& all = (*item)["differences"];
      if (!all.contains(shown.name)) continue;
      const Json& difference = all[shown.name];
      const auto scaled = [&](const char* key) {
        return number(shown.scale * difference[key].get<double>(), shown.digits, "%+.*f");
      };
      const bool has_interval = difference.contains("low");
      table.add({name_of(*item), shown.title, scaled("mean"),
                 has_interval ? scaled("low") + " to " + scaled("high") : "none of one seed",
                 has_interval ? difference["verdict"].get<std::string>() : ""});
      any = true;
    }
  }
  return any ? "\n" + table.text() : "";
}

std::string seeds_text(const Json& document) {
  std::vector<std::string> seeds;
  for (const Json& seed : document["seeds"]) seeds.push_back(seed.dump());
  return (seeds.size() == 1 ? "seed " : "seeds ") + join(seeds);
}

}  // namespace

std::string comparison_text(const Json& document) {
  std::size_t listed = 0;
  for (const Json& bin : document["bins"]) listed += bin["archs"].size();
  std::string text = "run " + document["run"].dump() + ": " + document["space"].get<std::string>() + ", " +
                     document["data"].get<std::string>() + ", " + document["split"].get<std::string>() + " split, " +
                     std::to_string(listed) + " subnets in " + std::to_string(document["bins"].size()) + " bins, " +
                     seeds_text(document) +
                     (document["seeds"].size() > 1 ? "; mean ± standard deviation over the seeds\n" : "\n");
  for (const Json& budget : document["budgets"]) {
    const auto items = of_budget(document, budget);
    text += budget == "steps" ? "\nequal steps\n" : "\nequal training cost\n";
    text += figures_text(items) + "\n" + bins_text(document["bins"], items) + "\n" + cost_text(items) +
            differences_text(document, items);
  }
  if (!document["own"].empty())
    text += "\ntau: Kendall's, of inherited accuracies against those of " + std::to_string(document["own"].size()) +
            " networks trained from scratch\n";
  return text;
}

std::string left_text(const Json& document) {
  Table table({{"state"}, {"steps", Align::kRight}, {"cost left", Align::kRight}, {"part"}});
  for (const Json& item : document["results"]) {
    const bool is_done = item["state"] == "done";
    const std::string steps = item["steps"].dump();
    table.add({item["state"].get<std::string>(),
               item["state"] == "begun" ? item["steps_done"].dump() + " of " + steps : steps,
               is_done ? "-" : format_count(item["macs_left"].get<double>()), item["title"].get<std::string>()});
  }
  return table.text() + document["done"].dump() + " of " + document["parts"].dump() +
         " parts are done; left: " + format_count(document["macs_left"].get<double>()) +
         " images x MACs of training, by the probes about " + format_seconds(document["seconds_left"].get<double>()) +
         "\n";
}

}  // namespace frontier
