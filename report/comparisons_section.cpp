// Comparisons of samplers: accuracy by cost, the figures, and the differences to the first arm.
#include <cstdio>

#include "common/text.h"
#include "report/html.h"
#include "report/internal/sections.h"
#include "report/quantity.h"

namespace frontier {
namespace {

using Json = PageContext::Json;
using Charts = ComparisonCharts;

/// How a figure is called and shown.
struct Shown {
  const char* name;
  const char* title;
  const char* label;  ///< where a narrow page puts cells below each other
  double scale;
  int digits;
};

constexpr Shown kFigures[] = {{"top1", "All bins", "All bins", 100, 2},
                              {"top1_cheapest_bin", "Cheapest bin", "Cheapest", 100, 2},
                              {"top1_dearest_bin", "Dearest bin", "Dearest", 100, 2},
                              {"hypervolume", "Hypervolume", "Volume", 100, 2},
                              {"kendall_tau", "Kendall’s tau", "Tau", 1, 3}};

std::string number(double value, int digits, const char* format = "%.*f") {
  char text[64];
  std::snprintf(text, sizeof text, format, digits, value);
  return text;
}

std::string figure_text(const Charts::Arm& arm, const Shown& shown) {
  const auto found = arm.metrics.find(shown.name);
  if (found == arm.metrics.end()) return "–";
  std::string text = number(shown.scale * found->second.mean, shown.digits);
  if (found->second.sd) text += " ± " + number(shown.scale * *found->second.sd, shown.digits);
  return text;
}

const char* title_of(const Charts::Budget& budget) {
  return budget.budget == "steps" ? "Equal optimiser steps" : "Equal training cost";
}

void add_chart(PageContext& page, const Charts& charts, const Charts::Budget& budget, const std::string& id) {
  double most = 0;
  for (const Charts::Bin& bin : charts.bins) most = std::max(most, bin.most);
  const Quantity macs = quantity_of("macs");
  const Scale scale = scale_of(macs, most);
  Json chart = {{"id", id},
                {"x", axis_title(macs, scale)},
                {"y", "Top-1 accuracy, " + printable(charts.split, 24) + " split (%)"}};
  chart["places"] = Json::array();
  chart["bins"] = Json::array();
  for (const Charts::Bin& bin : charts.bins) {
    chart["places"].push_back(rounded((bin.least + bin.most) / 2 / scale.divisor));
    chart["bins"].push_back(format_count(bin.least) + " to " + format_count(bin.most) + " MACs");
  }
  chart["lines"] = Json::array();
  std::string summary = std::string(title_of(budget)) + ": mean accuracy over the bins";
  for (const Charts::Arm& arm : budget.arms) {
    Json line = {{"name", printable(arm.name, 40)}, {"mean", Json::array()}};
    for (const Charts::Figure& bin : arm.bins) {
      line["mean"].push_back(rounded(100 * bin.mean));
      if (bin.sd) line["sd"].push_back(rounded(100 * *bin.sd));
    }
    chart["lines"].push_back(std::move(line));
    summary += ", " + printable(arm.name, 40) + " " + figure_text(arm, kFigures[0]) + " %";
  }
  page.comparisons.push_back(std::move(chart));
  Writer& out = page.out;
  out.add("<figure><figcaption><strong>" + std::string(title_of(budget)) + "</strong></figcaption>");
  out.add("<div class=\"chart small\"><canvas id=\"" + id + "\" role=\"img\" aria-label=\"");
  out.add_text(summary);
  out.add("\"></canvas></div></figure>\n");
}

void add_figures(Writer& out, const Charts::Budget& budget) {
  std::vector<Writer::Column> columns{{"Arm"}};
  for (const Shown& shown : kFigures) columns.push_back({shown.title, true});
  for (const char* title : {"Steps", "Training cost", "To the first", "Time"}) columns.push_back({title, true});
  out.begin_table(title_of(budget), columns, "scroll stacked");
  for (const Charts::Arm& arm : budget.arms) {
    out.add("<tr role=\"row\">");
    out.add_cell(printable(arm.name, 40), "text", "Arm");
    for (const Shown& shown : kFigures) out.add_cell(figure_text(arm, shown), "number", shown.label);
    out.add_cell(std::to_string(arm.steps), "number", "Steps");
    out.add_cell(format_count(arm.metrics.at("macs").mean), "number", "Cost");
    out.add_cell(number(100 * (arm.relative_cost - 1), 1, "%+.*f %%"), "number", "To first");
    out.add_cell(format_seconds(arm.metrics.at("seconds").mean), "number", "Time");
    out.add("</tr>\n");
  }
  out.end_table();
}

void add_differences(Writer& out, const Charts& charts, const Charts::Budget& budget) {
  if (budget.arms.size() < 2) return;
  const std::string difference = "Less " + printable(charts.reference, 40);
  out.begin_table(std::string(title_of(budget)) + ", differences",
                  {{"Arm"}, {"Figure"}, {difference, true}, {"95 % interval", true}, {"Verdict"}}, "scroll stacked");
  for (const Charts::Arm& arm : budget.arms)
    for (const Shown& shown : kFigures) {
      const auto found = arm.differences.find(shown.name);
      if (found == arm.differences.end()) continue;
      const auto text = [&](double value) { return number(shown.scale * value, shown.digits, "%+.*f"); };
      const Charts::Difference& d = found->second;
      out.add("<tr role=\"row\">");
      out.add_cell(printable(arm.name, 40), "text", "Arm");
      out.add_cell(shown.title, "", "Figure");
      out.add_cell(text(d.mean), "number", "Less");
      out.add_cell(d.low && d.high ? text(*d.low) + " to " + text(*d.high) : "none of one seed", "number text",
                   "Interval");
      out.add_cell(d.verdict.empty() ? "–" : printable(d.verdict, 20), "", "Verdict");
      out.add("</tr>\n");
    }
  out.end_table();
}

std::string seeds_text(const Charts& charts) {
  std::vector<std::string> seeds;
  for (const std::int64_t seed : charts.seeds) seeds.push_back(std::to_string(seed));
  return join(seeds);
}

void add_comparison(PageContext& page, const Charts& charts, std::size_t c) {
  Writer& out = page.out;
  out.add("<div class=\"panel\"><h3>");
  out.add_text(run_title(charts.run));
  out.add("</h3>\n<dl class=\"facts\">");
  out.add_fact("Search space", charts.run.space);
  out.add_fact("Data", charts.data);
  out.add_fact("Measured", std::to_string(charts.num_subnets) + " subnets in " +
                               counted(charts.bins.size(), "bin", "bins") + ", " + charts.split + " split");
  out.add_fact(charts.seeds.size() == 1 ? "Seed" : "Seeds", seeds_text(charts));
  if (charts.num_own > 0) out.add_fact("Trained from scratch for tau", std::to_string(charts.num_own) + " of them");
  out.add("</dl>\n<div class=\"charts wide\">\n");
  for (std::size_t b = 0; b < charts.budgets.size(); ++b)
    add_chart(page, charts, charts.budgets[b], "comparison-" + std::to_string(c) + "-" + std::to_string(b));
  out.add("</div>\n");
  for (const Charts::Budget& budget : charts.budgets) {
    out.add("<h4>" + std::string(title_of(budget)) + "</h4>\n");
    add_figures(out, budget);
    add_differences(out, charts, budget);
  }
  out.add("</div>\n");
}

}  // namespace

void add_comparisons(PageContext& page) {
  const auto& comparisons = page.report.comparisons;
  if (comparisons.empty()) return;
  page.out.add(
      "<section aria-labelledby=\"comparisons\"><h2 id=\"comparisons\">Comparisons</h2>\n"
      "<p>Ways to train a supernet under the same budget, each with several seeds. All are asked about the same "
      "subnets, "
      "drawn evenly from bins of cost; accuracies are in percent, ± and bands are one standard deviation over the "
      "seeds. "
      "Hypervolume is the share of the area below accuracy 100 % and the dearest subnet’s cost that the front of these "
      "subnets dominates. Differences are paired by seed, their intervals Student’s; “ahead” and “behind” stand where "
      "the interval excludes zero. Training cost is images times MACs, forward.</p>\n");
  for (std::size_t c = 0; c < comparisons.size(); ++c) add_comparison(page, comparisons[c], c);
  page.out.add("</section>\n");
}

}  // namespace frontier
