#pragma once

#include <string_view>

/// The files of this folder and Chart.js, as the build embedded them (embed.cmake).
namespace frontier::report_assets {

extern const std::string_view kChartJs;
extern const std::string_view kChartJsLicense;
extern const std::string_view kStyle;
// The page's script, in this order: what all charts have in common, what is drawn upon them, charts of networks, charts
// over steps, comparisons, and what starts them.
extern const std::string_view kChartBase;
extern const std::string_view kMarks;
extern const std::string_view kFronts;
extern const std::string_view kCurves;
extern const std::string_view kComparisons;
extern const std::string_view kScript;

}  // namespace frontier::report_assets
