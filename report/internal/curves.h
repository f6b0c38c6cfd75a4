#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/page.h"

namespace frontier {

/// One chart for all repeated searches of one table, budget and metric, and one more for each table reported by.
std::vector<RegretChart> make_regrets(const Store& store, std::span<const Run> runs);

/// What the other runs logged. @param notes gains what is not shown.
std::vector<RunCurves> make_curves(const Store& store, std::span<const Run> runs, std::vector<std::string>& notes);

}  // namespace frontier
