#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/store.h"
#include "report/cells.h"

namespace frontier {

/// How often the networks of a front take each option of one decision.
struct DecisionUse {
  struct Option {
    std::string label;
    std::size_t place = 0;  ///< among the decision's options
    std::size_t count = 0;  ///< networks; not 0
  };
  std::string decision;
  std::size_t num_options = 0;
  std::size_t num_networks = 0;  ///< in which the decision has an effect; not 0
  std::vector<Option> options;   ///< in the decision's order
};

/// One front of the report: the results of one space under one protocol, so that all its numbers are comparable.
/// Numbers below are indices into `results`.
struct Panel {
  std::vector<Result> results;        ///< all with the objectives
  std::vector<Objective> objectives;  ///< two or more: the first is drawn upwards, each other one in a chart of its own
  std::vector<std::size_t> front;     ///< by the second objective, ascending
  std::vector<std::size_t> others;    ///< what is drawn of the rest, by the second objective, ascending
  std::size_t num_left_out = 0;       ///< of the rest, thinned evenly
  std::vector<std::int64_t> budgets;  ///< MACs, ascending; none where MACs are no objective
  std::vector<std::size_t> best_within;  ///< of each budget that something fits in
  bool is_primary = false;               ///< its networks are the ones drawn
  bool is_choice = false;                ///< its networks were chosen by other numbers of the page and measured again
  bool is_front = true;                  ///< not where they are such a choice, or a few
  std::vector<DecisionUse> uses;         ///< of the front; of a primary panel whose space is known
  std::size_t num_used = 0;              ///< networks behind `uses`, taken evenly from the front
};

/// The accuracies of networks that were measured both on the images that a search saw and on test images.
struct Agreement {
  struct Pair {
    std::size_t searched = 0, tested = 0;  ///< indices into the results of the two panels
  };
  std::size_t search_panel = 0, test_panel = 0;  ///< indices into Report::panels
  std::vector<Pair> pairs;                       ///< thinned evenly
  std::size_t num_pairs = 0;                     ///< before thinning
  double mean_difference = 0;                    ///< test minus search, of all pairs
  std::optional<double> rank_correlation;        ///< Spearman's, where there are enough pairs
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

/// Samplers, or other ways to train, under one budget of training: what a run of `frontier compare` found.
struct ComparisonCharts {
  struct Figure {
    double mean = 0;
    std::optional<double> sd = {};  ///< over the seeds; none of one
  };
  /// To the reference, paired by seed.
  struct Difference {
    double mean = 0;
    std::optional<double> low = {}, high = {};  ///< of the 95 % interval; none of one seed
    std::string verdict = {};                   ///< "ahead", "behind", "not told apart"
  };
  struct Arm {
    std::string name;
    std::int64_t steps = 0;
    double relative_cost = 1;                       ///< of training, to the reference's
    std::map<std::string, Figure> metrics;          ///< by name: top1, hypervolume, macs, ...
    std::vector<Figure> bins;                       ///< accuracy in each
    std::map<std::string, Difference> differences;  ///< likewise; none of the reference
  };
  struct Budget {
    std::string budget;  ///< "steps", "cost": what is the same for all arms
    std::vector<Arm> arms;
  };
  struct Bin {
    double least = 0, most = 0;  ///< multiply-accumulates
  };
  Run run;
  std::string data, split;
  std::string reference;  ///< the arm that others are compared with
  std::vector<std::int64_t> seeds;
  std::vector<Bin> bins;
  std::size_t num_subnets = 0;  ///< in all bins
  std::size_t num_own = 0;      ///< of them trained from scratch
  std::vector<Budget> budgets;
};

/// What one may do with a chosen network, as a line for a shell.
struct Command {
  std::string purpose;  ///< "Export as ONNX"
  std::string line;
};

/// A chosen network: the letter that marks it in charts and tables, and its picture.
struct Drawing {
  std::string letter;
  Result result;
  std::vector<Objective> objectives;  ///< of its panel
  std::vector<std::int64_t> budgets;  ///< that it is the best of
  std::string svg;
  std::vector<CellPicture> cells;  ///< of a network that repeats cells
  std::string why_not;             ///< where there is no picture
  std::vector<Command> commands;
};

struct Report {
  std::string title;
  std::string database;
  std::string version;
  std::string made;  ///< ISO 8601, UTC
  std::vector<std::string> spaces;
  std::vector<std::string> notes;   ///< what is missing, and why
  std::optional<std::int64_t> run;  ///< the one that the report is about; none: all
  std::size_t num_results = 0;
  std::vector<Run> runs;
  std::vector<Panel> panels;
  std::vector<ComparisonCharts> comparisons;
  std::vector<Agreement> agreements;
  std::vector<RegretChart> regrets;
  std::vector<RunCurves> curves;
  std::vector<Drawing> drawings;
};

/// The report as one HTML document that fetches nothing.
std::string page(const Report& report);

}  // namespace frontier
