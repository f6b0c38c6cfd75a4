#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace frontier {

/// Confidence of the intervals of a comparison's differences.
inline constexpr double kConfidence = 0.95;

/// What a comparison keeps in its folder, and a run of one in the database, under this key, when it is done.
inline constexpr const char* kComparisonFile = "compare.json";
inline constexpr const char* kComparisonKey = "comparison";

/// A window of cost and the subnets of it that every supernet is asked about.
struct ComparedBin {
  std::int64_t least = 0, most = 0;  ///< multiply-accumulates, both included
  std::vector<std::string> archs;
  std::vector<std::int64_t> macs;  ///< of each
};

/// One supernet, trained and measured.
struct ComparedTraining {
  std::int64_t seed = 0;
  std::int64_t run = 0;
  std::string checkpoint;
  double macs = 0;           ///< spent: images times multiply-accumulates, forward, of all subnets trained
  double seconds = 0;        ///< of the training
  std::vector<double> top1;  ///< of the list, bin after bin
};

/// The supernets of one sampler (or another way to train) under one budget of training.
struct ComparedArm {
  std::string name;
  std::string budget;  ///< "steps" or "cost"
  std::int64_t steps = 0;
  std::vector<ComparedTraining> trainings;  ///< in the order of the comparison's seeds, the same for all arms
};

/// One of the list's networks, trained from scratch.
struct OwnNetwork {
  std::size_t place = 0;  ///< in the list, bin after bin
  std::int64_t run = 0;
  double macs = 0;  ///< spent, likewise
  double seconds = 0;
  double top1 = 0;
};

/// What a comparison of samplers measured. The first arm is the one that others are compared with.
struct MeasuredComparison {
  std::vector<std::int64_t> seeds;
  std::int64_t dearest = 0;  ///< multiply-accumulates of the space's dearest subnet
  std::vector<ComparedBin> bins;
  std::vector<ComparedArm> arms;  ///< of each budget in the same order
  std::vector<OwnNetwork> own;    ///< empty: none were trained
};

/// The optimiser steps in which an arm costs what `steps` steps of the reference do, at least one.
/// @param macs of one step: images times multiply-accumulates, on average; above 0.
std::int64_t steps_of_equal_cost(std::int64_t steps, double reference_macs, double macs);

/// Of places in bins, `count` spread evenly over the bins: {bin, place in it}. `count` is at most bins times per_bin.
std::vector<std::pair<std::size_t, std::size_t>> spread_over_bins(std::size_t count, std::size_t bins);

/// What share of the area below accuracy 1 and the dearest subnet's multiply-accumulates the front of these networks
/// dominates: 1 would be a network that costs nothing and is always right.
double relative_hypervolume(const std::vector<double>& top1, const std::vector<std::int64_t>& macs,
                            std::int64_t dearest);

/// {"bins": [...], "results": [an item an arm and budget], "own": [...]}, see docs/compare.md.
///
/// An item's `metrics` are top1 (mean over the bins), top1_cheapest_bin, top1_dearest_bin, hypervolume, kendall_tau (of
/// inherited against own accuracies; left out without own networks or where a ranking is one tie), macs and seconds,
/// each with its mean and standard deviation over the seeds and its values; `bins` the same of the accuracy in every
/// bin. `differences` are to the first arm, paired by seed: mean, and from two seeds on `low`, `high` (Student's t) and
/// `verdict`: "ahead" or "behind" where the interval excludes 0, else "not told apart".
nlohmann::ordered_json comparison_document(const MeasuredComparison& comparison);

}  // namespace frontier
