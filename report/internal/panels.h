#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/page.h"
#include "report/report_data.h"

namespace frontier {

/// The fronts of what the filter leaves, the space with most results first; those of most use where there are many.
/// @param notes gains what is not shown, and why.
/// @throws UsageError if an objective of the scope is unknown.
std::vector<Panel> make_panels(const Store& store, const Filter& filter, const ReportScope& scope,
                               std::span<const Run> runs, std::vector<std::string>& notes);

/// Panels whose numbers are accuracies of one thing on a search split and on test images.
std::vector<Agreement> make_agreements(const std::vector<Panel>& panels);

/// The networks of a primary panel that are drawn: the best under each budget; without budgets, some spread over the
/// front.
std::vector<std::size_t> chosen_of(const Panel& panel);

}  // namespace frontier
