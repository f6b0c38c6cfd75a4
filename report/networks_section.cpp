#include <algorithm>

#include "common/text.h"
#include "report/html.h"
#include "report/internal/sections.h"
#include "report/quantity.h"

namespace frontier {
namespace {

/// "best under 0.4 M MACs", and the numbers that the heading does not say.
std::vector<std::string> remarks_of(const PageContext& page, const Drawing& drawing) {
  std::vector<std::string> parts;
  for (const std::int64_t budget : drawing.budgets) parts.push_back("best under " + budget_text(budget) + " MACs");
  for (const char* name : {"macs", "params"})
    if (std::none_of(drawing.objectives.begin(), drawing.objectives.end(),
                     [&](const Objective& objective) { return objective.name == name; }))
      parts.push_back(value_text(drawing.result, name));
  if (page.report.spaces.size() > 1) parts.push_back(drawing.result.architecture.space);
  return parts;
}

std::string cell_title(const CellPicture& cell) {
  std::string title = cell.kind.empty() ? "The cell" : "The " + printable(cell.kind, 30) + " cell";
  if (cell.repeats > 0) title += ", " + counted(cell.repeats, "time", "times");
  return title;
}

void add_drawing(PageContext& page, const Drawing& drawing) {
  Writer& out = page.out;
  const Result& result = drawing.result;
  std::vector<std::string> numbers;
  for (const Objective& objective : drawing.objectives) numbers.push_back(value_text(result, objective.name));
  out.add("<article id=\"network-" + drawing.letter + "\"><h3><span class=\"letter\">" + drawing.letter + "</span> ");
  out.add_text(join(numbers));
  out.add("</h3>\n<p class=\"muted\">");
  out.add_text(join(remarks_of(page, drawing), " · "));
  out.add("</p><p class=\"arch\"><code>");
  out.add_text(result.architecture.arch);
  out.add("</code></p>\n");
  if (!drawing.commands.empty()) {
    out.add("<ul class=\"commands\">\n");
    for (std::size_t c = 0; c < drawing.commands.size(); ++c)
      add_command(out, drawing.commands[c], "command-" + drawing.letter + "-" + std::to_string(c));
    out.add("</ul>\n");
  }
  if (drawing.svg.empty()) {
    out.add_note("Not drawn: " + printable(drawing.why_not, 300));
  } else {
    out.add("<div class=\"scroll\">" + drawing.svg + "</div>");
  }
  for (const CellPicture& cell : drawing.cells) {
    out.add("<h4>");
    out.add_text(cell_title(cell));
    out.add("</h4>\n<div class=\"scroll\">" + draw(cell, cell_title(cell) + " of network " + drawing.letter) +
            "</div>");
  }
  out.add("</article>\n");
}

}  // namespace

void add_command(Writer& out, const Command& command, const std::string& id) {
  // Without JavaScript there is nothing to press; the line can be marked and copied.
  out.add("<li><details><summary>");
  out.add_text(command.purpose);
  out.add("</summary><pre id=\"" + id + "\" tabindex=\"0\">");
  out.add_text(command.line);
  out.add("</pre></details><button type=\"button\" class=\"copy\" data-copies=\"" + id +
          "\" hidden aria-label=\"Copy the command: ");
  out.add_text(command.purpose);
  out.add("\">Copy</button></li>\n");
}

void add_networks(PageContext& page) {
  const auto& drawings = page.report.drawings;
  if (drawings.empty()) return;
  Writer& out = page.out;
  const auto has_cells = [](const Drawing& drawing) { return !drawing.cells.empty(); };
  const auto reads_two = [](const Drawing& drawing) {
    return !drawing.cells.empty() && drawing.cells.front().num_inputs > 1;
  };
  const auto is_drawn = [](const Drawing& drawing) { return !drawing.svg.empty(); };
  out.add("<section aria-labelledby=\"networks\"><h2 id=\"networks\">The chosen networks</h2>\n<p>");
  if (std::any_of(drawings.begin(), drawings.end(), is_drawn))
    out.add("Top to bottom, a box a block; the bar is the block's share of the network's MACs. ");
  if (std::any_of(drawings.begin(), drawings.end(), [&](const auto& d) { return is_drawn(d) && !has_cells(d); }))
    out.add("k kernel size, e expansion, se squeeze-excite, skip shortcut. ");
  if (std::any_of(drawings.begin(), drawings.end(), has_cells))
    out.add(
        "Of cells that repeat one is drawn: circles are its nodes, boxes the operations; each reads the nodes whose "
        "lines end in a dot before it, and what leads into a node is added up. ");
  if (std::any_of(drawings.begin(), drawings.end(), reads_two))
    out.add("Nodes -2 and -1 are the outputs of the two cells before. ");
  out.add("Commands are for a shell in the folder that the runs were started in.</p>\n<div class=\"networks\">\n");
  for (const Drawing& drawing : drawings) add_drawing(page, drawing);
  out.add("</div></section>\n");
}

}  // namespace frontier
