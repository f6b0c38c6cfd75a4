#include "common/options.h"
#include "common/text.h"
#include "report/html.h"
#include "report/internal/sections.h"

namespace frontier {
namespace {

constexpr std::size_t kMaxRuns = 200;
constexpr std::size_t kMaxSettings = 50;

std::size_t first_shown(const std::vector<Run>& runs, std::size_t limit) {
  return runs.size() - std::min(runs.size(), limit);
}

/// The store's times are whole seconds.
std::string duration(const Run& run) {
  const double seconds = seconds_between(run.created, run.updated);
  if (seconds < 1) return "under 1 s";
  return seconds < 60 ? std::to_string(static_cast<int>(seconds)) + " s" : format_seconds(seconds);
}

void add_run(Writer& out, const Run& run) {
  out.add("<tr role=\"row\">");
  out.add_cell(std::to_string(run.id), "number", "Run");
  out.add_cell(run.kind, "", "Kind");
  out.add_cell(run.name.empty() ? "–" : run.name, "text", "Name");
  out.add_cell(run.space, "text", "Space");
  const std::string state(to_string(run.state));
  out.add("<td role=\"cell\" class=\"text\" data-label=\"State\"><span><span class=\"state " + state + "\">" + state +
          "</span>");
  if (run.state != RunState::kDone) out.add_text(" at " + std::to_string(static_cast<int>(100 * run.progress)) + " %");
  if (!run.message.empty()) {
    out.add("<br><span class=\"muted\">");
    out.add_text(printable(run.message, 300));
    out.add("</span>");
  }
  out.add("</span></td>");
  out.add_cell(std::to_string(run.num_results), "number", "Results");
  out.add_cell(when(run.created), "time", "Started");
  out.add_cell(duration(run), "number", "Time");
  out.add("</tr>\n");
}

void add_settings_of(Writer& out, const Run& run) {
  out.add("<details class=\"settings\"><summary>");
  out.add_text(run_title(run));
  out.add("</summary>\n<dl class=\"facts\">");
  out.add_fact("Seed", std::to_string(run.seed));
  if (!run.version.empty()) out.add_fact("Version", run.version);
  if (!run.checkpoint.empty()) out.add_fact("Checkpoint", run.checkpoint);
  if (run.parent) out.add_fact("Follows run", std::to_string(*run.parent));
  out.add("</dl><pre class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Configuration\">");
  const nlohmann::json config = parse_json_or_discard(run.config);
  out.add_text(config.is_discarded() ? run.config
                                     : config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  out.add("</pre></details>\n");
}

}  // namespace

void add_runs(PageContext& page) {
  const std::vector<Run>& runs = page.report.runs;
  if (runs.empty()) return;
  Writer& out = page.out;
  out.add("<section aria-labelledby=\"runs\"><h2 id=\"runs\">Runs</h2>\n");
  out.begin_table(
      "Runs", {{"Run", true}, {"Kind"}, {"Name"}, {"Space"}, {"State"}, {"Results", true}, {"Started"}, {"Time", true}},
      "scroll stacked");
  const std::size_t first = first_shown(runs, kMaxRuns);
  for (std::size_t r = first; r < runs.size(); ++r) add_run(out, runs[r]);
  out.end_table();
  if (first > 0) out.add_note(counted(first, "older run is", "older runs are") + " left out of this table.");
  out.add("</section>\n");
}

void add_settings(PageContext& page) {
  const std::vector<Run>& runs = page.report.runs;
  if (runs.empty()) return;
  Writer& out = page.out;
  out.add("<section aria-labelledby=\"settings\"><h2 id=\"settings\">Settings</h2>\n");
  const std::size_t first = first_shown(runs, kMaxSettings);
  for (std::size_t r = first; r < runs.size(); ++r) add_settings_of(out, runs[r]);
  if (first > 0) out.add_note("Settings of the latest " + std::to_string(kMaxSettings) + " runs are shown.");
  out.add("</section>\n");
}

}  // namespace frontier
