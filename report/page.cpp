#include "report/page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "common/text.h"
#include "report/assets.h"
#include "report/html.h"

namespace frontier {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxFrontRows = 100;
constexpr std::size_t kMaxRuns = 200;
constexpr std::size_t kMaxSettings = 50;
constexpr std::size_t kOpenPanels = 4;  ///< further charts are folded, and drawn when unfolded
constexpr std::size_t kOpenRuns = 4;

std::string count(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * fraction);
  return text;
}

std::string macs_text(std::int64_t macs) { return format_count(static_cast<double>(macs)); }

/// A budget as the user wrote it: exact, without trailing zeros.
std::string budget_text(std::int64_t macs) {
  const auto [unit, scale] = macs >= 1000000000 ? std::pair(" G", 1e9)
                             : macs >= 100000   ? std::pair(" M", 1e6)
                                                : std::pair(" k", 1e3);
  char text[48];
  std::snprintf(text, sizeof text, "%.6g%s", static_cast<double>(macs) / scale, unit);
  return text;
}

/// Seconds between two times of the store, "2024-05-01T12:00:00Z".
double seconds_between(const std::string& from, const std::string& to) {
  const auto parse = [](const std::string& text) {
    std::tm utc{};
    return ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc) == nullptr ? 0 : ::timegm(&utc);
  };
  return std::difftime(parse(to), parse(from));
}

std::string when(std::string text) {
  if (text.size() == 20 && text[10] == 'T') text = text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
  return text;
}

// ---- how a panel's numbers were measured

struct Detail {
  std::string name;
  std::string value;
};

/// Space and protocol in words; the same details in the same order for every panel.
std::vector<Detail> details_of(const Panel& panel) {
  const Result& any = panel.results.front();
  const Protocol& p = any.protocol;
  return {{"space", any.architecture.space},
          {"data set", p.dataset},
          {"split", p.split},
          {"evaluator", p.evaluator},
          {"built for", any.architecture.built_for},
          {"fidelity", p.fidelity},
          {"batch norm", p.calibration},
          {"checkpoint", p.checkpoint},
          {"seed", std::to_string(p.seed)}};
}

/// "1x28x28/10" as "input 1×28×28, 10 classes".
std::string built_for_text(const std::string& text) {
  const auto slash = text.find('/');
  std::string input;
  for (const char c : text.substr(0, slash)) input += c == 'x' ? "×" : std::string(1, c);
  if (slash == std::string::npos || input.find_first_not_of("0123456789\xc3\x97") != std::string::npos)
    return "built for " + printable(text, 40);
  return "input " + input + ", " + printable(text.substr(slash + 1), 20) + " classes";
}

std::string in_words(const Detail& detail) {
  if (detail.name == "built for") return built_for_text(detail.value);
  if (detail.name == "split") return detail.value.empty() ? "no split" : detail.value + " split";
  if (detail.name == "space" || detail.name == "evaluator" || detail.name == "data set")
    return detail.value.empty() ? "no " + detail.name : detail.value;
  return detail.name + " " + (detail.value.empty() ? "none" : printable(detail.value, 40));
}

/// Titles that tell the panels of one space apart, in as few details as do so; the split always among them.
std::vector<std::string> titles_of(const std::vector<Panel>& panels) {
  static constexpr std::string_view kOrder[] = {"split",    "evaluator",  "data set",  "seed",
                                                "fidelity", "checkpoint", "built for", "batch norm"};
  std::vector<std::map<std::string, Detail, std::less<>>> details;
  for (const Panel& panel : panels) {
    auto& own = details.emplace_back();
    for (const Detail& detail : details_of(panel)) own.emplace(detail.name, detail);
  }
  // Panels that the details taken so far do not tell apart share a class; a detail that splits a class is taken there.
  std::vector<std::string> classes, titles(panels.size());
  for (const auto& own : details) classes.push_back(own.at("space").value);
  const std::vector<std::string> spaces = classes;
  for (const std::string_view name : kOrder) {
    const bool matters_everywhere = name == "split" || name == "evaluator" || name == "data set";
    std::map<std::string, std::set<std::string>> values;
    for (std::size_t p = 0; p < panels.size(); ++p)
      values[matters_everywhere ? spaces[p] : classes[p]].insert(details[p].find(name)->second.value);
    for (std::size_t p = 0; p < panels.size(); ++p) {
      const Detail& detail = details[p].find(name)->second;
      const bool differs = values[matters_everywhere ? spaces[p] : classes[p]].size() > 1;
      if (!differs && (name != "split" || detail.value.empty())) continue;
      titles[p] += (titles[p].empty() ? "" : ", ") + in_words(detail);
    }
    for (std::size_t p = 0; p < panels.size(); ++p) classes[p] += '\n' + details[p].find(name)->second.value;
  }
  for (std::size_t p = 0; p < panels.size(); ++p)
    if (titles[p].empty()) titles[p] = in_words(details[p].at("data set"));
  return titles;
}

// ---- data for the charts

struct Unit {
  std::string name;
  double scale = 1;
};

Unit macs_unit(const Panel& panel) {
  std::int64_t most = 0;
  for (const Result& result : panel.results) most = std::max(most, result.architecture.macs);
  if (most >= 2000000000) return {"G", 1e9};
  if (most >= 200000) return {"M", 1e6};
  return {"k", 1e3};
}

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

using Identity = std::tuple<std::string, std::string, std::string>;
Identity identity(const StoredArchitecture& a) { return {a.space, a.built_for, a.canonical}; }

class Page {
 public:
  explicit Page(const Report& report) : report_(report), titles_(titles_of(report.panels)) {
    for (const Drawing& drawing : report.drawings) letters_[identity(drawing.result.architecture)] = drawing.letter;
    for (std::size_t p = 0; p < report.panels.size(); ++p) {
      const Panel& panel = report.panels[p];
      for (const std::size_t i : panel.front) measured_.insert(identity(panel.results[i].architecture));
    }
    for (std::size_t p = 0; p < report.panels.size(); ++p)
      for (const Result& result : report.panels[p].results)
        if (measured_.contains(identity(result.architecture)))
          elsewhere_[identity(result.architecture)].emplace_back(p, result.metrics.at("top1"));
  }

  std::string text() {
    add_head();
    add_header();
    add_runs();
    add_fronts();
    add_regrets();
    add_curves();
    add_networks();
    add_settings();
    add_footer();
    return std::move(out_);
  }

 private:
  void add(std::string_view text) { out_ += text; }
  void add_text(std::string_view text) { out_ += html(text); }

  void add_head() { add(page_head(report_.title)); }

  void add_header() {
    add("<header>\n<h1>");
    add_text(report_.title);
    add("</h1>\n<dl class=\"facts\">");
    add_fact("Database", report_.database);
    add_fact(report_.spaces.size() == 1 ? "Search space" : "Search spaces",
             report_.spaces.empty() ? "none yet" : join(report_.spaces));
    add_fact("Results", std::to_string(report_.num_results));
    add_fact("Made", when(report_.made));
    add_fact("Frontier", report_.version);
    add("</dl>\n</header>\n<main>\n<noscript><p class=\"note\">The charts need JavaScript; tables and drawings do not."
        "</p></noscript>\n");
    for (const std::string& note : report_.notes) add_note(note);
  }

  void add_fact(std::string_view name, std::string_view value) {
    add("<div><dt>");
    add(name);
    add("</dt><dd>");
    add_text(value);
    add("</dd></div>");
  }

  void add_note(std::string_view text) {
    add("<p class=\"note\">");
    add_text(text);
    add("</p>\n");
  }

  void begin_table(std::string_view label, const std::vector<std::string>& columns, const char* style = "scroll") {
    add(std::string("<div class=\"") + style + "\" role=\"region\" tabindex=\"0\" aria-label=\"");
    add_text(label);
    add("\"><table><thead><tr>");
    for (const std::string& column : columns) {
      static constexpr std::string_view kNumbers[] = {"Run", "Results", "Time", "MACs", "Parameters", "Top-1"};
      const bool is_number = std::find(std::begin(kNumbers), std::end(kNumbers), column) != std::end(kNumbers);
      add("<th scope=\"col\"" + std::string(is_number ? " class=\"number\"" : "") + ">" + column + "</th>");
    }
    add("</tr></thead><tbody>\n");
  }
  void end_table() { add("</tbody></table></div>\n"); }

  void add_cell(std::string_view text, const char* style = "") {
    add("<td");
    if (*style != '\0') add(std::string(" class=\"") + style + "\"");
    add(">");
    add_text(text);
    add("</td>");
  }

  void add_runs() {
    if (report_.runs.empty()) return;
    add("<section aria-labelledby=\"runs\"><h2 id=\"runs\">Runs</h2>\n");
    begin_table("Runs", {"Run", "Kind", "Name", "Space", "State", "Results", "Started", "Time"});
    const std::size_t first = report_.runs.size() - std::min(report_.runs.size(), kMaxRuns);
    for (std::size_t r = first; r < report_.runs.size(); ++r) {
      const Run& run = report_.runs[r];
      add("<tr>");
      add_cell(std::to_string(run.id), "number");
      add_cell(run.kind);
      add_cell(run.name.empty() ? "–" : run.name, "text");
      add_cell(run.space);
      const std::string state(to_string(run.state));
      add("<td class=\"text\"><span class=\"state " + state + "\">" + state + "</span>");
      if (run.state != RunState::kDone) add_text(" at " + std::to_string(static_cast<int>(100 * run.progress)) + " %");
      if (!run.message.empty()) {
        add("<br><span class=\"muted\">");
        add_text(printable(run.message, 300));
        add("</span>");
      }
      add("</td>");
      add_cell(std::to_string(run.num_results), "number");
      add_cell(when(run.created), "time");
      add_cell(format_seconds(seconds_between(run.created, run.updated)), "number");
      add("</tr>\n");
    }
    end_table();
    if (first > 0) add_note(count(first, "older run is", "older runs are") + " left out of this table.");
    add("</section>\n");
  }

  // ---- fronts

  void add_fronts() {
    if (report_.panels.empty()) return;
    add("<section aria-labelledby=\"fronts\"><h2 id=\"fronts\">Accuracy against cost</h2>\n");
    if (report_.panels.size() > 1)
      add("<p>Numbers measured in different ways are not comparable, so each way has its own front. Letters mark the "
          "same "
          "network everywhere.</p>\n");
    for (std::size_t p = 0; p < report_.panels.size(); ++p) add_panel(p);
    add("</section>\n");
  }

  std::string heading_of(std::size_t p) const {
    if (report_.spaces.size() > 1)
      return printable(report_.panels[p].results.front().architecture.space, 60) + ": " + titles_[p];
    std::string heading = titles_[p];
    if (!heading.empty() && heading[0] >= 'a' && heading[0] <= 'z')
      heading[0] = static_cast<char>(heading[0] - 'a' + 'A');
    return heading;
  }

  void add_panel(std::size_t p) {
    const Panel& panel = report_.panels[p];
    const bool folded = p >= kOpenPanels;
    add(folded ? "<details class=\"panel\"><summary><h3>" : "<div class=\"panel\"><h3>");
    add_text(heading_of(p));
    add(folded ? "</h3></summary>\n" : "</h3>\n");
    add("<p class=\"muted\">");
    std::vector<std::string> parts;
    for (const Detail& detail : details_of(panel))
      if (!detail.value.empty()) parts.push_back(in_words(detail));
    add_text(join(parts, " · "));
    add("</p>\n");
    if (panel.is_primary || panel.results.front().protocol.split != "test") add_tiles(p);
    add_front_chart(p);
    add_front_table(p);
    add(folded ? "</details>\n" : "</div>\n");
  }

  /// The same network's accuracy under other protocols of the page.
  std::vector<std::string> measured_elsewhere(const Result& result, std::size_t own_panel) const {
    constexpr std::size_t kShown = 4;
    std::vector<std::string> texts;
    std::size_t more = 0;
    for (const auto& [p, top1] : elsewhere_.at(identity(result.architecture))) {
      if (p == own_panel) continue;
      if (texts.size() == kShown) {
        ++more;
      } else {
        texts.push_back(percent(top1) + " on " + titles_[p]);
      }
    }
    if (more > 0) texts.push_back("and " + std::to_string(more) + " more");
    return texts;
  }

  std::string letter_of(const Result& result) const {
    const auto found = letters_.find(identity(result.architecture));
    return found == letters_.end() ? "" : found->second;
  }

  std::string letter_link(const std::string& letter) const {
    return "<a class=\"letter\" href=\"#network-" + letter + "\" title=\"Its drawing\">" + letter + "</a>";
  }

  void add_tiles(std::size_t p) {
    const Panel& panel = report_.panels[p];
    if (panel.budgets.empty()) return;
    add("<ul class=\"tiles\" aria-label=\"The best network under each budget\">\n");
    const std::size_t num_impossible = panel.budgets.size() - panel.best_within.size();  // the smallest ones
    for (std::size_t b = 0; b < num_impossible; ++b)
      add("<li><span class=\"muted\">Best under " + budget_text(panel.budgets[b]) +
          " MACs</span><strong>–</strong><span>nothing measured is that small</span></li>\n");
    for (std::size_t b = 0; b < panel.best_within.size(); ++b) {
      const Result& best = panel.results[panel.best_within[b]];
      add("<li><span class=\"muted\">Best under " + budget_text(panel.budgets[b + num_impossible]) +
          " MACs</span><strong>" + percent(best.metrics.at("top1")) + "</strong><span>");
      if (const std::string letter = letter_of(best); !letter.empty()) add(letter_link(letter) + " ");
      add_text(macs_text(best.architecture.macs) + " MACs, " + macs_text(best.architecture.params) + " parameters");
      add("</span>");
      for (const std::string& other : measured_elsewhere(best, p)) {
        add("<span>");
        add_text(other);
        add("</span>");
      }
      add("</li>\n");
    }
    add("</ul>\n");
  }

  void add_front_chart(std::size_t p) {
    const Panel& panel = report_.panels[p];
    const std::string id = "front-" + std::to_string(p);
    const Result& first = panel.results[panel.front.front()];
    const Result& last = panel.results[panel.front.back()];
    const std::string summary =
        "Top-1 accuracy against multiply-accumulates of " + count(panel.results.size(), "network", "networks") + "; " +
        std::to_string(panel.front.size()) + " on the Pareto front, from " + percent(first.metrics.at("top1")) +
        " at " + macs_text(first.architecture.macs) + " MACs to " + percent(last.metrics.at("top1")) + " at " +
        macs_text(last.architecture.macs) + " MACs";
    add("<figure><div class=\"tools\" id=\"" + id + "-tools\"></div><div class=\"chart " +
        (panel.results.size() < 10 ? "small" : "large") + "\"><canvas id=\"" + id + "\" role=\"img\" aria-label=\"");
    add_text(summary);
    add("\"></canvas></div><figcaption>");
    add_text(count(panel.results.size(), "network", "networks") + " evaluated, " + std::to_string(panel.front.size()) +
             " on the Pareto front.");
    if (panel.num_left_out > 0)
      add_text(" Of the " + std::to_string(panel.others.size() + panel.num_left_out) + " dominated ones " +
               std::to_string(panel.others.size()) + " are drawn, taken evenly along the MACs.");
    if (!panel.budgets.empty()) add_text(" Dashed lines are the budgets.");
    add("</figcaption></figure>\n");

    Json chart;
    const Unit unit = macs_unit(panel);
    chart["id"] = id;
    chart["x"] = "Multiply-accumulates per image (" + unit.name + " MACs)";
    std::string split = panel.results.front().protocol.split;
    chart["y"] = "Top-1 accuracy" + (split.empty() ? "" : ", " + printable(split, 24) + " split") + " (%)";
    chart["unit"] = unit.name;
    chart["front"] = Json::array();
    chart["others"] = Json::array();
    for (const std::size_t i : panel.front) chart["front"].push_back(point(panel.results[i], unit));
    for (const std::size_t i : panel.others) chart["others"].push_back(point(panel.results[i], unit));
    chart["marks"] = Json::array();
    for (const Result& result : panel.results)
      if (const std::string letter = letter_of(result); !letter.empty())
        chart["marks"].push_back({rounded(static_cast<double>(result.architecture.macs) / unit.scale),
                                  rounded(100 * result.metrics.at("top1")), letter});
    chart["budgets"] = Json::array();
    for (const std::int64_t budget : panel.budgets)
      chart["budgets"].push_back({static_cast<double>(budget) / unit.scale, budget_text(budget)});
    fronts_.push_back(std::move(chart));
  }

  static Json point(const Result& result, const Unit& unit) {
    return {rounded(static_cast<double>(result.architecture.macs) / unit.scale),
            rounded(100 * result.metrics.at("top1")), result.architecture.params,
            printable(result.architecture.arch, 400)};
  }

  void add_front_table(std::size_t p) {
    const Panel& panel = report_.panels[p];
    const bool has_others = std::any_of(panel.front.begin(), panel.front.end(), [&](std::size_t i) {
      return elsewhere_.at(identity(panel.results[i].architecture)).size() > 1;
    });
    std::vector<std::string> columns = {"", "MACs", "Parameters", "Top-1"};
    if (has_others) columns.emplace_back("Elsewhere");
    columns.insert(columns.end(), {"Run", "Network"});
    const std::size_t shown = std::min(panel.front.size(), kMaxFrontRows);
    add("<details" + std::string(panel.is_primary ? " open" : "") + "><summary>Table of the front (" +
        count(panel.front.size(), "network", "networks") + ")</summary>\n");
    begin_table("Networks on the front: " + titles_[p], columns, "scroll tall");
    const double step = shown < 2 ? 0 : static_cast<double>(panel.front.size() - 1) / static_cast<double>(shown - 1);
    for (std::size_t row = 0; row < shown; ++row) {
      const Result& result =
          panel.results[panel.front[static_cast<std::size_t>(std::lround(static_cast<double>(row) * step))]];
      const std::string letter = letter_of(result);
      add(letter.empty() ? "<tr><td></td>" : "<tr class=\"chosen\"><td>" + letter_link(letter) + "</td>");
      add_cell(macs_text(result.architecture.macs), "number");
      add_cell(macs_text(result.architecture.params), "number");
      add_cell(percent(result.metrics.at("top1")), "number");
      if (has_others) add_cell(join(measured_elsewhere(result, p), "\n"), "lines");
      add_cell(result.run ? std::to_string(*result.run) : "–", "number");
      add("<td class=\"arch\"><code>");
      add_text(result.architecture.arch);
      add("</code></td></tr>\n");
    }
    end_table();
    if (shown < panel.front.size())
      add_note(std::to_string(shown) + " of the front's " + std::to_string(panel.front.size()) +
               " networks are listed, taken evenly; `frontier pareto` prints all.");
    add("</details>\n");
  }

  // ---- regret

  void add_regrets() {
    if (report_.regrets.empty()) return;
    add("<section aria-labelledby=\"regret\"><h2 id=\"regret\">Searches of a benchmark</h2>\n"
        "<p>Regret: how much better the best of the benchmark is than the best found so far (accuracies in percentage "
        "points). A line is the mean of repeated searches, its band the half of them in the middle.</p>\n"
        "<div class=\"charts\">\n");
    for (std::size_t r = 0; r < report_.regrets.size(); ++r)
      add_regret(report_.regrets[r], "regret-" + std::to_string(r));
    add("</div></section>\n");
  }

  void add_regret(const RegretChart& regret, const std::string& id) {
    const bool is_fraction = regret.metric == "top1" || regret.metric == "top5";
    const double scale = is_fraction ? 100 : 1;
    Json chart;
    chart["id"] = id;
    chart["x"] = "subnets evaluated";
    chart["y"] = is_fraction ? "regret (points)" : "regret (" + printable(regret.metric, 40) + ")";
    chart["lines"] = Json::array();
    std::string summary = "Mean regret of " + printable(regret.metric, 40) + " at the end:";
    for (const auto& line : regret.lines) {
      Json steps = Json::array(), mean = Json::array(), low = Json::array(), high = Json::array();
      for (const CurvePoint& point : line.mean) steps.push_back(point.step);
      // One value a step of the mean, by step and not by position: null where the curve has none there.
      const auto values = [&](const std::vector<CurvePoint>& points, Json& json) {
        std::map<std::int64_t, double> value_at;
        for (const CurvePoint& point : points) value_at.emplace(point.step, point.value);
        for (const CurvePoint& point : line.mean) {
          const auto found = value_at.find(point.step);
          json.push_back(found == value_at.end() ? Json() : Json(significant(found->second * scale)));
        }
      };
      values(line.mean, mean);
      values(line.low, low);
      values(line.high, high);
      if (!line.mean.empty()) summary += " " + line.label + " " + significant_text(line.mean.back().value * scale);
      chart["lines"].push_back({{"name", printable(line.label, 40)},
                                {"steps", std::move(steps)},
                                {"mean", std::move(mean)},
                                {"low", std::move(low)},
                                {"high", std::move(high)}});
    }
    regrets_.push_back(std::move(chart));
    add("<figure><figcaption><strong>");
    add_text(printable(regret.metric, 40) + ", " + (regret.reported.empty() ? regret.searched : regret.reported));
    add("</strong> <span class=\"muted\">");
    if (report_.spaces.size() > 1) add_text(regret.space + " · ");
    if (!regret.reported.empty()) add_text("chosen by " + regret.searched + " · ");
    const std::string least =
        regret.least_repeats == regret.most_repeats ? "" : std::to_string(regret.least_repeats) + " to ";
    add_text(least + count(static_cast<std::size_t>(regret.most_repeats), "search", "searches") + " a line");
    add("</span></figcaption><div class=\"chart\"><canvas id=\"" + id + "\" role=\"img\" aria-label=\"");
    add_text(summary);
    add("\"></canvas></div></figure>\n");
  }

  // ---- curves

  void add_curves() {
    if (report_.curves.empty()) return;
    add("<section aria-labelledby=\"curves\"><h2 id=\"curves\">Training and search</h2>\n");
    for (std::size_t r = 0; r < report_.curves.size(); ++r) {
      const RunCurves& curves = report_.curves[r];
      // The latest runs are open; they come last.
      const bool folded = r + kOpenRuns < report_.curves.size();
      const std::string heading = run_title(curves.run);
      add(folded ? "<details class=\"panel\"><summary><h3>" : "<div class=\"panel\"><h3>");
      add_text(heading);
      add(folded ? "</h3></summary>\n<div class=\"charts\">\n" : "</h3>\n<div class=\"charts\">\n");
      add_curve_charts(curves, r);
      add(folded ? "</div></details>\n" : "</div></div>\n");
    }
    add("</section>\n");
  }

  static std::string run_title(const Run& run) {
    std::string title = "Run " + std::to_string(run.id) + ": " + run.kind;
    if (!run.name.empty()) title += " “" + run.name + "”";
    return title;
  }

  /// One chart for every "group/quantity"; what follows ("train/loss/teacher") are lines within it.
  void add_curve_charts(const RunCurves& curves, std::size_t r) {
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
    for (std::size_t c = 0; c < order.size(); ++c)
      add_curve_chart(order[c], charts[order[c]], "curve-" + std::to_string(r) + "-" + std::to_string(c));
  }

  struct Quantity {
    std::string title;
    std::string axis;
    double scale = 1;
  };

  static Quantity quantity_of(const std::string& name) {
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
    return {title, what};
  }

  void add_curve_chart(const std::string& name, const std::vector<const Curve*>& lines, const std::string& id) {
    const Quantity quantity = quantity_of(name);
    Json chart;
    chart["id"] = id;
    chart["x"] = name.starts_with("search/")  ? "subnets evaluated"
                 : name.starts_with("train/") ? "training step"
                                              : "step";
    chart["y"] = quantity.axis;
    chart["lines"] = Json::array();
    std::size_t num_points = 0, num_drawn = 0;
    for (const Curve* curve : lines) {
      Json steps = Json::array(), values = Json::array();
      for (const CurvePoint& point : curve->points) {
        steps.push_back(point.step);
        values.push_back(significant(point.value * quantity.scale));
      }
      const std::string label = curve->name == name ? quantity.title : curve->name.substr(name.size() + 1);
      chart["lines"].push_back({{"name", label}, {"steps", std::move(steps)}, {"values", std::move(values)}});
      num_points += curve->num_points;
      num_drawn += curve->points.size();
    }
    chart["smooth"] = name == "train/loss" || name == "train/macs" || name == "train/arch_loss";
    curves_.push_back(std::move(chart));

    add("<figure><figcaption><strong>");
    add_text(quantity.title);
    add("</strong> <code>");
    add_text(name);
    add("</code></figcaption><div class=\"chart\"><canvas id=\"" + id + "\" role=\"img\" aria-label=\"");
    const CurvePoint& last = lines.front()->points.back();
    add_text(quantity.title + " over " + count(num_points, "point", "points") + "; the last, at step " +
             std::to_string(last.step) + ", is " + significant_text(last.value * quantity.scale) + " (" +
             quantity.axis + ")");
    add("\"></canvas></div>");
    if (num_drawn < num_points)
      add("<p class=\"muted\">" + std::to_string(num_drawn) + " of " + std::to_string(num_points) +
          " points are drawn, taken evenly.</p>");
    add("</figure>\n");
  }

  static std::string significant_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.5g", value);
    return text;
  }
  static double significant(double value) { return std::strtod(significant_text(value).c_str(), nullptr); }

  // ---- networks

  void add_networks() {
    if (report_.drawings.empty()) return;
    add("<section aria-labelledby=\"networks\"><h2 id=\"networks\">The chosen networks</h2>\n<p>Top to bottom, a box a "
        "block: "
        "k kernel size, e expansion, se squeeze-excite, skip shortcut. The bar is the block's share of the network's "
        "MACs.</p>\n<div class=\"networks\">\n");
    for (const Drawing& drawing : report_.drawings) add_drawing(drawing);
    add("</div></section>\n");
  }

  void add_drawing(const Drawing& drawing) {
    const Result& result = drawing.result;
    add("<article id=\"network-" + drawing.letter + "\"><h3><span class=\"letter\">" + drawing.letter + "</span> " +
        percent(result.metrics.at("top1")) + ", " + macs_text(result.architecture.macs) +
        " MACs</h3>\n<p class=\"muted\">");
    std::vector<std::string> parts;
    for (const std::int64_t budget : drawing.budgets) parts.push_back("best under " + budget_text(budget) + " MACs");
    parts.push_back(macs_text(result.architecture.params) + " parameters");
    if (report_.spaces.size() > 1) parts.push_back(result.architecture.space);
    add_text(join(parts, " · "));
    add("</p><p class=\"arch\"><code>");
    add_text(result.architecture.arch);
    add("</code></p>\n<div class=\"scroll\">");
    if (drawing.svg.empty()) {
      add_note("Not drawn: " + printable(drawing.why_not, 300));
    } else {
      add(drawing.svg);
    }
    add("</div></article>\n");
  }

  // ---- settings, data

  void add_settings() {
    if (report_.runs.empty()) return;
    add("<section aria-labelledby=\"settings\"><h2 id=\"settings\">Settings</h2>\n");
    const std::size_t first = report_.runs.size() - std::min(report_.runs.size(), kMaxSettings);
    for (std::size_t r = first; r < report_.runs.size(); ++r) {
      const Run& run = report_.runs[r];
      add("<details class=\"settings\"><summary>");
      add_text(run_title(run));
      add("</summary>\n<dl class=\"facts\">");
      add_fact("Seed", std::to_string(run.seed));
      if (!run.version.empty()) add_fact("Version", run.version);
      if (!run.checkpoint.empty()) add_fact("Checkpoint", run.checkpoint);
      if (run.parent) add_fact("Follows run", std::to_string(*run.parent));
      add("</dl><pre class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Configuration\">");
      const Json config = Json::parse(run.config, nullptr, false);
      add_text(config.is_discarded() ? run.config : config.dump(2, ' ', false, Json::error_handler_t::replace));
      add("</pre></details>\n");
    }
    if (first > 0) add_note("Settings of the latest " + std::to_string(kMaxSettings) + " runs are shown.");
    add("</section>\n");
  }

  void add_footer() {
    add("</main>\n<footer><p>Made by Frontier ");
    add_text(report_.version);
    add(". MACs are multiply-accumulates, what papers often print as FLOPs. This file needs no network.</p>\n"
        "<details><summary>Licence of the chart library</summary><pre>");
    add_text(report_assets::kChartJsLicense);
    add("</pre></details></footer>\n<script type=\"application/json\" id=\"data\">");
    add(script_json(
        {{"fronts", std::move(fronts_)}, {"regrets", std::move(regrets_)}, {"curves", std::move(curves_)}}));
    add("</script>\n<script>\n");
    add(report_assets::kChartJs);
    add("\n</script>\n<script>\n");
    add(report_assets::kScript);
    add("</script>\n</body>\n</html>\n");
  }

  const Report& report_;
  std::vector<std::string> titles_;  ///< of the panels
  std::map<Identity, std::string> letters_;
  std::set<Identity> measured_;
  std::map<Identity, std::vector<std::pair<std::size_t, double>>> elsewhere_;  ///< of front members: panel, top1
  Json fronts_ = Json::array();
  Json regrets_ = Json::array();
  Json curves_ = Json::array();
  std::string out_;
};

}  // namespace

std::string page(const Report& report) { return Page(report).text(); }

}  // namespace frontier
