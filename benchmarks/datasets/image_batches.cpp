// Images a second that the loader makes of a folder of pictures, decoded for every batch and kept in memory; beside
// torchvision's in benchmarks/images.py.
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "datasets/dataset.h"
#include "datasets/loader.h"

namespace frontier {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

DataOptions options_of(const std::string& folder, std::int64_t size, std::int64_t resize, bool keep) {
  DataOptions options{.name = "files", .path = folder, .picture = {.size = size, .resize = resize, .channels = 3}};
  options.broken = "skip";
  if (!keep) options.memory_share = 0;
  return options;
}

/// Of one epoch, in an order of its own.
double images_a_second(const Dataset& images, std::int64_t batch, int threads, std::uint64_t seed) {
  Loader loader(
      images,
      {.batch_size = std::min(batch, images.size()), .drop_last = true, .prefetch = 2 * threads, .threads = threads},
      Rng(seed));
  const auto start = Clock::now();
  std::int64_t count = 0;
  for (std::int64_t step = 0; step < loader.steps_per_epoch(); ++step) count += loader.next().images.size(0);
  return static_cast<double>(count) / seconds_since(start);
}

int run(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: image_batches FOLDER SIZE RESIZE BATCH THREADS\n");
    return 2;
  }
  const std::int64_t size = std::atoll(argv[2]), resize = std::atoll(argv[3]), batch = std::atoll(argv[4]);
  const int threads = std::atoi(argv[5]);
  at::set_num_threads(threads);
  for (const bool keep : {false, true}) {
    const auto start = Clock::now();
    const DataSplits data = load_data(options_of(argv[1], size, resize, keep));
    const auto all = data.train.size() + data.search.size() + data.test.size();
    std::printf("{\"kept\": %s, \"read\": %.1f, \"epoch\": %.1f}\n", keep ? "true" : "false",
                static_cast<double>(all) / seconds_since(start), images_a_second(data.train, batch, threads, 1));
  }
  return 0;
}

}  // namespace
}  // namespace frontier

int main(int argc, char** argv) {
  try {
    return frontier::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "image_batches: %s\n", error.what());
    return 1;
  }
}
