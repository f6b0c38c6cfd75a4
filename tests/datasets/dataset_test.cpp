#include "datasets/dataset.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "common/errors.h"
#include "common/options.h"
#include "datasets/internal/readers.h"
#include "datasets/loader.h"
#include "datasets/sample_files.h"

namespace frontier {
namespace {

using namespace testing_files;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

const char* const kFashionMnist = "/usr/share/datasets/fashion-mnist";

std::vector<std::int64_t> values(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  const auto* first = dense.const_data_ptr<std::int64_t>();
  return {first, first + dense.numel()};
}

std::vector<std::int64_t> class_counts(const Dataset& data) {
  return values(at::bincount(data.labels, {}, data.classes));
}

/// Synthetic data with a pixel pattern that tells every image from the others.
DataOptions small_synthetic() {
  DataOptions options{.name = "synthetic"};
  options.synthetic = {.channels = 1, .height = 8, .width = 8, .classes = 7, .train_size = 500, .test_size = 60};
  return options;
}

/// Each image as a string, so that sets of images can be compared.
std::set<std::string> images_of(const Dataset& data) {
  std::set<std::string> images;
  const auto bytes = static_cast<std::size_t>(data.images.numel() / data.size());
  const auto* first = reinterpret_cast<const char*>(data.images.const_data_ptr<std::uint8_t>());
  for (std::int64_t i = 0; i < data.size(); ++i) images.emplace(first + static_cast<std::size_t>(i) * bytes, bytes);
  return images;
}

std::size_t num_common(const std::set<std::string>& a, const std::set<std::string>& b) {
  return static_cast<std::size_t>(
      std::count_if(a.begin(), a.end(), [&](const auto& image) { return b.contains(image); }));
}

TEST(FashionMnist, HoldsThePublishedImages) {
  if (!std::filesystem::exists(kFashionMnist)) GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  // https://github.com/zalandoresearch/fashion-mnist: 60,000 and 10,000 images of 28x28, 10 balanced classes.
  const RawData raw = read_idx_folder(kFashionMnist, numbered_classes(10));
  EXPECT_EQ(raw.train.images.sizes(), at::IntArrayRef({60000, 1, 28, 28}));
  EXPECT_EQ(raw.test->images.sizes(), at::IntArrayRef({10000, 1, 28, 28}));
  EXPECT_THAT(values(at::bincount(raw.train.labels)), Each(6000));
  EXPECT_THAT(values(at::bincount(raw.test->labels)), Each(1000));
  EXPECT_THAT(values(raw.train.labels.narrow(0, 0, 10)), ElementsAre(9, 0, 0, 3, 0, 2, 7, 2, 5, 5));
  EXPECT_THAT(values(raw.test->labels.narrow(0, 0, 10)), ElementsAre(9, 2, 1, 1, 6, 1, 4, 6, 5, 7));
  const auto statistics = channel_statistics(raw.train.images);
  EXPECT_NEAR(statistics.mean.at(0), 0.2860, 5e-5);  // what the field normalises by
  EXPECT_NEAR(statistics.stddev.at(0), 0.3530, 5e-5);
}

TEST(FashionMnist, IsSplitByDefault) {
  if (!std::filesystem::exists(kFashionMnist)) GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  const DataSplits data = load_data({});
  EXPECT_EQ(data.train.images.sizes(), at::IntArrayRef({55000, 1, 28, 28}));
  EXPECT_EQ(data.search.images.sizes(), at::IntArrayRef({5000, 1, 28, 28}));
  EXPECT_EQ(data.test.images.sizes(), at::IntArrayRef({10000, 1, 28, 28}));
  EXPECT_THAT(class_counts(data.train), Each(5500));
  EXPECT_THAT(class_counts(data.search), Each(500));
  EXPECT_THAT(data.test.fingerprint(), HasSubstr("fashion_mnist/test/10000x1x28x28/"));
}

std::filesystem::path shared_folder() {
  if (const char* shared = std::getenv("FRONTIER_SHARED")) return shared;
  if (const char* source = std::getenv("FRONTIER_SOURCE_DIR"))
    return std::filesystem::path(source).parent_path() / "shared";
  return {};
}

TEST(Cifar10, ReadsTheSubset) {
  const auto folder = shared_folder() / "data/cifar10_subset";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no CIFAR-10 subset in " << folder << " (set FRONTIER_SHARED)";
  const RawData raw = read_cifar10_folder(folder);
  EXPECT_EQ(raw.train.images.sizes(), at::IntArrayRef({3000, 3, 32, 32}));
  EXPECT_EQ(raw.test->images.sizes(), at::IntArrayRef({1000, 3, 32, 32}));
  EXPECT_THAT(values(at::bincount(raw.train.labels)), Each(300));
  EXPECT_THAT(values(raw.train.labels.narrow(0, 0, 10)), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  // Counted from the file by a few lines of Python.
  const auto statistics = channel_statistics(raw.train.images);
  const double mean[] = {0.490478924122, 0.480813218699, 0.444788816125};
  const double stddev[] = {0.244347002523, 0.242415481324, 0.260187845698};
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(statistics.mean[c], mean[c], 1e-11);
    EXPECT_NEAR(statistics.stddev[c], stddev[c], 1e-11);
  }
}

TEST(Cifar10, ReadsThePublishedLayoutPlainAndGzip) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "cifar-10-batches-bin");
  for (const std::string prefix : {"", "cifar-10-batches-bin/"}) {
    for (const char* name : {"data_batch_1", "data_batch_2", "data_batch_3"})
      folder.write(prefix + name + ".bin", cifar_records(10));
    for (const char* name : {"data_batch_4", "data_batch_5"})
      folder.write(prefix + name + ".bin.gz", gzip(cifar_records(10)));
    folder.write(prefix + "test_batch.bin", cifar_records(30));
  }
  const RawData raw = read_cifar10_folder(folder.path());
  EXPECT_EQ(raw.train.labels.size(0), 50);
  EXPECT_EQ(raw.test->labels.size(0), 30);
  for (int c = 0; c < 3; ++c) EXPECT_TRUE((raw.train.images.select(1, c) == 10 * (c + 1)).all().item<bool>());
  std::filesystem::remove_all(folder.path() / "cifar-10-batches-bin");
  EXPECT_TRUE(raw.train.images.equal(read_cifar10_folder(folder.path()).train.images));
}

TEST(Idx, GzipAndPlainGiveTheSameImages) {
  const TemporaryFolder plain, packed;
  write_idx_folder(plain);
  const std::string images = idx_images(40, 5, 4);
  packed.write("train-images-idx3-ubyte.gz",
               gzip(images.substr(0, 300)) + gzip(images.substr(300)));  // two members: still gzip
  packed.write("train-labels-idx1-ubyte.gz", gzip(idx_labels(40)));
  packed.write("t10k-images-idx3-ubyte", gzip(idx_images(20, 5, 4)));  // told by content, not by name
  packed.write("t10k-labels-idx1-ubyte.gz", idx_labels(20));
  const RawData a = read_idx_folder(plain.path(), numbered_classes(10));
  const RawData b = read_idx_folder(packed.path(), numbered_classes(10));
  EXPECT_TRUE(a.train.images.equal(b.train.images));
  EXPECT_TRUE(a.train.labels.equal(b.train.labels));
  EXPECT_TRUE(a.test->images.equal(b.test->images));
  EXPECT_EQ(a.train.images[0][0][1][2].item<int>(), (1 * 4 + 2) * 7);
}

TEST(LoadData, SplitsDisjointBalancedAndBySeedAlone) {
  DataOptions options = small_synthetic();
  options.search_size = 123;
  std::set<std::string> searches;
  for (options.seed = 0; options.seed < 20; ++options.seed) {
    SCOPED_TRACE(testing::Message() << "seed " << options.seed);
    const DataSplits data = load_data(options);
    const auto train = images_of(data.train), search = images_of(data.search), test = images_of(data.test);
    EXPECT_EQ(data.search.size(), 123);
    EXPECT_EQ(train.size() + search.size(), 500u);
    EXPECT_EQ(num_common(train, search) + num_common(train, test) + num_common(search, test), 0u);
    for (const std::int64_t count : class_counts(data.search)) EXPECT_NEAR(static_cast<double>(count), 123.0 / 7, 1.0);

    DataOptions fewer = options;
    fewer.train_size = 70;
    const DataSplits small = load_data(fewer);
    EXPECT_TRUE(small.search.images.equal(data.search.images)) << "train_size must not change the search split";
    EXPECT_EQ(num_common(images_of(small.train), train), 70u);
    EXPECT_THAT(class_counts(small.train), Each(10));
    EXPECT_TRUE(load_data(options).train.images.equal(data.train.images));
    searches.insert(data.search.fingerprint());
  }
  EXPECT_EQ(searches.size(), 20u);
}

TEST(LoadData, DefaultsToATenthForSearch) { EXPECT_EQ(load_data(small_synthetic()).search.size(), 50); }

TEST(LoadData, DrawsTestImagesBySeedBalancedByClass) {
  DataOptions options = small_synthetic();
  const auto all = images_of(load_data(options).test);
  options.test_size = 21;
  std::set<std::set<std::string>> draws;
  for (options.seed = 0; options.seed < 20; ++options.seed) {
    SCOPED_TRACE(testing::Message() << "seed " << options.seed);
    const Dataset test = load_data(options).test;
    EXPECT_THAT(class_counts(test), Each(3));
    EXPECT_EQ(num_common(images_of(test), all), 21u);
    draws.insert(images_of(test));
  }
  EXPECT_EQ(draws.size(), 20u);
}

/// Idx files of 200 training and 60 test images, every one different; `order` gives the place of each in its file.
void write_idx_in_order(const TemporaryFolder& folder, const std::vector<std::int64_t>& order) {
  const auto write = [&](const std::string& prefix, std::uint32_t count, std::uint64_t seed) {
    std::string images = words({0x803, count, 4, 4}), labels = words({0x801, count});
    for (const std::int64_t i : order) {
      if (i >= count) continue;
      Rng rng = Rng(seed).split(static_cast<std::uint64_t>(i));
      for (int pixel = 0; pixel < 16; ++pixel) images += static_cast<char>(rng.below(256));
      labels += static_cast<char>(i % 10);
    }
    folder.write(prefix + "-images-idx3-ubyte", images);
    folder.write(prefix + "-labels-idx1-ubyte", labels);
  };
  write("train", 200, 1);
  write("t10k", 60, 2);
}

TEST(LoadData, SplitsAFileSortedByClassAsItSplitsAShuffledOne) {
  std::vector<std::int64_t> shuffled(200);
  std::iota(shuffled.begin(), shuffled.end(), std::int64_t{0});
  std::vector<std::int64_t> sorted = shuffled;
  std::sort(sorted.begin(), sorted.end(), [](auto a, auto b) { return std::pair(a % 10, a) < std::pair(b % 10, b); });
  Rng(1).shuffle(shuffled);
  const TemporaryFolder by_class, by_chance;
  write_idx_in_order(by_class, sorted);
  write_idx_in_order(by_chance, shuffled);
  DataOptions options{.name = "mnist", .search_size = 40, .train_size = 100, .test_size = 30};
  for (options.seed = 0; options.seed < 20; ++options.seed) {
    SCOPED_TRACE(testing::Message() << "seed " << options.seed);
    options.path = by_class.path().string();
    const DataSplits a = load_data(options);
    options.path = by_chance.path().string();
    const DataSplits b = load_data(options);
    EXPECT_EQ(images_of(a.train), images_of(b.train));
    EXPECT_EQ(images_of(a.search), images_of(b.search));
    EXPECT_EQ(images_of(a.test), images_of(b.test));
    EXPECT_THAT(class_counts(b.train), Each(10));
  }
}

TEST(LoadData, TakesStatisticsFromTheTrainingPartAlone) {
  const DataSplits data = load_data(small_synthetic());
  const at::Tensor pixels = data.train.images.to(at::kDouble) / 255.0;
  EXPECT_NEAR(data.train.mean.at(0), pixels.mean().item<double>(), 1e-12);
  EXPECT_NEAR(data.train.stddev.at(0), pixels.std(false).item<double>(), 1e-12);
  for (const Dataset* part : {&data.search, &data.test}) {
    EXPECT_EQ(part->mean, data.train.mean);
    EXPECT_EQ(part->stddev, data.train.stddev);
  }
}

TEST(ChannelStatistics, KeepsAConstantChannelFinite) {
  const auto statistics = channel_statistics(at::full({3, 2, 4, 4}, 51, at::kByte));
  for (std::size_t c = 0; c < 2; ++c) {
    EXPECT_NEAR(statistics.mean[c], 0.2, 1e-12);
    EXPECT_EQ(statistics.stddev[c], 1.0);
  }
}

TEST(DataOptions, RoundTripThroughJson) {
  DataOptions options = small_synthetic();
  options.seed = 7;
  options.search_size = 11;
  DataOptions copy;
  read_options(write_options(options), "data", copy);
  EXPECT_EQ(write_options(copy), write_options(options));
  EXPECT_THROW(read_options({{"nam", "mnist"}}, "data", copy), UsageError);
  EXPECT_THROW(read_options({{"synthetic", {{"height", 0}}}}, "data", copy), UsageError);
}

TEST(Dataset, SubsetKeepsOrderAndRefusesStrangers) {
  const Dataset test = load_data(small_synthetic()).test;
  const std::vector<std::int64_t> indices{5, 0, 5};
  const Dataset chosen = test.subset(indices);
  EXPECT_EQ(chosen.size(), 3);
  EXPECT_TRUE(chosen.images[0].equal(test.images[5]));
  EXPECT_TRUE(chosen.images[1].equal(test.images[0]));
  EXPECT_THAT(values(chosen.labels), ElementsAre(5, 0, 5));
  const std::vector<std::int64_t> wrong{60};
  try {
    test.subset(wrong);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "image 60 is not in synthetic/test; allowed: 0 to 59");
  }
}

TEST(Dataset, DrawsTheSameMixedImagesHoweverTheyAreOrdered) {
  const Dataset train = load_data(small_synthetic()).train;  // 450 images of 7 classes
  const at::Tensor by_class = std::get<1>(train.labels.sort(/*stable=*/true, 0, false));
  const Dataset sorted = train.subset(values(by_class));
  std::set<std::set<std::string>> draws;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Dataset drawn = train.draw(150, Rng(seed));
    const Dataset again = sorted.draw(150, Rng(seed));
    EXPECT_TRUE(drawn.images.equal(again.images));
    EXPECT_TRUE(drawn.labels.equal(again.labels));
    EXPECT_EQ(images_of(drawn).size(), 150u);
    for (const std::int64_t count : class_counts(drawn)) EXPECT_NEAR(static_cast<double>(count), 150.0 / 7, 1.0);
    // The place of a class among the drawn: the mean of about 21 of 150 places, standard deviation 43 / sqrt(21) = 9.5.
    for (int c = 0; c < 7; ++c)
      EXPECT_NEAR(drawn.labels.eq(c).nonzero().to(at::kDouble).mean().item<double>(), 74.5, 5 * 9.5);
    const auto fewer = images_of(train.draw(70, Rng(seed)));
    EXPECT_GE(num_common(fewer, images_of(drawn)), 70u - 7u);
    draws.insert(images_of(drawn));
  }
  EXPECT_EQ(draws.size(), 50u);
  EXPECT_EQ(images_of(train.draw(450, Rng(1))), images_of(train));
  for (const std::int64_t wrong : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{451}})
    EXPECT_THAT([&] { train.draw(wrong, Rng(1)); },
                testing::ThrowsMessage<UsageError>(HasSubstr("allowed: 1 to 450 (the images of synthetic/train)")));
}

TEST(Dataset, DrawsEveryImageEquallyOften) {
  const Dataset test = load_data(small_synthetic()).test.subset(std::vector<std::int64_t>{0, 1, 7, 8, 14, 15, 21, 22});
  std::map<std::string, int> counts;
  for (std::uint64_t seed = 0; seed < 2000; ++seed)
    for (const auto& image : images_of(test.draw(4, Rng(seed)))) ++counts[image];
  EXPECT_EQ(counts.size(), 8u);
  for (const auto& [image, count] : counts) EXPECT_NEAR(count, 1000, 5 * std::sqrt(2000 * 0.25));
}

TEST(Dataset, FingerprintSeesEveryByte) {
  const Dataset test = load_data(small_synthetic()).test;
  Dataset changed = test;
  EXPECT_EQ(changed.fingerprint(), test.fingerprint());
  changed.images = test.images.clone();
  changed.images[59][0][7][7] += 1;
  EXPECT_NE(changed.fingerprint(), test.fingerprint());
  changed.images = test.images;
  changed.labels = test.labels.flip(0);
  EXPECT_NE(changed.fingerprint(), test.fingerprint());
}

TEST(Dataset, ValidateNamesWhatDoesNotFit) {
  const Dataset good = load_data(small_synthetic()).test;
  good.validate();
  const auto message = [&](auto change) {
    Dataset bad = good;
    change(bad);
    try {
      bad.validate();
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message([](Dataset& d) { d.images = d.images.to(at::kFloat); }),
              HasSubstr("images must be a non-empty uint8 tensor"));
  EXPECT_THAT(message([](Dataset& d) { d.images = at::Tensor(); }), HasSubstr("images must be"));
  EXPECT_THAT(message([](Dataset& d) { d.labels = d.labels.to(at::kInt); }),
              HasSubstr("labels must be an int64 tensor"));
  EXPECT_THAT(message([](Dataset& d) { d.labels = d.labels.narrow(0, 0, 9); }), HasSubstr("60 images but 9 labels"));
  EXPECT_THAT(message([](Dataset& d) { d.classes = 3; }), HasSubstr("labels must be from 0 to 2"));
  EXPECT_THAT(message([](Dataset& d) { d.mean.clear(); }), HasSubstr("one value for each of the 1 channels"));
  EXPECT_THAT(message([](Dataset& d) { d.stddev[0] = 0; }), HasSubstr("stddev finite and above 0"));
}

/// Share of the test images that a two-layer network with global pooling gets right after 150 steps.
double accuracy_after_training(const DataSplits& data) {
  at::set_num_threads(1);  // layers this small only lose by more, above all on a busy machine
  at::manual_seed(1);
  std::vector<at::Tensor> weights{at::randn({16, data.train.channels(), 7, 7}) / 7, at::zeros({16}),
                                  at::randn({32, 16, 3, 3}) / 12, at::zeros({32}),
                                  at::randn({data.train.classes, 32}) / 6};
  std::vector<at::Tensor> velocity;
  for (auto& weight : weights) {
    velocity.push_back(at::zeros_like(weight));
    weight.requires_grad_();
  }
  const auto forward = [&](at::Tensor x) {
    x = at::conv2d(x, weights[0], weights[1], 2, 3).relu();
    return at::conv2d(x, weights[2], weights[3], 2, 1).relu().mean({2, 3}).matmul(weights[4].t());
  };
  Loader loader(data.train, {.batch_size = 64, .flip = true}, Rng(1));
  for (int step = 0; step < 150; ++step) {
    const Batch batch = loader.next();
    at::cross_entropy_loss(forward(batch.images), batch.labels).backward();
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      velocity[i].mul_(0.9).add_(weights[i].grad());
      weights[i].sub_(velocity[i], 0.05);
      weights[i].mutable_grad().zero_();
    }
  }
  const at::NoGradGuard no_grad;
  const Batch batch = evaluation_batch(data.test, 0, data.test.size());
  return (forward(batch.images).argmax(1) == batch.labels).to(at::kDouble).mean().item<double>();
}

TEST(Synthetic, ASmallNetworkLearnsIt) {
  DataOptions options{.name = "synthetic"};
  options.synthetic.height = options.synthetic.width = 16;
  const double accuracy = accuracy_after_training(load_data(options));
  std::printf("top1 %.3f\n", accuracy);
  EXPECT_GT(accuracy, 0.7) << "chance is 0.1";
}

TEST(Synthetic, IsTheSameForTheSameSeedOnly) {
  DataOptions options = small_synthetic();
  const Dataset first = load_data(options).test;
  EXPECT_EQ(load_data(options).test.fingerprint(), first.fingerprint());
  options.synthetic.seed = 1;
  EXPECT_NE(load_data(options).test.fingerprint(), first.fingerprint());
}

}  // namespace
}  // namespace frontier
