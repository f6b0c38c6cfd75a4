#pragma once

#include <functional>
#include <string>

#include "common/options.h"
#include "datasets/dataset.h"
#include "evaluators/evaluator.h"
#include "supernet/network.h"
#include "supernet/program.h"
#include "supernet/supernet.h"
#include "supernet/task.h"

namespace frontier {

struct SupernetAccuracyOptions {
  std::int64_t calibration_images = 1024;  ///< of the training split, for batch-norm statistics; as many as there are
  std::int64_t calibration_batch = 256;    ///< whole batches of so many, one at least
  std::int64_t images = 0;                 ///< evaluate on so many of the split; 0, or as many as there are: all
  std::int64_t seed = 0;                   ///< draws both, balanced by class
  std::int64_t batch = 500;                ///< images at once
  std::int64_t population = 64;            ///< networks merged into one run at most
};

template <class Fields>
void describe(Fields& f, SupernetAccuracyOptions& o) {
  f("calibration_images", o.calibration_images, 2, 1 << 24,
    "Training images that batch-norm statistics are measured on; fewer where there are fewer.");
  f("calibration_batch", o.calibration_batch, 2, 1 << 20, "Images of a calibration batch.");
  f("images", o.images, 0, 1 << 30, "Images of the split that are evaluated, drawn balanced by class; 0: all.");
  f("seed", o.seed, 0, std::int64_t{1} << 53, "Draws the images of calibration and evaluation.");
  f("batch", o.batch, 1, 1 << 20, "Images evaluated at once.");
  f("population", o.population, 1, 4096, "Networks merged into one run at most.");
}

/// The quality of subnets with inherited weights, by the metrics of a task: batch-norm statistics are recalibrated for
/// every subnet on training images, then the subnet runs on the given images. Where fewer images are wanted than there
/// are, they are drawn once, balanced by class, as a function of the set of images and the seed: the order of a file
/// cannot change a number. A population is merged first, so that layers shared as prefixes are calibrated and run once.
/// Leaves the supernet as it was. Not thread-safe.
class SupernetAccuracy : public Evaluator {
 public:
  /// @param task what is measured; must outlive this, as must the supernet.  @param training for calibration.  @param
  /// images what is classified: the search split while searching, the test split to report.
  SupernetAccuracy(const Supernet& supernet, const Task& task, const Dataset& training, const Dataset& images,
                   const SupernetAccuracyOptions& options);
  std::vector<Measurement> evaluate(std::span<const Architecture> archs) override;

  /// What batch norm is calibrated on, as stored with every number: "batch norm recalibrated on 1024 training images in
  /// batches of 256, drawn by seed 0".
  std::string calibration() const;
  /// What is classified, likewise: "5000 images", or "1000 of 5000 images, drawn by seed 0".
  std::string images() const;

  /// Called between batches; may throw to stop.
  void set_check(std::function<void()> check) { check_ = std::move(check); }
  /// Called after each group, before the next is measured.
  void set_measured(GroupMeasured measured) { measured_ = std::move(measured); }
  /// Whether measurements come with the batch-norm statistics that were calibrated for them.
  void keep_statistics(bool kept) { keeps_statistics_ = kept; }
  /// How many layers the last call ran, and how many it would have run without sharing.
  std::pair<std::size_t, std::size_t> layers_run() const { return layers_run_; }

 private:
  void evaluate_group(std::span<const Architecture> archs, std::span<Measurement> results);

  const Supernet& supernet_;
  const Task& task_;
  SupernetAccuracyOptions options_;
  std::int64_t images_available_;
  Dataset calibration_images_;  ///< whole batches
  Dataset images_;
  std::function<void()> check_;
  GroupMeasured measured_;
  bool keeps_statistics_ = false;
  std::pair<std::size_t, std::size_t> layers_run_;
};

/// What SupernetAccuracy::calibration() says.
std::string calibration_of(const Dataset& training, const SupernetAccuracyOptions& options);

/// A subnet as a network of its own: its slices of the weights, and batch norm calibrated as SupernetAccuracy
/// calibrates it.
Network extract_network(const Supernet& supernet, const Architecture& arch, const Dataset& training,
                        const SupernetAccuracyOptions& options);

}  // namespace frontier
