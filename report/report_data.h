#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/store.h"
#include "report/page.h"

namespace frontier {

struct ReportScope {
  std::string run;  ///< id or name; empty: all
  std::optional<std::string> space;
  /// Two or more, of all fronts; empty: of each front what the latest search of its numbers optimised, else top1 and
  /// MACs.
  std::vector<Objective> objectives;
};

/// Everything the page shows, from the store; header fields (title, version, ...) are left to the caller.
/// @param database as the commands on the page name it.
/// @throws UsageError if the run, the space or an objective is unknown.
Report collect_report(const Store& store, const ReportScope& scope, const std::string& database);

}  // namespace frontier
