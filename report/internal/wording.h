#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/page.h"

namespace frontier {

/// "1 network", "3 networks".
std::string counted(std::size_t n, const char* one, const char* many);

/// A budget as the user wrote it, exact and without trailing zeros: "0.4 M".
std::string budget_text(std::int64_t macs);
/// A time of the store, "2024-05-01T12:00:00Z", as "2024-05-01 12:00:00 UTC".
std::string when(std::string text);
double seconds_between(const std::string& from, const std::string& to);

/// What tells people how a panel's numbers were measured. Fingerprints and checksums are said as the run that they came
/// from.
struct PanelWords {
  std::string title;                 ///< tells it from the other panels of its space, in as few details as do so
  std::vector<std::string> parts;    ///< of the title
  std::vector<std::string> details;  ///< all of them
};
/// The parts of the title that the other panel's has not.
std::string title_beside(const PanelWords& words, const PanelWords& other);

std::vector<PanelWords> words_of(std::span<const Panel> panels, std::span<const Run> runs);

/// "Run 3: search “three budgets”".
std::string run_title(const Run& run);

}  // namespace frontier
