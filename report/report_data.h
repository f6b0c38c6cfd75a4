#pragma once

#include <optional>
#include <string>

#include "db/store.h"
#include "report/page.h"

namespace frontier {

struct ReportScope {
  std::string run;  ///< id or name; empty: all
  std::optional<std::string> space;
};

/// Everything the page shows, from the store; header fields (title, version, ...) are left to the caller.
/// @throws UsageError if the run or the space is unknown.
Report collect_report(const Store& store, const ReportScope& scope);

}  // namespace frontier
