#pragma once

#include <functional>

#include "common/options.h"
#include "datasets/dataset.h"
#include "evaluators/evaluator.h"
#include "supernet/executor.h"
#include "supernet/supernet.h"

namespace frontier {

struct SupernetAccuracyOptions {
  std::int64_t calibration_images = 1024;  ///< of the training split, for batch-norm statistics
  std::int64_t calibration_batch = 256;
  std::int64_t images = 0;       ///< evaluate on the first so many of the split; 0: all
  std::int64_t batch = 500;      ///< images at once
  std::int64_t population = 64;  ///< networks merged into one run at most
};

template <class Fields>
void describe(Fields& f, SupernetAccuracyOptions& o) {
  f("calibration_images", o.calibration_images, 2, 1 << 24);
  f("calibration_batch", o.calibration_batch, 2, 1 << 20);
  f("images", o.images, 0, 1 << 30);
  f("batch", o.batch, 1, 1 << 20);
  f("population", o.population, 1, 4096);
}

/// Accuracy with inherited weights: batch-norm statistics are recalibrated for every subnet on training images, then
/// the subnet classifies the given images. A population is merged first, so that layers shared as prefixes are
/// calibrated and run once. Metrics: "top1", "loss". Leaves the supernet as it was. Not thread-safe.
class SupernetAccuracy : public Evaluator {
 public:
  /// @param training for calibration.  @param images what is classified: the search split while searching, the test
  /// split to report.
  SupernetAccuracy(const Supernet& supernet, const Dataset& training, const Dataset& images,
                   const SupernetAccuracyOptions& options);
  std::vector<Measurement> evaluate(std::span<const Architecture> archs) override;

  /// Called between batches; may throw to stop.
  void set_check(std::function<void()> check) { check_ = std::move(check); }
  /// Called after each group, before the next is measured.
  void set_measured(GroupMeasured measured) { measured_ = std::move(measured); }
  /// How many layers the last call ran, and how many it would have run without sharing.
  std::pair<std::size_t, std::size_t> layers_run() const { return layers_run_; }

 private:
  void evaluate_group(std::span<const Architecture> archs, std::span<Measurement> results);

  const Supernet& supernet_;
  Dataset training_;
  Dataset images_;
  SupernetAccuracyOptions options_;
  std::function<void()> check_;
  GroupMeasured measured_;
  std::pair<std::size_t, std::size_t> layers_run_;
};

}  // namespace frontier
