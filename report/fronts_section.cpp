// The fronts: best under each budget, a chart for every cost, the table, and what the front's networks decide.
#include <algorithm>
#include <cmath>

#include "common/text.h"
#include "report/commands.h"
#include "report/html.h"
#include "report/internal/sections.h"
#include "report/internal/thinned.h"
#include "report/quantity.h"

namespace frontier {
namespace {

constexpr std::size_t kMaxRows = 100;
constexpr std::size_t kOpenPanels = 4;  ///< further ones are folded, and their charts drawn when unfolded

/// The other numbers of a network, in the order that people ask for them.
std::string further_numbers(const Panel& panel, const Result& result) {
  std::vector<std::string> parts;
  for (std::size_t o = 1; o < panel.objectives.size(); ++o)
    parts.push_back(value_text(result, panel.objectives[o].name));
  for (const char* name : {"macs", "params"})
    if (std::none_of(panel.objectives.begin(), panel.objectives.end(),
                     [&](const Objective& objective) { return objective.name == name; }))
      parts.push_back(value_text(result, name));
  return join(parts);
}

void add_tile(PageContext& page, std::size_t p, std::int64_t budget, const Result& best) {
  Writer& out = page.out;
  const Panel& panel = page.report.panels[p];
  out.add("<li><span class=\"muted\">Best under " + budget_text(budget) + " MACs</span><strong>");
  out.add_text(value_text(best, panel.objectives.front().name));
  out.add("</strong><span>");
  if (const std::string letter = page.letter_of(best); !letter.empty()) out.add(PageContext::letter_link(letter) + " ");
  out.add_text(further_numbers(panel, best));
  out.add("</span>");
  for (const std::string& other : page.measured_elsewhere(best, p)) {
    out.add("<span>");
    out.add_text(other);
    out.add("</span>");
  }
  out.add("</li>\n");
}

void add_tiles(PageContext& page, std::size_t p) {
  const Panel& panel = page.report.panels[p];
  if (panel.budgets.empty()) return;
  Writer& out = page.out;
  out.add("<ul class=\"tiles\" aria-label=\"The best network under each budget\">\n");
  const std::size_t num_impossible = panel.budgets.size() - panel.best_within.size();  // the smallest ones
  for (std::size_t b = 0; b < num_impossible; ++b)
    out.add("<li><span class=\"muted\">Best under " + budget_text(panel.budgets[b]) +
            " MACs</span><strong>–</strong><span>nothing measured is that small</span></li>\n");
  for (std::size_t b = 0; b < panel.best_within.size(); ++b)
    add_tile(page, p, panel.budgets[b + num_impossible], panel.results[panel.best_within[b]]);
  out.add("</ul>\n");
}

/// Columns of numbers: the objectives, MACs and parameters.
std::vector<std::string> numbers_of(const Panel& panel) {
  std::vector<std::string> names;
  for (const Objective& objective : panel.objectives) names.push_back(objective.name);
  for (const char* name : {"macs", "params"})
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  return names;
}

void add_row(PageContext& page, std::size_t p, const Result& result, const std::vector<std::string>& numbers,
             bool has_others) {
  Writer& out = page.out;
  const std::string letter = page.letter_of(result);
  out.add(letter.empty()
              ? "<tr role=\"row\"><td role=\"cell\"></td>"
              : "<tr role=\"row\" class=\"chosen\"><td role=\"cell\">" + PageContext::letter_link(letter) + "</td>");
  for (const std::string& name : numbers) {
    // The unit of counts is in the column's title.
    const bool is_count = name == "macs" || name == "params";
    out.add_cell(is_count ? format_count(value_of(result, name)) : value_text(result, name), "number");
  }
  if (has_others) out.add_cell(join(page.measured_elsewhere(result, p), "\n"), "lines");
  out.add_cell(result.run ? std::to_string(*result.run) : "–", "number");
  out.add("<td role=\"cell\" class=\"arch\"><code>");
  out.add_text(result.architecture.arch);
  out.add("</code></td></tr>\n");
}

void add_table(PageContext& page, std::size_t p) {
  Writer& out = page.out;
  const Panel& panel = page.report.panels[p];
  std::vector<std::size_t> members = panel.front;
  if (!panel.is_front) {
    members.resize(panel.results.size());
    for (std::size_t i = 0; i < members.size(); ++i) members[i] = i;
    std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
      const std::string& name = panel.objectives[1].name;
      return value_of(panel.results[a], name) < value_of(panel.results[b], name);
    });
  }
  const bool has_others = std::any_of(members.begin(), members.end(), [&](std::size_t i) {
    return !page.measured_elsewhere(panel.results[i], p).empty();
  });
  const std::vector<std::string> numbers = numbers_of(panel);
  std::vector<Writer::Column> columns = {{""}};
  for (const std::string& name : numbers) columns.push_back({quantity_of(name).brief, true});
  if (has_others) columns.push_back({"Elsewhere"});
  columns.insert(columns.end(), {{"Run", true}, {"Network"}});
  out.add("<details" + std::string(panel.is_primary ? " open" : "") + "><summary>" +
          (panel.is_front ? "Table of the front (" : "Table (") + counted(members.size(), "network", "networks") +
          ")</summary>\n");
  out.begin_table(std::string(panel.is_front ? "Networks on the front: " : "Networks: ") + page.words[p].title, columns,
                  "scroll tall");
  const auto shown = thinned(members, kMaxRows);
  for (const std::size_t i : shown) add_row(page, p, panel.results[i], numbers, has_others);
  out.end_table();
  if (shown.size() < members.size())
    out.add_note(std::to_string(shown.size()) + " of " + std::to_string(members.size()) +
                 " networks are listed, taken evenly; this command prints all.");
  const std::string line = panel.is_front ? front_command(panel, page.report.database, page.report.run) : "";
  if (!line.empty()) {
    const std::string id = "command-front-" + std::to_string(p);
    out.add("<ul class=\"commands\">");
    add_command(out, {"Print this front", line}, id);
    out.add("</ul>\n");
  }
  out.add("</details>\n");
}

std::string whole_percent(std::size_t part, std::size_t whole) {
  return std::to_string(std::lround(100.0 * static_cast<double>(part) / static_cast<double>(whole))) + " %";
}

void add_use(Writer& out, const DecisionUse& use, std::size_t num_used) {
  std::vector<std::string> texts;
  for (const auto& option : use.options)
    texts.push_back(printable(option.label, 40) + " " + whole_percent(option.count, use.num_networks));
  out.add("<li><span class=\"decision\">");
  out.add_text(printable(use.decision, 60));
  if (use.num_networks < num_used) out.add(" <span class=\"muted\">in " + std::to_string(use.num_networks) + "</span>");
  out.add("</span><span class=\"shares\" role=\"img\" aria-label=\"");
  out.add_text(join(texts));
  out.add("\">");
  for (std::size_t i = 0; i < use.options.size(); ++i) {
    const auto& option = use.options[i];
    // From pale to strong in the decision's order, whichever options occur.
    const double strength =
        use.num_options < 2 ? 0 : static_cast<double>(option.place) / static_cast<double>(use.num_options - 1);
    out.add("<span style=\"flex-grow:" + std::to_string(option.count) +
            ";--strength:" + std::to_string(std::lround(10 + 35 * strength)) + "%\" title=\"");
    out.add_text(texts[i]);
    out.add("\">");
    out.add_text(printable(option.label, 40));
    out.add("</span>");
  }
  out.add("</span></li>\n");
}

/// How wide the column of the decisions' names is, in widths of a letter m; longer ones are broken.
std::size_t names_width(const std::vector<DecisionUse>& uses) {
  constexpr std::size_t kLeast = 4, kMost = 13;
  std::size_t longest = 0;
  for (const DecisionUse& use : uses) longest = std::max(longest, use.decision.size());
  return std::clamp(longest * 3 / 5 + 1, kLeast, kMost);
}

void add_uses(Writer& out, const Panel& panel) {
  if (panel.uses.empty()) return;
  out.add("<details open><summary>What the front's networks decide</summary>\n<p class=\"muted\">");
  out.add_text("Each bar is split by how many of the " + counted(panel.num_used, "network", "networks") +
               (panel.num_used < panel.front.size() ? ", taken evenly from the front," : " on the front") +
               " take the option; “in 5” where the decision matters in 5 of them alone.");
  out.add("</p>\n<ul class=\"uses\" style=\"--names:" + std::to_string(names_width(panel.uses)) + "em\">\n");
  for (const DecisionUse& use : panel.uses) add_use(out, use, panel.num_used);
  out.add("</ul></details>\n");
}

void add_panel(PageContext& page, std::size_t p) {
  Writer& out = page.out;
  const Panel& panel = page.report.panels[p];
  const bool folded = p >= kOpenPanels;
  out.add(folded ? "<details class=\"panel\"><summary><h3>" : "<div class=\"panel\"><h3>");
  out.add_text(page.heading_of(p));
  out.add(folded ? "</h3></summary>\n" : "</h3>\n");
  out.add("<p class=\"muted\">");
  out.add_text(join(page.words[p].details, " · "));
  out.add("</p>\n");
  if (panel.is_front) add_tiles(page, p);
  for (std::size_t across = 1; across < panel.objectives.size(); ++across) add_front_chart(page, p, across, folded);
  add_table(page, p);
  add_uses(out, panel);
  out.add(folded ? "</details>\n" : "</div>\n");
}

/// What the fronts are about, where they all are about the same.
std::string heading(const std::vector<Panel>& panels) {
  const auto& first = panels.front().objectives;
  const bool same =
      std::all_of(panels.begin(), panels.end(), [&](const Panel& panel) { return panel.objectives == first; });
  if (!same) return "Fronts";
  const auto word = [](const std::string& name) -> std::string {
    if (name == "macs") return "MACs";
    std::string title = printable(quantity_of(name).title, 60);
    if (title[0] >= 'A' && title[0] <= 'Z') title[0] = static_cast<char>(title[0] - 'A' + 'a');
    return title;
  };
  std::vector<std::string> costs;
  for (std::size_t o = 1; o < first.size(); ++o) costs.push_back(word(first[o].name));
  std::string text = printable(quantity_of(first.front().name).title, 60) + " against " + join(costs, " and ");
  return text;
}

}  // namespace

void add_fronts(PageContext& page) {
  const auto& panels = page.report.panels;
  if (panels.empty()) return;
  page.out.add("<section aria-labelledby=\"fronts\"><h2 id=\"fronts\">");
  page.out.add_text(heading(panels));
  page.out.add("</h2>\n");
  if (panels.size() > 1)
    page.out.add(
        "<p>Numbers measured in different ways are not comparable, so each way has its own chart. Letters mark the "
        "same network everywhere.</p>\n");
  for (std::size_t p = 0; p < panels.size(); ++p) add_panel(page, p);
  page.out.add("</section>\n");
}

}  // namespace frontier
