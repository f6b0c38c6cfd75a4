# Embeds the page's script and style, and Chart.js, into the program. Sets report_assets, the source file that holds them.
find_file(CHART_JS NAMES chart.min.js Chart.min.js chart.umd.min.js
  PATHS /usr/share/javascript/chart.js /usr/local/share/javascript/chart.js /usr/share/nodejs/chart.js/dist
  DOC "Chart.js 3.9, minified, for the HTML report" NO_DEFAULT_PATH)
if(NOT CHART_JS OR NOT EXISTS "${CHART_JS}")
  message(FATAL_ERROR "Chart.js, which `frontier report` draws with, was not found. Install the Debian package libjs-chart.js "
    "(scripts/setup.sh does), or give its minified file: -DCHART_JS=/path/to/chart.min.js")
endif()
file(READ ${CHART_JS} chart_js_head LIMIT 200)
if(NOT chart_js_head MATCHES "Chart\\.js v3\\.([0-9]+)")
  message(FATAL_ERROR "${CHART_JS} is no Chart.js 3 (the report was written for 3.9.1)")
endif()

set(report_folder ${CMAKE_CURRENT_LIST_DIR})
set(report_files ${CHART_JS} ${report_folder}/chartjs_license.txt)
foreach(file IN ITEMS page.css chart_base.js marks.js fronts.js curves.js comparisons.js page.js)
  list(APPEND report_files ${report_folder}/${file})
endforeach()
set(report_assets ${CMAKE_CURRENT_BINARY_DIR}/report_assets.cpp)
string(REPLACE ";" "," report_file_list "${report_files}")
add_custom_command(OUTPUT ${report_assets}
  COMMAND ${CMAKE_COMMAND} -DOUTPUT=${report_assets} -DNAMES=kChartJs,kChartJsLicense,kStyle,kChartBase,kMarks,kFronts,kCurves,kComparisons,kScript "-DFILES=${report_file_list}"
    -P ${report_folder}/embed.cmake
  DEPENDS ${report_files} ${report_folder}/embed.cmake
  COMMENT "Embedding the report's script, style and Chart.js" VERBATIM)
