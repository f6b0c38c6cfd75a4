// Charts over steps: the regret of repeated searches, and what runs logged.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "common/text.h"
#include "report/html.h"
#include "report/internal/sections.h"
#include "report/quantity.h"

namespace frontier {
namespace {

using Json = PageContext::Json;

constexpr std::size_t kOpenRuns = 4;

double significant(double value) { return std::strtod(significant_text(value).c_str(), nullptr); }

/// One value a step of the mean, by step and not by position: null where the curve has none there.
Json values_at(const std::vector<CurvePoint>& steps, const std::vector<CurvePoint>& points, double scale) {
  std::map<std::int64_t, double> value_at;
  for (const CurvePoint& point : points) value_at.emplace(point.step, point.value);
  Json json = Json::array();
  for (const CurvePoint& step : steps) {
    const auto found = value_at.find(step.step);
    json.push_back(found == value_at.end() ? Json() : Json(significant(found->second * scale)));
  }
  return json;
}

Json steps_of(const std::vector<CurvePoint>& points) {
  Json json = Json::array();
  for (const CurvePoint& point : points) json.push_back(point.step);
  return json;
}

void begin_figure(Writer& out, const std::string& title, const std::string& remark) {
  out.add("<figure><figcaption><strong>");
  out.add_text(title);
  out.add("</strong> <span class=\"muted\">");
  out.add_text(remark);
  out.add("</span></figcaption>");
}

void add_canvas(Writer& out, const std::string& id, const std::string& summary) {
  out.add("<div class=\"chart\"><canvas id=\"" + id + "\" role=\"img\" aria-label=\"");
  out.add_text(summary);
  out.add("\"></canvas></div>");
}

void add_regret(PageContext& page, const RegretChart& regret, const std::string& id) {
  const bool is_fraction = regret.metric == "top1" || regret.metric == "top5";
  const double scale = is_fraction ? 100 : 1;
  const std::string metric = printable(regret.metric, 40);
  Json chart = {
      {"id", id}, {"x", "subnets evaluated"}, {"y", is_fraction ? "regret (points)" : "regret (" + metric + ")"}};
  chart["lines"] = Json::array();
  std::string summary = "Mean regret of " + metric + " at the end:";
  for (const auto& line : regret.lines) {
    const std::string label = printable(line.label, 40);
    if (!line.mean.empty()) summary += " " + label + " " + significant_text(line.mean.back().value * scale);
    chart["lines"].push_back({{"name", label},
                              {"steps", steps_of(line.mean)},
                              {"mean", values_at(line.mean, line.mean, scale)},
                              {"low", values_at(line.mean, line.low, scale)},
                              {"high", values_at(line.mean, line.high, scale)}});
  }
  page.regrets.push_back(std::move(chart));
  std::vector<std::string> remarks;
  if (page.report.spaces.size() > 1) remarks.push_back(regret.space);
  if (!regret.reported.empty()) remarks.push_back("chosen by " + regret.searched);
  const std::string least =
      regret.least_repeats == regret.most_repeats ? "" : std::to_string(regret.least_repeats) + " to ";
  remarks.push_back(least + counted(static_cast<std::size_t>(regret.most_repeats), "search", "searches") + " a line");
  begin_figure(page.out, metric + ", " + (regret.reported.empty() ? regret.searched : regret.reported),
               join(remarks, " · "));
  add_canvas(page.out, id, summary);
  page.out.add("</figure>\n");
}

struct Logged {
  std::string title;
  std::string axis;
  double scale = 1;
};

Logged logged_of(const std::string& name) {
  const auto slash = name.find('/');
  const std::string group = slash == std::string::npos ? "" : name.substr(0, slash);
  std::string what = slash == std::string::npos ? name : name.substr(slash + 1);
  const bool is_fraction = what.ends_with("top1") || what.ends_with("top5") || what.ends_with("accuracy");
  if (what == "lr") return {"Learning rate", "learning rate"};
  if (what == "loss") return {group == "train" ? "Training loss" : "Loss (" + group + ")", "loss"};
  if (what == "macs") return {"MACs of the subnets trained", "M MACs", 1e-6};
  if (what == "best_top1") return {"Best accuracy so far", "top-1 accuracy (%)", 100};
  std::replace(what.begin(), what.end(), '_', ' ');
  const std::string title = group.empty() || group == "train" || group == "search" ? what : group + ": " + what;
  if (is_fraction) return {title, "accuracy (%)", 100};
  return {title, printable(what, 60)};
}

void add_curve_chart(PageContext& page, const std::string& name, const std::vector<const Curve*>& lines,
                     const std::string& id) {
  const Logged logged = logged_of(name);
  Json chart = {{"id", id},
                {"x", name.starts_with("search/")  ? "subnets evaluated"
                      : name.starts_with("train/") ? "training step"
                                                   : "step"},
                {"y", logged.axis}};
  chart["lines"] = Json::array();
  std::size_t num_points = 0, num_drawn = 0;
  for (const Curve* curve : lines) {
    const std::string label = curve->name == name ? logged.title : curve->name.substr(name.size() + 1);
    chart["lines"].push_back({{"name", printable(label, 60)},
                              {"steps", steps_of(curve->points)},
                              {"values", values_at(curve->points, curve->points, logged.scale)}});
    num_points += curve->num_points;
    num_drawn += curve->points.size();
  }
  chart["smooth"] = name == "train/loss" || name == "train/macs" || name == "train/arch_loss";
  page.curves.push_back(std::move(chart));

  Writer& out = page.out;
  begin_figure(out, logged.title, name);
  const CurvePoint& last = lines.front()->points.back();
  add_canvas(out, id,
             logged.title + " over " + counted(num_points, "point", "points") + "; the last, at step " +
                 std::to_string(last.step) + ", is " + significant_text(last.value * logged.scale) + " (" +
                 logged.axis + ")");
  if (num_drawn < num_points)
    out.add("<p class=\"muted\">" + std::to_string(num_drawn) + " of " + std::to_string(num_points) +
            " points are drawn, taken evenly.</p>");
  out.add("</figure>\n");
}

bool is_constant(const std::vector<const Curve*>& lines) {
  const auto& points = lines.front()->points;
  return lines.size() == 1 && std::all_of(points.begin(), points.end(),
                                          [&](const CurvePoint& point) { return point.value == points.front().value; });
}

/// One chart for every "group/quantity"; what follows ("train/loss/teacher") are lines within it.
void add_curve_charts(PageContext& page, const RunCurves& curves, std::size_t r) {
  std::map<std::string, std::vector<const Curve*>> charts;
  for (const Curve& curve : curves.curves) {
    if (curve.points.empty()) continue;  // a damaged database may name a curve and have none of it
    const auto parts = split(curve.name, '/');
    charts[parts.size() > 2 ? parts[0] + "/" + parts[1] : curve.name].push_back(&curve);
  }
  std::vector<std::string> order;
  for (const auto& [name, lines] : charts) order.push_back(name);
  const auto rank = [](const std::string& name) { return name == "train/loss" ? 0 : name == "train/lr" ? 1 : 2; };
  std::stable_sort(order.begin(), order.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  std::vector<std::string> constants;
  for (std::size_t c = 0; c < order.size(); ++c) {
    const auto& lines = charts[order[c]];
    if (lines.front()->points.size() > 2 && is_constant(lines)) {
      const Logged logged = logged_of(order[c]);
      constants.push_back(logged.title + " " + significant_text(lines.front()->points.front().value * logged.scale));
    } else {
      add_curve_chart(page, order[c], lines, "curve-" + std::to_string(r) + "-" + std::to_string(c));
    }
  }
  if (constants.empty()) return;
  page.out.add("<p class=\"muted\">");
  page.out.add_text("The same throughout: " + join(constants) + ".");
  page.out.add("</p>\n");
}

}  // namespace

void add_regrets(PageContext& page) {
  const auto& regrets = page.report.regrets;
  if (regrets.empty()) return;
  page.out.add(
      "<section aria-labelledby=\"regret\"><h2 id=\"regret\">Searches of a benchmark</h2>\n"
      "<p>Regret: how much better the best of the benchmark is than the best found so far (accuracies in percentage "
      "points). A line is the mean of repeated searches, its band the half of them in the middle.</p>\n"
      "<div class=\"charts\">\n");
  for (std::size_t r = 0; r < regrets.size(); ++r) add_regret(page, regrets[r], "regret-" + std::to_string(r));
  page.out.add("</div></section>\n");
}

void add_curves(PageContext& page) {
  const auto& curves = page.report.curves;
  if (curves.empty()) return;
  Writer& out = page.out;
  out.add("<section aria-labelledby=\"curves\"><h2 id=\"curves\">Training and search</h2>\n");
  for (std::size_t r = 0; r < curves.size(); ++r) {
    // The latest runs are open; they come last.
    const bool folded = r + kOpenRuns < curves.size();
    out.add(folded ? "<details class=\"panel\"><summary><h3>" : "<div class=\"panel\"><h3>");
    out.add_text(run_title(curves[r].run));
    out.add(folded ? "</h3></summary>\n<div class=\"charts\">\n" : "</h3>\n<div class=\"charts\">\n");
    add_curve_charts(page, curves[r], r);
    out.add(folded ? "</div></details>\n" : "</div></div>\n");
  }
  out.add("</section>\n");
}

}  // namespace frontier
