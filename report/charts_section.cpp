// Charts of networks as points: the fronts, and search against test.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/text.h"
#include "report/html.h"
#include "report/internal/sections.h"
#include "report/internal/thinned.h"
#include "report/quantity.h"

namespace frontier {
namespace {

using Json = PageContext::Json;

constexpr std::size_t kMaxFrontPoints = 1000;
constexpr std::size_t kFoldedPoints = 500;  ///< of dominated networks in a folded chart
constexpr std::size_t kSmallChart = 10;     ///< networks

/// One chart: the first objective upwards, another one to the right.
class FrontChart {
 public:
  FrontChart(PageContext& page, std::size_t panel, std::size_t across, bool is_folded)
      : page_(page),
        panel_(page.report.panels[panel]),
        x_(panel_.objectives[across]),
        y_(panel_.objectives.front()),
        x_scale_(scale_of(quantity_of(x_.name), most(x_.name))),
        y_scale_(scale_of(quantity_of(y_.name), most(y_.name))),
        id_("front-" + std::to_string(panel) + (across > 1 ? "-" + std::to_string(across) : "")),
        others_(is_folded ? thinned(panel_.others, kFoldedPoints) : panel_.others),
        front_(thinned(panel_.front, kMaxFrontPoints)) {}

  void add() {
    add_figure();
    Json chart;
    chart["id"] = id_;
    const std::string& split = panel_.results.front().protocol.split;
    chart["x"] = axis_title(quantity_of(x_.name), x_scale_);
    chart["y"] = axis_title(quantity_of(y_.name), y_scale_, split.empty() ? "" : printable(split, 24) + " split");
    chart["x_unit"] = x_scale_.unit;
    chart["y_unit"] = y_scale_.unit;
    chart["x_is_count"] = x_.name == "macs" || x_.name == "params";  // which tooltips say anyway
    chart["low_x"] = x_.direction == Direction::kMin;
    chart["low_y"] = y_.direction == Direction::kMin;
    chart["lines"] = lines();
    chart["others"] = Json::array();
    for (const std::size_t i : panel_.is_front ? others_ : std::vector<std::size_t>())
      chart["others"].push_back(point(panel_.results[i]));
    chart["marks"] = Json::array();
    for (const auto& [result, letter] : page_.lettered(panel_))
      chart["marks"].push_back({x(*result), y(*result), letter});
    chart["budgets"] = Json::array();
    if (x_.name == "macs")
      for (const std::int64_t budget : panel_.budgets)
        chart["budgets"].push_back({static_cast<double>(budget) / x_scale_.divisor, budget_text(budget)});
    page_.fronts.push_back(std::move(chart));
  }

 private:
  double most(const std::string& name) const {
    double largest = 0;
    for (const Result& result : panel_.results) largest = std::max(largest, std::abs(value_of(result, name)));
    return largest;
  }
  double x(const Result& result) const { return rounded(value_of(result, x_.name) / x_scale_.divisor); }
  double y(const Result& result) const { return rounded(value_of(result, y_.name) / y_scale_.divisor); }

  /// Its place, which network it is, and its standard error where it is known.
  Json point(const Result& result) {
    Json json = {x(result), y(result), page_.arch(result)};
    if (const auto error = standard_error(result, y_.name)) json.push_back(rounded(*error / y_scale_.divisor));
    return json;
  }

  Json line(const std::string& name, const std::vector<std::size_t>& members, bool is_staircase) {
    Json points = Json::array();
    for (const std::size_t i : members) points.push_back(point(panel_.results[i]));
    return {{"name", name}, {"staircase", is_staircase}, {"points", std::move(points)}};
  }

  /// The front; under several budgets a line for the networks of each, as each was searched on its own.
  Json lines() {
    Json all = Json::array();
    if (!panel_.is_front) {
      std::vector<std::size_t> members(panel_.results.size());
      for (std::size_t i = 0; i < members.size(); ++i) members[i] = i;
      all.push_back(line("Measured", members, false));
      return all;
    }
    const bool is_staircase = panel_.objectives.size() == 2;
    if (x_.name != "macs" || panel_.budgets.size() < 2 || !is_staircase) {
      all.push_back(line("Pareto front", front_, is_staircase));
      return all;
    }
    std::vector<std::size_t> rest = front_;
    for (const std::int64_t budget : panel_.budgets) {
      const auto end = std::find_if(rest.begin(), rest.end(),
                                    [&](std::size_t i) { return panel_.results[i].architecture.macs > budget; });
      if (end == rest.begin()) continue;
      all.push_back(line("Front up to " + budget_text(budget), {rest.begin(), end}, true));
      all.back()["end"] = static_cast<double>(budget) / x_scale_.divisor;
      rest.erase(rest.begin(), end);
    }
    if (!rest.empty()) all.push_back(line("Front beyond " + budget_text(panel_.budgets.back()), rest, true));
    return all;
  }

  std::string value(std::size_t i, const Objective& objective) const {
    return value_text(panel_.results[i], objective.name);
  }

  void add_figure() {
    Writer& out = page_.out;
    const std::size_t first = panel_.front.front(), last = panel_.front.back();
    std::string summary = quantity_of(y_.name).title + " against " + quantity_of(x_.name).title + " of " +
                          counted(panel_.results.size(), "network", "networks");
    if (panel_.is_front)
      summary += "; " + std::to_string(panel_.front.size()) + " on the Pareto front, from " + value(first, y_) +
                 " at " + value(first, x_) + " to " + value(last, y_) + " at " + value(last, x_);
    out.add("<figure><div class=\"tools\" id=\"" + id_ + "-tools\"></div><div class=\"chart " +
            (panel_.results.size() < kSmallChart ? "small" : "large") + "\"><canvas id=\"" + id_ +
            "\" role=\"img\" aria-label=\"");
    out.add_text(summary);
    out.add("\"></canvas></div><figcaption>");
    out.add_text(caption());
    out.add("</figcaption></figure>\n");
  }

  std::string caption() const {
    const std::size_t num_front = panel_.front.size(), num_results = panel_.results.size();
    std::string text = counted(num_results, "network", "networks") + " measured";
    text += panel_.is_front ? ", " + std::to_string(num_front) + " on the Pareto front" : std::string();
    if (panel_.is_front && panel_.objectives.size() > 2)
      text += " of all " + std::to_string(panel_.objectives.size()) + " objectives, of which this chart shows two";
    text += panel_.is_front    ? "."
            : panel_.is_choice ? ", chosen by other numbers of this page; they make up no front."
                               : "; too few for a front.";
    if (front_.size() < num_front)
      text += " Of the front " + std::to_string(front_.size()) + " are drawn, taken evenly.";
    const std::size_t num_others = panel_.others.size() + panel_.num_left_out;
    if (panel_.is_front && others_.size() < num_others)
      text += " Of the " + std::to_string(num_others) + " dominated ones " + std::to_string(others_.size()) +
              " are drawn, taken evenly along the axis.";
    if (x_.name == "macs" && !panel_.budgets.empty()) text += " Dashed lines are the budgets.";
    if (x_.name == "macs" && panel_.budgets.size() > 1 && panel_.is_front && panel_.objectives.size() == 2)
      text += " Each was searched on its own, so each has a line of its own.";
    const bool has_errors = std::any_of(panel_.front.begin(), panel_.front.end(), [&](std::size_t i) {
      return standard_error(panel_.results[i], y_.name).has_value();
    });
    if (has_errors) text += " Bars and ± are one standard error of the accuracy, from the number of images.";
    return text;
  }

  PageContext& page_;
  const Panel& panel_;
  Objective x_, y_;
  Scale x_scale_, y_scale_;
  std::string id_;
  std::vector<std::size_t> others_, front_;
};

// ---- search against test

std::string difference_text(double difference) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f points %s", std::abs(100 * difference), difference < 0 ? "lower" : "higher");
  return text;
}

void add_agreement(PageContext& page, const Agreement& agreement, const std::string& id) {
  Writer& out = page.out;
  const Panel &search = page.report.panels[agreement.search_panel], &test = page.report.panels[agreement.test_panel];
  Json chart;
  chart["id"] = id;
  const auto title = [](const Panel& panel) {
    const Protocol& protocol = panel.results.front().protocol;
    return "Top-1 accuracy, " + printable(protocol.split.empty() ? "search" : protocol.split, 24) + " split (%)";
  };
  chart["x"] = title(search);
  chart["y"] = title(test);
  chart["points"] = Json::array();
  chart["marks"] = Json::array();
  const auto error = [](const Result& result) { return rounded(100 * standard_error(result, "top1").value_or(0)); };
  for (const auto& pair : agreement.pairs) {
    const Result &a = search.results[pair.searched], &b = test.results[pair.tested];
    const double x = rounded(100 * a.metrics.at("top1")), y = rounded(100 * b.metrics.at("top1"));
    chart["points"].push_back({x, y, page.arch(a), error(b), error(a)});
    if (const std::string letter = page.letter_of(a); !letter.empty()) chart["marks"].push_back({x, y, letter});
  }
  page.agreements.push_back(std::move(chart));
  std::string text = counted(agreement.num_pairs, "network", "networks") + "; on average the second number is " +
                     difference_text(agreement.mean_difference);
  if (agreement.rank_correlation) {
    char number[32];
    std::snprintf(number, sizeof number, "%.3f", *agreement.rank_correlation);
    text += "; Spearman's rank correlation " + std::string(number);
  }
  text += ".";
  if (agreement.pairs.size() < agreement.num_pairs)
    text += " " + std::to_string(agreement.pairs.size()) + " are drawn, taken evenly.";
  out.add("<figure><figcaption><strong>");
  out.add_text(page.heading_of(agreement.search_panel) + " → " +
               title_beside(page.words[agreement.test_panel], page.words[agreement.search_panel]));
  out.add("</strong></figcaption><div class=\"chart square\"><canvas id=\"" + id + "\" role=\"img\" aria-label=\"");
  out.add_text(text);
  out.add("\"></canvas></div><figcaption>");
  out.add_text(text);
  out.add("</figcaption></figure>\n");
}

}  // namespace

void add_front_chart(PageContext& page, std::size_t panel, std::size_t across, bool is_folded) {
  FrontChart(page, panel, across, is_folded).add();
}

void add_agreements(PageContext& page) {
  const auto& agreements = page.report.agreements;
  if (agreements.empty()) return;
  page.out.add(
      "<section aria-labelledby=\"agreement\"><h2 id=\"agreement\">Search against test</h2>\n"
      "<p>Networks are chosen by the accuracy across; what they are worth is the accuracy upwards. On the dashed line "
      "both are equal. The highest of many numbers are partly luck, so what was chosen by them tends to lie lower on "
      "test images.</p>\n<div class=\"charts wide\">\n");
  for (std::size_t a = 0; a < agreements.size(); ++a)
    add_agreement(page, agreements[a], "agreement-" + std::to_string(a));
  page.out.add("</div></section>\n");
}

}  // namespace frontier
