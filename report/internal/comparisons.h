#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/page.h"

namespace frontier {

/// The comparisons that are finished (`frontier compare`), from what their runs keep. @param notes gains those that
/// cannot be read.
std::vector<ComparisonCharts> make_comparisons(const Store& store, std::span<const Run> runs,
                                               std::vector<std::string>& notes);

}  // namespace frontier
