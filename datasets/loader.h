#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "common/rng.h"
#include "datasets/augment.h"
#include "datasets/dataset.h"

namespace frontier {

/// Images ready for a network, with what they show. In pinned memory where there is a CUDA device, so that copies to it
/// need not wait (this has not been run on one).
struct Batch {
  at::Tensor images{};  ///< [B, C, H, W] float32 on the CPU, channels-last memory format, (pixel / 255 - mean) / stddev
  at::Tensor labels{};  ///< [B] int64, of the images before mixing
  at::Tensor
      targets{};  ///< [B, classes] float32, rows sum to 1, where mixup or cutmix mixed the images; else undefined
  std::int64_t step = 0;  ///< which batch of the stream this is; 0 for evaluation batches
};

struct LoaderOptions {
  std::int64_t batch_size = 128;
  bool shuffle = true;
  bool drop_last = true;  ///< leave out an epoch's last batch where it is not full
  int pad = 0;        ///< random crop after padding every side by so many zero pixels (before normalising); 4 is usual
  bool flip = false;  ///< mirror every other image, left to right, at random
  AugmentOptions augment{};
  int prefetch = 4;  ///< batches made ahead; 0: each is made when asked for
  /// Worker threads that make batches ahead (no more than TBB's own limit, cores - 1; none on one core)
  int threads = 1;
};

template <class Fields>
void describe(Fields& f, LoaderOptions& o) {
  f("batch_size", o.batch_size, 1, 1 << 20,
    "Images a step; unless it is given, fewer where there are few training images.");
  f("shuffle", o.shuffle, "Whether every epoch has an order of its own.");
  f("drop_last", o.drop_last, "Leave out an epoch's last batch where it is not full.");
  f("pad", o.pad, 0, 256, "Pixels of padding on every side before a random crop; 4 is usual for small images.");
  f("flip", o.flip, "Mirror every other image, left to right, at random.");
  f("augment", o.augment);
  f("prefetch", o.prefetch, 0, 1024, "Batches made ahead; 0: each is made when it is asked for.");
  f("threads", o.threads, 1, 256, "Threads that make batches ahead.");
}

/// An endless stream of training batches, made ahead of their use by worker threads of its own.
///
/// Batch `step` is a pure function of (data set, options, rng, step): the order of epoch e comes from rng.split(e), and
/// the image at position p of that order draws its row offset, its column offset (each below 2 * pad + 1 + what the
/// image is larger than networks see, where that is above 1) and its flip (below 2, where flip is set) from
/// rng.split(e).split(p). Offsets count from the upper left corner of the padded image; a crop is flipped after it is
/// cut. Every further transform, and a random resized crop in place of the offsets, draws from the domain of its name
/// of that generator, and what is done to the whole batch from rng.domain("mix").split(step). So neither threads nor
/// prefetch change a batch, no transform changes what another one draws, and after seek(step) the stream goes on
/// exactly as if it had never stopped.
///
/// A batch of 128 images of 28x28 takes about 0.1 ms on one core. Thread-safety: none.
class Loader {
 public:
  /// Shares the tensors of `dataset`.
  /// @param rng the stream's own, e.g. Rng(seed).domain("loader.train"): equal streams draw equal things.
  /// @throws UsageError if an option is out of range or cannot act, or drop_last leaves no batch at all.
  Loader(const Dataset& dataset, const LoaderOptions& options, const Rng& rng);
  ~Loader();
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  /// The batch at position(), waiting for it if need be. Rethrows what its worker threw and stays at that step then.
  Batch next();
  /// Goes to `step` (>= 0), counted from the start of the first epoch.
  void seek(std::int64_t step);
  /// The step that next() gives.
  std::int64_t position() const;
  std::int64_t steps_per_epoch() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The images [first, first + count) in order, as they are: their middle where networks see less, no flip. The last
/// batch is shorter where the data set ends.
/// @throws UsageError unless 0 <= first < size and count > 0.
Batch evaluation_batch(const Dataset& dataset, std::int64_t first, std::int64_t count);

}  // namespace frontier
