#pragma once

#include "common/rng.h"
#include "datasets/augment.h"
#include "datasets/loader.h"

namespace frontier {

/// mixup or cutmix on a whole batch, which then has soft targets. Thread-safety: const.
class Mixer {
 public:
  /// @throws UsageError naming the setting where one cannot act.
  Mixer(const AugmentOptions& options, int classes, std::int64_t batch_size);

  /// Each image is mixed with that of a random permutation of the batch. `batch.targets` stays undefined where chance
  /// leaves the batch as it is.
  void mix(Batch& batch, Rng rng) const;

 private:
  double mixup_, cutmix_, probability_, cutmix_share_;
  int classes_;
};

/// A draw from Beta(alpha, alpha); alpha > 0.
double draw_beta(double alpha, Rng& rng);

}  // namespace frontier
