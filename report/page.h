#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/store.h"

namespace frontier {

/// One front of the report: the results of one space under one protocol, so that all its numbers are comparable.
/// Numbers below are indices into `results`.
struct Panel {
  std::vector<Result> results;           ///< all with top1
  std::vector<std::size_t> front;        ///< by ascending MACs
  std::vector<std::size_t> others;       ///< what is drawn of the rest, by ascending MACs
  std::size_t num_left_out = 0;          ///< of the rest, thinned evenly
  std::vector<std::int64_t> budgets;     ///< MACs, ascending
  std::vector<std::size_t> best_within;  ///< of each budget that something fits in
  bool is_primary = false;               ///< its networks are the ones drawn
};

/// What one run logged under one name; thinned evenly.
struct Curve {
  std::string name;
  std::vector<CurvePoint> points;
  std::size_t num_points = 0;  ///< before thinning
};
struct RunCurves {
  Run run;
  std::vector<Curve> curves;
};

/// How far repeated searches of one benchmark are from its best, by the number of evaluations: a line a run, all
/// comparable.
struct RegretChart {
  struct Line {
    std::string label;                        ///< the searcher
    std::vector<CurvePoint> mean, low, high;  ///< equal steps; the quartiles are low and high
  };
  std::string metric;    ///< "top1"
  std::string searched;  ///< how the numbers were measured that the searches saw, in words
  std::string reported;  ///< the same of the regret, where another table says it; else empty
  std::string space;
  std::int64_t least_repeats = 0, most_repeats = 0;  ///< of the searches behind a line
  std::vector<Line> lines;
};

/// A chosen network: the letter that marks it in charts and tables, and its picture.
struct Drawing {
  std::string letter;
  Result result;
  std::vector<std::int64_t> budgets;  ///< that it is the best of
  std::string svg;
  std::string why_not;  ///< where there is no picture
};

struct Report {
  std::string title;
  std::string database;
  std::string version;
  std::string made;  ///< ISO 8601, UTC
  std::vector<std::string> spaces;
  std::vector<std::string> notes;  ///< what is missing, and why
  std::size_t num_results = 0;
  std::vector<Run> runs;
  std::vector<Panel> panels;
  std::vector<RegretChart> regrets;
  std::vector<RunCurves> curves;
  std::vector<Drawing> drawings;
};

/// The report as one HTML document that fetches nothing.
std::string page(const Report& report);

}  // namespace frontier
