#include "datasets/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "common/errors.h"
#include "common/rng.h"
#include "datasets/internal/prefetcher.h"

namespace frontier {
namespace {

using testing::HasSubstr;

/// Random images; label i is i % 10.
Dataset random_dataset(std::int64_t size, std::int64_t channels, std::int64_t height, std::int64_t width,
                       std::uint64_t seed = 0) {
  Dataset data{.name = "random", .part = "train", .classes = 10};
  data.images = at::empty({size, channels, height, width}, at::kByte);
  auto* pixels = data.images.mutable_data_ptr<std::uint8_t>();
  Rng rng(seed);
  for (std::int64_t i = 0; i < data.images.numel(); ++i) pixels[i] = static_cast<std::uint8_t>(rng.below(256));
  data.labels = at::arange(size, at::kLong).remainder(10);
  for (std::int64_t c = 0; c < channels; ++c) {
    data.mean.push_back(0.3 + 0.1 * static_cast<double>(c));
    data.stddev.push_back(0.5 - 0.1 * static_cast<double>(c % 4));
  }
  return data;
}

/// One-pixel images of two channels that spell their own index, so that a batch tells which images it holds.
Dataset numbered_dataset(std::int64_t size) {
  const at::Tensor index = at::arange(size, at::kLong);
  return {.name = "numbered",
          .part = "train",
          .images = at::stack({index.remainder(256), index.div(256, "floor")}, 1).to(at::kByte).view({size, 2, 1, 1}),
          .labels = index.remainder(10),
          .classes = 10,
          .mean = {0, 0},
          .stddev = {1, 1}};
}

std::vector<std::int64_t> indices_of(const Batch& batch) {
  const at::Tensor bytes = (batch.images.flatten(1) * 255).round().to(at::kLong);
  const at::Tensor index = (bytes.select(1, 0) + bytes.select(1, 1) * 256).contiguous();
  const auto* first = index.const_data_ptr<std::int64_t>();
  return {first, first + index.numel()};
}

void expect_same(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_TRUE(a.images.equal(b.images));
  EXPECT_TRUE(a.labels.equal(b.labels));
}

/// Batch `step` the slow and obvious way, with ATen, from the words of loader.h.
Batch slow_batch(const Dataset& data, const LoaderOptions& options, const Rng& rng, std::int64_t step) {
  const std::int64_t per_epoch = options.drop_last ? data.size() / options.batch_size
                                                   : (data.size() + options.batch_size - 1) / options.batch_size;
  const std::int64_t epoch = step / per_epoch;
  const Rng epoch_rng = rng.split(static_cast<std::uint64_t>(epoch));
  std::vector<std::int64_t> order(static_cast<std::size_t>(data.size()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Rng order_rng = epoch_rng;
  if (options.shuffle) order_rng.shuffle(order);

  std::vector<at::Tensor> images, labels;
  const std::int64_t first = step % per_epoch * options.batch_size;
  for (std::int64_t p = first; p < std::min(first + options.batch_size, data.size()); ++p) {
    const std::int64_t index = order[static_cast<std::size_t>(p)];
    Rng image_rng = epoch_rng.split(static_cast<std::uint64_t>(p));
    const int pad = options.pad;
    at::Tensor image = at::constant_pad_nd(data.images[index], {pad, pad, pad, pad}, 0);
    const auto offset = [&](std::int64_t spare) {
      return spare > 0 ? static_cast<std::int64_t>(image_rng.below(static_cast<std::uint64_t>(spare + 1))) : 0;
    };
    const std::int64_t top = offset(image.size(1) - data.height());
    const std::int64_t left = offset(image.size(2) - data.width());
    image = image.narrow(1, top, data.height()).narrow(2, left, data.width());
    if (options.flip && image_rng.below(2) == 1) image = image.flip(2);
    images.push_back(image);
    labels.push_back(data.labels[index]);
  }
  const auto per_channel = [](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble).view({1, -1, 1, 1});
  };
  const at::Tensor pixels = at::stack(images).to(at::kDouble) / 255.0;
  return {((pixels - per_channel(data.mean)) / per_channel(data.stddev)).to(at::kFloat), at::stack(labels), {}, step};
}

TEST(Loader, EqualsTheSlowObviousVersion) {
  struct Case {
    std::int64_t channels, height, width;
    int pad;
    bool flip;
    std::int64_t crop = 0;
  };
  const Case cases[] = {{1, 28, 28, 0, false}, {1, 28, 28, 4, true},  {3, 32, 32, 4, true},  {3, 5, 9, 2, false},
                        {2, 6, 3, 1, true},    {5, 4, 7, 0, true},    {1, 3, 2, 5, true},    {3, 1, 1, 2, true},
                        {3, 9, 8, 0, true, 8}, {1, 7, 9, 2, true, 4}, {3, 6, 6, 0, false, 5}};
  for (std::int64_t seed = 0; seed < 10; ++seed) {
    for (const auto& c : cases) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", " << c.channels << "x" << c.height << "x" << c.width
                                      << ", pad " << c.pad);
      Dataset data = random_dataset(23, c.channels, c.height, c.width, static_cast<std::uint64_t>(seed));
      data.crop = c.crop;
      const LoaderOptions options{
          .batch_size = 5, .shuffle = seed % 3 != 0, .drop_last = seed % 2 == 0, .pad = c.pad, .flip = c.flip};
      const Rng rng(static_cast<std::uint64_t>(seed));
      Loader loader(data, options, rng);
      for (std::int64_t step = 0; step < 11; ++step) {
        const Batch batch = loader.next();
        const Batch slow = slow_batch(data, options, rng, step);
        EXPECT_EQ(batch.step, step);
        ASSERT_EQ(batch.images.sizes(), slow.images.sizes());
        EXPECT_TRUE(batch.images.allclose(slow.images, 1e-6, 1e-6));
        EXPECT_TRUE(batch.labels.equal(slow.labels));
        EXPECT_TRUE(batch.images.is_contiguous(at::MemoryFormat::ChannelsLast));
        EXPECT_EQ(batch.images.scalar_type(), at::kFloat);
      }
    }
  }
}

TEST(Loader, CutsTheMiddleWhereItEvaluates) {
  Dataset data = random_dataset(6, 3, 9, 8);
  data.crop = 4;
  const Batch batch = evaluation_batch(data, 1, 5);
  const at::Tensor middle = data.images.narrow(0, 1, 5).narrow(2, 2, 4).narrow(3, 2, 4).to(at::kDouble) / 255.0;
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto i = static_cast<std::size_t>(c);
    EXPECT_TRUE(batch.images.select(1, c).allclose(
        ((middle.select(1, c) - data.mean[i]) / data.stddev[i]).to(at::kFloat), 1e-6, 1e-6));
  }
  EXPECT_EQ(data.image(2).height, 4);
  EXPECT_THAT(data.fingerprint(), HasSubstr("/6x3x4x4/"));
  Dataset whole = data;
  whole.crop = 0;
  EXPECT_NE(whole.fingerprint(), data.fingerprint());
}

TEST(RandomResizedCrop, ShowsRectanglesOfTheSharesAndAspectsAskedFor) {
  // Rows and columns spell their places, so that a batch tells what it shows.
  Dataset data = random_dataset(2000, 2, 64, 64);
  data.images =
      at::stack({at::arange(64).view({64, 1}).expand({64, 64}), at::arange(64).view({1, 64}).expand({64, 64})})
          .mul(4)
          .to(at::kByte)
          .unsqueeze(0)
          .expand({2000, 2, 64, 64})
          .contiguous();
  data.mean = {0, 0};
  data.stddev = {1, 1};
  data.crop = 16;
  LoaderOptions options{.batch_size = 2000, .flip = false};
  options.augment.random_resized_crop = {.smallest = 0.2, .aspect = 0.5};
  const at::Tensor images = Loader(data, options, Rng(3)).next().images * 255 / 4;
  ASSERT_EQ(images.sizes(), at::IntArrayRef({2000, 2, 16, 16}));
  // Between the first and the last output pixel lie 15 of 16 parts of the rectangle's side.
  const at::Tensor height =
      (images.select(1, 0).select(1, 15) - images.select(1, 0).select(1, 0)).select(1, 8) * 16 / 15;
  const at::Tensor width =
      (images.select(1, 1).select(2, 15) - images.select(1, 1).select(2, 0)).select(1, 8) * 16 / 15;
  const at::Tensor share = height * width / 4096, aspect = (width / height).log();
  EXPECT_GT(share.min().item<double>(), 0.15);
  EXPECT_LT(share.max().item<double>(), 1.05);
  EXPECT_NEAR(aspect.abs().max().item<double>(), std::log(2.0), 0.15);
  EXPECT_NEAR(aspect.mean().item<double>(), 0, 0.05);
  // The mean place of the rectangle is the middle of the image.
  EXPECT_NEAR(images.select(1, 0).mean().item<double>(), 31.5, 1);
  options.pad = 2;
  EXPECT_THROW(Loader(data, options, Rng(1)), UsageError);
  options.pad = 0;
  options.augment.random_resized_crop = {.smallest = 1, .aspect = 0.5};
  EXPECT_THAT([&] { Loader(data, options, Rng(1)); },
              testing::ThrowsMessage<UsageError>(HasSubstr("aspect has no effect while")));
}

TEST(Loader, ShowsEveryImageOnceAnEpoch) {
  for (std::int64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const std::int64_t size = 1 + seed * 7;
    Loader loader(numbered_dataset(size), {.batch_size = 16, .drop_last = false, .prefetch = 3},
                  Rng(static_cast<std::uint64_t>(seed)));
    std::vector<std::vector<std::int64_t>> orders;
    for (int epoch = 0; epoch < 3; ++epoch) {
      std::vector<std::int64_t> order;
      for (std::int64_t i = 0; i < loader.steps_per_epoch(); ++i) {
        const Batch batch = loader.next();
        for (const std::int64_t index : indices_of(batch)) order.push_back(index);
      }
      EXPECT_EQ(static_cast<std::int64_t>(order.size()), size);
      EXPECT_EQ(static_cast<std::int64_t>(std::set(order.begin(), order.end()).size()), size);
      orders.push_back(order);
    }
    if (size > 20) {
      EXPECT_NE(orders[0], orders[1]);
      EXPECT_NE(orders[1], orders[2]);
    }
  }
}

TEST(Loader, DropsTheLastBatchWhereToldTo) {
  Loader loader(numbered_dataset(100), {.batch_size = 32}, Rng(0));
  EXPECT_EQ(loader.steps_per_epoch(), 3);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 3; ++i)
    for (const std::int64_t index : indices_of(loader.next())) seen.insert(index);
  EXPECT_EQ(seen.size(), 96u);
  EXPECT_EQ(Loader(numbered_dataset(100), {.batch_size = 32, .drop_last = false}, Rng(0)).steps_per_epoch(), 4);
  EXPECT_EQ(Loader(numbered_dataset(96), {.batch_size = 32, .drop_last = false}, Rng(0)).steps_per_epoch(), 3);
}

TEST(Loader, KeepsTheOrderWithoutShuffling) {
  Loader loader(numbered_dataset(10), {.batch_size = 4, .shuffle = false, .drop_last = false}, Rng(0));
  EXPECT_THAT(indices_of(loader.next()), testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(indices_of(loader.next()), testing::ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(indices_of(loader.next()), testing::ElementsAre(8, 9));
  EXPECT_THAT(indices_of(loader.next()), testing::ElementsAre(0, 1, 2, 3));
}

TEST(Loader, GivesTheSameBatchesForAnyThreadsAndPrefetch) {
  // TBB starts cores - 1 workers at most; allow more, so that threads really run together on small machines.
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 8);
  const Dataset data = random_dataset(200, 3, 12, 12);
  for (std::int64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    LoaderOptions options{.batch_size = 16, .drop_last = false, .pad = 2, .flip = true, .prefetch = 0};
    const Rng rng(static_cast<std::uint64_t>(seed));
    Loader plain(data, options, rng);
    options.prefetch = 4;
    Loader one(data, options, rng);
    options.prefetch = 9;
    options.threads = 4;
    Loader four(data, options, rng);
    for (int step = 0; step < 60; ++step) {
      const Batch batch = plain.next();
      expect_same(batch, one.next());
      expect_same(batch, four.next());
    }
  }
}

TEST(Loader, SeekEqualsRunningThrough) {
  const Dataset data = random_dataset(50, 1, 6, 6);
  const LoaderOptions options{.batch_size = 8, .pad = 1, .flip = true};
  std::vector<Batch> through;
  Loader loader(data, options, Rng(3));
  for (int step = 0; step < 40; ++step) through.push_back(loader.next());
  EXPECT_EQ(loader.position(), 40);

  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    const auto step = static_cast<std::int64_t>(rng.below(39));
    loader.seek(step);
    EXPECT_EQ(loader.position(), step);
    expect_same(loader.next(), through[static_cast<std::size_t>(step)]);
    if (i % 2 == 0) expect_same(loader.next(), through[static_cast<std::size_t>(step) + 1]);
  }
  Loader resumed(data, options, Rng(3));
  resumed.seek(39);
  expect_same(resumed.next(), through.back());
}

TEST(Loader, StreamsOfOneSeedAndOfItsNeighbourDrawDifferentThings) {
  // The order of one epoch and the crops of a batch, for every stream a training makes from seeds 0 to 9.
  const Dataset numbered = numbered_dataset(64), pictures = random_dataset(64, 1, 8, 8);
  std::set<std::vector<std::int64_t>> orders;
  std::vector<at::Tensor> crops;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (const char* name : {"loader.train", "loader.architecture", "data.split"}) {
      const Rng rng = Rng(seed).domain(name);
      orders.insert(indices_of(Loader(numbered, {.batch_size = 64}, rng).next()));
      crops.push_back(
          Loader(pictures, {.batch_size = 64, .shuffle = false, .pad = 2, .flip = true}, rng).next().images);
    }
    orders.insert(indices_of(Loader(numbered, {.batch_size = 64}, Rng(seed)).next()));
  }
  EXPECT_EQ(orders.size(), 40u);
  for (std::size_t a = 0; a < crops.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) EXPECT_FALSE(crops[a].equal(crops[b])) << a << " " << b;
}

TEST(Loader, DrawsCropsAndFlipsEvenly) {
  // A single bright pixel in the middle tells where the crop was. 2 x 9 x 2 places; expected count 1000 each of 18000
  // images.
  Dataset data{.name = "dot", .part = "train", .classes = 1, .mean = {0}, .stddev = {1}};
  data.images = at::zeros({1, 1, 3, 4}, at::kByte);
  data.images[0][0][1][1] = 255;  // off the middle of the width: a flip shows
  data.images = data.images.expand({18000, 1, 3, 4}).contiguous();
  data.labels = at::zeros({18000}, at::kLong);
  Loader loader(data, {.batch_size = 18000, .pad = 1, .flip = true}, Rng(1));
  const at::Tensor counts = loader.next().images.flatten(0, 1).sum(0);
  EXPECT_EQ(counts.sum().item<double>(), 18000);
  // Unflipped the dot lands in columns 0-2, flipped in 3-1: columns 0 and 3 once, 1 and 2 twice in six; rows a third
  // each.
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 4; ++x) {
      const double share = (x == 0 || x == 3 ? 1.0 : 2.0) / 18.0;
      const double sigma = std::sqrt(18000 * share * (1 - share));
      EXPECT_NEAR(counts[y][x].item<double>(), 18000 * share, 5 * sigma) << y << "," << x;
    }
}

TEST(Loader, RefusesBadOptionsWithAMessage) {
  const Dataset data = random_dataset(10, 1, 4, 4);
  const auto message = [&](const LoaderOptions& options, const Dataset& from) {
    try {
      Loader loader(from, options, Rng(0));
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message({.batch_size = 0}, data), HasSubstr("loader.batch_size = 0 is out of range"));
  EXPECT_THAT(message({.batch_size = 11}, data),
              HasSubstr("loader.batch_size = 11 is more than the 10 images of random/train"));
  EXPECT_EQ(message({.batch_size = 11, .drop_last = false}, data), "");
  EXPECT_THAT(message({.batch_size = 5, .pad = -1}, data), HasSubstr("loader.pad = -1 is out of range"));
  EXPECT_THAT(message({.batch_size = 5, .prefetch = -1}, data), HasSubstr("loader.prefetch"));
  EXPECT_THAT(message({.batch_size = 5, .threads = 0}, data), HasSubstr("loader.threads"));
  EXPECT_THAT(message({.batch_size = 5, .prefetch = 0, .threads = 2}, data),
              HasSubstr("loader.threads = 2 has no effect with loader.prefetch = 0"));
  Dataset bad = data;
  bad.stddev = {0};
  EXPECT_THAT(message({.batch_size = 5}, bad), HasSubstr("stddev finite and above 0"));
  Loader loader(data, {.batch_size = 5}, Rng(0));
  EXPECT_THROW(loader.seek(-1), UsageError);
}

TEST(Loader, OutlivesItsDatasetAndMoves) {
  auto data = std::make_unique<Dataset>(random_dataset(32, 1, 8, 8));
  const LoaderOptions options{.batch_size = 8};
  const Batch expected = slow_batch(*data, options, Rng(2), 1);
  Loader first(*data, options, Rng(2));
  data.reset();
  first.next();
  Loader second = std::move(first);
  EXPECT_TRUE(second.next().images.allclose(expected.images, 1e-6, 1e-6));
}

TEST(EvaluationBatch, GoesThroughTheImagesInOrder) {
  const Dataset data = random_dataset(25, 3, 7, 5);
  for (std::int64_t first = 0; first < 25; first += 10) {
    const Batch batch = evaluation_batch(data, first, 10);
    const std::int64_t count = std::min<std::int64_t>(10, 25 - first);
    const Batch slow = slow_batch(data, {.batch_size = 25, .shuffle = false}, Rng(0), 0);
    EXPECT_TRUE(batch.images.allclose(slow.images.narrow(0, first, count), 1e-6, 1e-6));
    EXPECT_TRUE(batch.labels.equal(data.labels.narrow(0, first, count)));
    EXPECT_TRUE(batch.images.is_contiguous(at::MemoryFormat::ChannelsLast));
  }
  EXPECT_THROW(evaluation_batch(data, 25, 1), UsageError);
  EXPECT_THROW(evaluation_batch(data, -1, 1), UsageError);
  EXPECT_THROW(evaluation_batch(data, 0, 0), UsageError);
}

// --- the machinery that makes batches ahead
// -----------------------------------------------------------------------------

Batch numbered(std::int64_t step) { return {{}, {}, {}, step}; }

TEST(Prefetcher, NeverRunsFurtherAheadThanTold) {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 8);
  std::atomic<std::int64_t> furthest = -1;
  std::atomic<int> made = 0;
  Prefetcher prefetcher(
      [&](std::int64_t step) {
        ++made;
        for (auto seen = furthest.load(); seen < step && !furthest.compare_exchange_weak(seen, step);) {
        }
        return numbered(step);
      },
      3, 1);
  for (std::int64_t step = 0; step < 20; ++step) {
    EXPECT_EQ(prefetcher.next().step, step);
    EXPECT_LE(furthest.load(), step + 3);
  }
  for (int wait = 0; wait < 2000 && made.load() < 23; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(made.load(), 23) << "20 taken and 3 made ahead while the consumer was busy elsewhere";
}

TEST(Prefetcher, MakesBatchesOnOtherThreadsAhead) {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 8);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  Prefetcher prefetcher(
      [&](std::int64_t step) {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
        return numbered(step);
      },
      2, 1);
  for (int i = 0; i < 20; ++i) {
    prefetcher.next();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const std::lock_guard lock(mutex);
  threads.erase(std::this_thread::get_id());
  EXPECT_EQ(threads.size(), 1u);
}

/// The program binds OpenMP's threads to cores (jobs/load.cpp), and so does the environment of this test.
TEST(Prefetcher, WorkersMayUseEveryCoreWhereTheCallerIsBoundToOne) {
  if (omp_get_num_places() < 2) GTEST_SKIP() << "needs OMP_PROC_BIND=true and two cores";
  const auto cores = [] {
    cpu_set_t set;
    return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
  };
  ASSERT_EQ(cores(), 1);
  const auto caller = std::this_thread::get_id();
  std::atomic<int> seen = 0;
  Prefetcher prefetcher(
      [&](std::int64_t step) {
        if (std::this_thread::get_id() != caller) seen = cores();
        return numbered(step);
      },
      2, 1);
  for (int i = 0; i < 1000 && seen == 0; ++i) {
    prefetcher.next();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(seen, omp_get_num_procs());
  EXPECT_EQ(cores(), 1);
}

TEST(Prefetcher, RethrowsAndStaysAtTheFailedStep) {
  for (const int prefetch : {0, 1, 4}) {
    SCOPED_TRACE(testing::Message() << "prefetch " << prefetch);
    std::atomic<bool> broken = true;
    Prefetcher prefetcher(
        [&](std::int64_t step) {
          if (step == 3 && broken) throw Error("step 3 failed");
          return numbered(step);
        },
        prefetch, 2);
    for (std::int64_t step = 0; step < 3; ++step) EXPECT_EQ(prefetcher.next().step, step);
    for (int tries = 0; tries < 2; ++tries) {
      EXPECT_THAT([&] { prefetcher.next(); }, testing::ThrowsMessage<Error>("step 3 failed"));
      EXPECT_EQ(prefetcher.position(), 3);
    }
    broken = false;
    for (std::int64_t step = 3; step < 10; ++step) EXPECT_EQ(prefetcher.next().step, step);
  }
}

TEST(Prefetcher, StopsCleanlyWithWorkUnderWay) {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 8);
  std::atomic<int> running = 0;
  for (int round = 0; round < 200; ++round) {
    {
      Prefetcher prefetcher(
          [&](std::int64_t step) {
            ++running;
            std::this_thread::sleep_for(std::chrono::microseconds(50));
            --running;
            return numbered(step);
          },
          8, 4);
      for (int i = 0; i < round % 5; ++i) prefetcher.next();
      if (round % 3 == 0) prefetcher.seek(100);
    }
    EXPECT_EQ(running.load(), 0) << "a worker outlived its pipeline";
  }
}

TEST(Prefetcher, CannotDeadlockWhereAllWorkersWaitForBatches) {
  tbb::parallel_for(0, 16, [](int) {
    Prefetcher prefetcher(numbered, 4, 2);
    for (std::int64_t step = 0; step < 50; ++step) EXPECT_EQ(prefetcher.next().step, step);
  });
}

}  // namespace
}  // namespace frontier
