#pragma once

#include <string_view>

/// The files of this folder and Chart.js, as the build embedded them (embed.cmake).
namespace frontier::report_assets {

extern const std::string_view kChartJs;
extern const std::string_view kChartJsLicense;
extern const std::string_view kScript;
extern const std::string_view kStyle;

}  // namespace frontier::report_assets
