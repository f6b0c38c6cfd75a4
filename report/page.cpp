#include "report/page.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "report/assets.h"
#include "report/html.h"
#include "report/internal/sections.h"
#include "report/quantity.h"

namespace frontier {

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

PageContext::PageContext(const Report& shown) : report(shown), words(words_of(shown.panels, shown.runs)) {
  for (const Drawing& drawing : report.drawings)
    letters_[network(drawing.result)] = {drawing.result.architecture.space, drawing.letter};
  for (const Panel& panel : report.panels) {
    for (const std::size_t i : panel.front) measured_[network(panel.results[i])];
    if (!panel.is_front)
      for (const Result& result : panel.results) measured_[network(result)];
  }
  for (std::size_t p = 0; p < report.panels.size(); ++p)
    for (const Result& result : report.panels[p].results)
      if (const auto found = measured_.find(network(result)); found != measured_.end())
        found->second.emplace_back(p, &result);
}

std::string PageContext::letter_of(const Result& result) const {
  const auto found = letters_.find(network(result));
  return found != letters_.end() && found->second.first == result.architecture.space ? found->second.second : "";
}

std::vector<std::pair<const Result*, std::string>> PageContext::lettered(const Panel& panel) const {
  std::vector<std::pair<const Result*, std::string>> found;
  for (const Result& result : panel.results)
    if (const std::string letter = letter_of(result); !letter.empty()) found.emplace_back(&result, letter);
  return found;
}

std::string PageContext::letter_link(const std::string& letter) {
  return "<a class=\"letter\" href=\"#network-" + letter + "\" title=\"Its drawing\">" + letter + "</a>";
}

std::vector<std::string> PageContext::measured_elsewhere(const Result& result, std::size_t own_panel) const {
  constexpr std::size_t kShown = 4;
  std::vector<std::string> texts;
  std::size_t more = 0;
  for (const auto& [p, other] : measured_.at(network(result))) {
    if (p == own_panel || other->architecture.space != result.architecture.space) continue;
    if (texts.size() == kShown) {
      ++more;
    } else {
      texts.push_back(title_beside(words[p], words[own_panel]) + ": " +
                      value_text(*other, report.panels[p].objectives.front().name));
    }
  }
  if (more > 0) texts.push_back("and " + std::to_string(more) + " more");
  return texts;
}

std::size_t PageContext::arch(const Result& result) {
  const auto [place, is_new] = places_.try_emplace(network(result), archs.size());
  if (is_new)
    archs.push_back({printable(result.architecture.arch, 400),
                     format_count(static_cast<double>(result.architecture.macs)) + " MACs, " +
                         format_count(static_cast<double>(result.architecture.params)) + " parameters"});
  return place->second;
}

std::string PageContext::heading_of(std::size_t panel) const {
  std::string heading = words[panel].title;
  if (report.spaces.size() > 1)
    return printable(report.panels[panel].results.front().architecture.space, 60) + ": " + heading;
  if (!heading.empty() && heading[0] >= 'a' && heading[0] <= 'z')
    heading[0] = static_cast<char>(heading[0] - 'a' + 'A');
  return heading;
}

namespace {

void add_header(PageContext& page) {
  Writer& out = page.out;
  const Report& report = page.report;
  out.add(page_head(report.title));
  out.add("<header>\n<h1>");
  out.add_text(report.title);
  out.add("</h1>\n<dl class=\"facts\">");
  out.add_fact("Database", report.database);
  out.add_fact(report.spaces.size() == 1 ? "Search space" : "Search spaces",
               report.spaces.empty() ? "none yet" : join(report.spaces));
  out.add_fact("Results", std::to_string(report.num_results));
  out.add_fact("Made", when(report.made));
  out.add_fact("Frontier", report.version);
  out.add(
      "</dl>\n</header>\n<main>\n<noscript><p class=\"note\">The charts need JavaScript; tables and drawings do not."
      "</p></noscript>\n");
  for (const std::string& note : report.notes) out.add_note(note);
}

void add_footer(PageContext& page) {
  Writer& out = page.out;
  out.add("</main>\n<footer><p>Made by Frontier ");
  out.add_text(page.report.version);
  out.add(
      ". MACs are multiply-accumulates, what papers often print as FLOPs. This file needs no network.</p>\n"
      "<details><summary>Licence of the chart library</summary><pre>");
  out.add_text(report_assets::kChartJsLicense);
  out.add(
      "</pre></details></footer>\n<p class=\"said\" role=\"status\" id=\"said\"></p>\n"
      "<script type=\"application/json\" id=\"data\">");
  out.add(script_json({{"fronts", std::move(page.fronts)},
                       {"agreements", std::move(page.agreements)},
                       {"regrets", std::move(page.regrets)},
                       {"curves", std::move(page.curves)},
                       {"comparisons", std::move(page.comparisons)},
                       {"archs", std::move(page.archs)}}));
  out.add("</script>\n<script>\n");
  out.add(report_assets::kChartJs);
  out.add("\n</script>\n<script>\n'use strict';\n(() => {\n");
  for (const std::string_view part : {report_assets::kChartBase, report_assets::kMarks, report_assets::kFronts,
                                      report_assets::kCurves, report_assets::kComparisons, report_assets::kScript})
    out.add(part);
  out.add("})();\n</script>\n</body>\n</html>\n");
}

}  // namespace

std::string page(const Report& report) {
  PageContext page(report);
  add_header(page);
  add_runs(page);
  add_comparisons(page);
  add_fronts(page);
  add_agreements(page);
  add_regrets(page);
  add_curves(page);
  add_networks(page);
  add_settings(page);
  add_footer(page);
  return page.out.take();
}

}  // namespace frontier
