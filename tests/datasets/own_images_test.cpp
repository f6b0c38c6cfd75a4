// Images that people bring along: class folders, tables, arrays, idx files.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "datasets/dataset.h"
#include "datasets/internal/image_store.h"
#include "datasets/loader.h"
#include "datasets/picture_files.h"
#include "datasets/sample_files.h"
#include "support/messages.h"
#include "support/pictures.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using namespace testing_files;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing_support::Bytes;
using testing_support::jpeg_file;
using testing_support::plain_jpeg;
using testing_support::plain_png;
using testing_support::png_file;
using testing_support::PngOptions;

void write(const TemporaryFolder& folder, const std::string& name, const std::string& bytes) {
  fs::create_directories((folder.path() / name).parent_path());
  folder.write(name, bytes);
}

/// A picture like no other: grey stripes of a seed's own.
std::string picture(std::uint64_t seed, int width = 40, int height = 30, bool png = false) {
  Rng rng(seed);
  Bytes pixels;
  const auto low = static_cast<std::uint8_t>(rng.below(120)), high = static_cast<std::uint8_t>(120 + rng.below(120));
  const auto step = 3 + rng.below(9);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        pixels.push_back((static_cast<std::uint64_t>(x + c * y) / step) % 2 == 0 ? low : high);
  return png ? png_file(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), pixels)
             : jpeg_file(width, height, 3, pixels);
}

/// So many different pictures a class, of different sizes and both formats.
void write_classes(const TemporaryFolder& folder, const std::map<std::string, int>& counts,
                   const std::string& below = "", std::uint64_t seed = 0) {
  for (const auto& [name, count] : counts)
    for (int i = 0; i < count; ++i, ++seed)
      write(folder, below + name + "/" + std::to_string(i) + (i % 3 == 0 ? ".png" : ".jpg"),
            picture(seed, 30 + static_cast<int>(seed % 50), 25 + static_cast<int>(seed % 60), i % 3 == 0));
}

DataOptions options_of(const TemporaryFolder& folder, const std::string& name = "") {
  return {.name = "files", .path = (folder.path() / name).string()};
}

std::vector<std::int64_t> counts_of(const Dataset& data) {
  const at::Tensor counts = at::bincount(data.labels, {}, data.classes);
  return {counts.const_data_ptr<std::int64_t>(), counts.const_data_ptr<std::int64_t>() + counts.numel()};
}

/// What networks see of each image with its label, so that sets of images can be compared.
std::multiset<std::pair<std::int64_t, Bytes>> images_of(const Dataset& data) {
  std::multiset<std::pair<std::int64_t, Bytes>> images;
  for (std::int64_t i = 0; i < data.size(); ++i)
    images.emplace(data.labels[i].item<std::int64_t>(), data.image(i).pixels);
  return images;
}

std::string error_of(const DataOptions& options) {
  try {
    load_data(options);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(ClassFolders, AreSplitBySeedAndClass) {
  const TemporaryFolder folder;
  write_classes(folder, {{"ant", 20}, {"bee", 11}, {"cow", 2}, {"dog", 1}});
  DataOptions options = options_of(folder);
  std::set<std::string> tests;
  for (options.seed = 0; options.seed < 10; ++options.seed) {
    SCOPED_TRACE(testing::Message() << "seed " << options.seed);
    const DataSplits data = load_data(options);
    EXPECT_THAT(data.train.class_names, ElementsAre("ant", "bee", "cow", "dog"));
    EXPECT_THAT(counts_of(data.test), ElementsAre(4, 2, 1, 0));  // a fifth, rounded; one of two; none of one
    EXPECT_EQ(data.train.size() + data.search.size() + data.test.size(), 34);
    EXPECT_THAT(counts_of(data.train), Each(testing::Ge(1)));
    EXPECT_THAT(data.facts.notes, ElementsAre("no test image shows class 'dog'"));
    auto all = images_of(data.train);
    for (const Dataset* part : {&data.search, &data.test})
      for (const auto& image : images_of(*part)) EXPECT_FALSE(all.contains(image));
    tests.insert(data.test.fingerprint());
  }
  EXPECT_GT(tests.size(), 5u);
}

TEST(ClassFolders, GiveTheSameSplitAtEverySizeAndUnderOtherFileNames) {
  const TemporaryFolder one, other;
  write_classes(one, {{"ant", 12}, {"bee", 9}});
  for (const auto& name : {"ant", "bee"}) {
    fs::create_directories(other.path() / name / "deeper");
    for (const auto& file : fs::directory_iterator(one.path() / name)) {
      const int number = std::stoi(file.path().stem().string());
      fs::copy_file(file.path(), other.path() / name / (number % 2 == 0 ? "deeper/" : ".") /
                                     (std::to_string(90 - number) + file.path().extension().string()));
    }
  }
  const DataSplits a = load_data(options_of(one)), b = load_data(options_of(other));
  EXPECT_EQ(images_of(a.train), images_of(b.train));
  EXPECT_EQ(images_of(a.search), images_of(b.search));
  EXPECT_EQ(images_of(a.test), images_of(b.test));
  DataOptions small = options_of(one);
  small.picture = {.size = 8, .resize = 9};
  const DataSplits c = load_data(small);
  EXPECT_TRUE(a.test.rows.equal(c.test.rows));
  EXPECT_TRUE(a.train.rows.equal(c.train.rows));
  EXPECT_NE(a.test.fingerprint(), c.test.fingerprint());
  EXPECT_EQ(a.train.identity(), c.train.identity());
}

TEST(ClassFolders, WithPartsAreTakenAsTheyAre) {
  const TemporaryFolder folder;
  write_classes(folder, {{"ant", 6}, {"bee", 5}}, "train/", 0);
  write_classes(folder, {{"ant", 3}, {"bee", 2}}, "test/", 100);
  const DataSplits two = load_data(options_of(folder));
  EXPECT_THAT(counts_of(two.test), ElementsAre(3, 2));
  EXPECT_EQ(two.search.size(), 1);
  write_classes(folder, {{"ant", 2}, {"bee", 2}}, "val/", 200);
  const DataSplits three = load_data(options_of(folder));
  EXPECT_THAT(counts_of(three.search), ElementsAre(2, 2));
  EXPECT_THAT(counts_of(three.train), ElementsAre(6, 5));
  fs::remove_all(folder.path() / "test");
  const DataSplits val = load_data(options_of(folder));
  EXPECT_THAT(counts_of(val.test), ElementsAre(2, 2));
  EXPECT_EQ(val.search.size(), 1);
  // A class may be called so: beside other classes it is one.
  write_classes(folder, {{"bus", 3}});
  EXPECT_THAT(load_data(options_of(folder)).train.class_names, ElementsAre("bus", "train", "val"));
}

TEST(ClassFolders, CountClassesAsNumbersWhereAllAre) {
  const TemporaryFolder folder;
  write_classes(folder, {{"2", 3}, {"10", 3}, {"1", 3}});
  EXPECT_THAT(load_data(options_of(folder)).train.class_names, ElementsAre("1", "2", "10"));
}

TEST(Pictures, DecideSizeAndChannels) {
  const PngOptions grey{.color_type = PNG_COLOR_TYPE_GRAY};
  const auto resolved = [](const TemporaryFolder& folder) {
    const DataSplits data = load_data(options_of(folder));
    const PictureOptions& o = data.options.picture;
    return std::vector<std::int64_t>{data.train.channels(), data.train.height(), data.train.width(), o.size, o.resize};
  };
  const TemporaryFolder small;
  for (std::uint8_t i = 0; i < 4; ++i)
    for (const std::string name : {"a", "b"})
      write(small, name + "/" + std::to_string(i) + ".png",
            png_file(12, 9, Bytes(108, static_cast<std::uint8_t>(i + (name == "a" ? 0 : 50))), grey));
  EXPECT_THAT(resolved(small), ElementsAre(1, 9, 12, 0, 0));  // one small size: as they are
  write(small, "a/coloured.png", plain_png(12, 9, {1, 2, 3}));
  EXPECT_THAT(resolved(small), ElementsAre(3, 9, 12, 0, 0));
  write(small, "a/large.png", plain_png(50, 40, {1, 2, 3}));
  EXPECT_THAT(resolved(small), ElementsAre(3, 40, 40, 40, 40));  // never larger than the largest
  write(small, "a/larger.png", plain_png(500, 300, {1, 2, 3}));
  EXPECT_THAT(resolved(small), ElementsAre(3, 64, 64, 64, 73));
}

TEST(Pictures, AreResizedAndCutAsTheSettingsSay) {
  const TemporaryFolder folder;
  write_classes(folder, {{"ant", 5}, {"bee", 5}});
  DataOptions options = options_of(folder);
  options.picture = {.size = 10, .resize = 16, .channels = 1};
  const DataSplits data = load_data(options);
  EXPECT_EQ(data.train.store->shape().height, 16);
  const std::string file = read_file(folder.path() / "ant/0.png");
  const ByteImage expected = cut_middle(read_picture(file, {1, 16, 16}), 10, 10);
  bool found = false;
  for (const Dataset* part : {&data.train, &data.search, &data.test})
    for (const auto& [label, pixels] : images_of(*part)) found = found || (label == 0 && pixels == expected.pixels);
  EXPECT_TRUE(found);
  options.picture.resize = 9;
  EXPECT_THAT(error_of(options), HasSubstr("data.resize = 9 is less than data.size = 10"));
  options.picture = {.channels = 2};
  EXPECT_THAT(error_of(options), HasSubstr("data.channels = 2 is not allowed; allowed: 3 (colour), 1 (grey)"));
}

TEST(Pictures, AreTheSameFromMemoryAndFromTheirFiles) {
  const TemporaryFolder folder;
  write_classes(folder, {{"ant", 17}, {"bee", 12}, {"cow", 9}});
  DataOptions options = options_of(folder);
  options.picture = {.size = 14, .resize = 17};
  const DataSplits kept = load_data(options);
  options.memory_share = 0;
  const int threads = at::get_num_threads();
  at::set_num_threads(4);
  const DataSplits streamed = load_data(options);
  at::set_num_threads(threads);
  EXPECT_THAT(kept.facts.kept, HasSubstr("in memory ("));
  EXPECT_THAT(streamed.facts.kept, HasSubstr("decoded for every batch"));
  EXPECT_TRUE(kept.train.store->in_memory());
  EXPECT_FALSE(streamed.train.store->in_memory());
  EXPECT_EQ(kept.train.mean, streamed.train.mean);
  EXPECT_EQ(kept.train.stddev, streamed.train.stddev);
  for (const auto& [a, b] :
       {std::pair(&kept.train, &streamed.train), {&kept.search, &streamed.search}, {&kept.test, &streamed.test}}) {
    EXPECT_EQ(a->fingerprint(), b->fingerprint());
    EXPECT_EQ(a->identity(), b->identity());
    EXPECT_TRUE(evaluation_batch(*a, 0, a->size()).images.equal(evaluation_batch(*b, 0, b->size()).images));
    EXPECT_TRUE(a->draw(2, Rng(3)).rows.equal(b->draw(2, Rng(3)).rows));
  }
  for (const double smallest : {1.0, 0.3}) {
    LoaderOptions how{.batch_size = 8, .flip = true, .threads = 2};
    how.augment.random_resized_crop.smallest = smallest;
    how.augment.cutout = 4;
    Loader a(kept.train, how, Rng(1)), b(streamed.train, how, Rng(1));
    for (int step = 0; step < 9; ++step) EXPECT_TRUE(a.next().images.equal(b.next().images)) << step;
    b.seek(4);
    a.seek(4);
    EXPECT_TRUE(a.next().images.equal(b.next().images));
  }
}

TEST(PictureFiles, AreReadAsTheDataSetsImagesAre) {
  const TemporaryFolder folder;
  write_classes(folder, {{"cat", 9}, {"dog", 7}});
  for (const std::int64_t size : {16, 24}) {
    DataOptions options = options_of(folder);
    options.picture.size = size;
    const DataSplits data = load_data(options);
    std::multiset<Bytes> seen, read;
    for (const Dataset* part : {&data.train, &data.search, &data.test})
      for (const auto& [label, pixels] : images_of(*part)) seen.insert(pixels);
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
      if (entry.is_regular_file()) paths.push_back(entry.path().string());
    folder.write("no picture", "text");
    paths.push_back((folder.path() / "no picture").string());
    const PictureFiles files = read_picture_files(paths, {3, size, size}, data.options.picture.resize);
    fs::remove(folder.path() / "no picture");
    ASSERT_EQ(files.images.sizes(), at::IntArrayRef({17, 3, size, size}));
    EXPECT_THAT(files.why_not.back(), HasSubstr("JPEG"));
    EXPECT_EQ(files.images[16].count_nonzero().item<std::int64_t>(), 0);
    for (std::int64_t i = 0; i < 16; ++i) {
      EXPECT_EQ(files.why_not[static_cast<std::size_t>(i)], "");
      const auto* pixels = files.images[i].const_data_ptr<std::uint8_t>();
      read.emplace(pixels, pixels + 3 * size * size);
    }
    EXPECT_EQ(read, seen);
  }
}

TEST(Pictures, HaveTheStatisticsOfTheirTrainingPart) {
  const TemporaryFolder folder;
  write_classes(folder, {{"ant", 12}, {"bee", 8}});
  DataOptions options = options_of(folder);
  options.picture = {.size = 20, .resize = 20};
  const Dataset train = load_data(options).train;
  std::vector<at::Tensor> images;
  for (std::int64_t i = 0; i < train.size(); ++i)
    images.push_back(at::from_blob(train.image(i).pixels.data(), {3, 20, 20}, at::kByte).clone());
  const ChannelStatistics expected = channel_statistics(at::stack(images));
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(train.mean[c], expected.mean[c], 1e-12);
    EXPECT_NEAR(train.stddev[c], expected.stddev[c], 1e-12);
  }
  const TemporaryFolder plain;
  for (int i = 0; i < 8; ++i)
    write(plain, (i % 2 == 0 ? "a/" : "b/") + std::to_string(i) + ".png",
          plain_png(8, 8, {51, 102, static_cast<std::uint8_t>(i)}));
  const Dataset constant = load_data(options_of(plain)).train;
  EXPECT_NEAR(constant.mean[0], 0.2, 1e-12);
  EXPECT_EQ(constant.stddev[1], 1.0);
  EXPECT_LT(constant.stddev[2], 0.02);
}

TEST(Pictures, ThatChangeMeanwhileAreNotTakenForTheSame) {
  const TemporaryFolder folder;
  write_classes(folder, {{"ant", 6}, {"bee", 6}});
  DataOptions options = options_of(folder);
  options.memory_share = 0;
  const DataSplits data = load_data(options);
  for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
    if (entry.is_regular_file()) std::ofstream(entry.path(), std::ios::binary) << picture(999);
  EXPECT_THROWS_WITH(evaluation_batch(data.train, 0, 4), Error, "it was changed since it was first read");
}

TEST(BrokenPictures, RefuseTheDataSetOrAreLeftOutAndCounted) {
  const TemporaryFolder folder;
  write_classes(folder, {{"ant", 8}, {"bee", 8}});
  write(folder, "ant/broken.jpg", picture(70).substr(0, 300));
  write(folder, "bee/pointer.png", "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 12\n");
  write(folder, "bee/really_a_jpeg.png", picture(71));
  write(folder, "bee/notes.txt", "seen in May");
  DataOptions options = options_of(folder);
  for (const auto& picture_options : {PictureOptions{}, PictureOptions{.size = 20, .resize = 20, .channels = 3}}) {
    options.picture = picture_options;
    options.broken = "refuse";
    const std::string message = error_of(options);
    EXPECT_THAT(message, HasSubstr("2 of 19 pictures cannot be read"));
    EXPECT_THAT(message, HasSubstr("ant/broken.jpg: damaged JPEG: Premature end"));
    EXPECT_THAT(message, HasSubstr("bee/pointer.png: no picture but a Git LFS pointer"));
    EXPECT_THAT(message, HasSubstr("--set data.broken=skip"));
    options.broken = "skip";
    const DataSplits data = load_data(options);
    EXPECT_EQ(data.train.size() + data.search.size() + data.test.size(), 17);
    ASSERT_EQ(data.facts.broken.size(), 2u);
    EXPECT_THAT(data.facts.broken[0].first, HasSubstr("ant/broken.jpg"));
    EXPECT_THAT(data.facts.notes, Contains(HasSubstr("2 of 19 pictures cannot be read")));
    EXPECT_THAT(data.facts.notes,
                Contains(HasSubstr("1 file in class folders have no picture's name and were not read")));
    EXPECT_EQ(data.facts.pictures.size(), 17u);
  }
  const TemporaryFolder none;
  write(none, "a/1.jpg", "");
  write(none, "b/1.jpg", "text");
  EXPECT_THAT(error_of(options_of(none)), HasSubstr("none of the 2 pictures can be read; the first"));
}

TEST(Notes, SayAloudWhatMakesNumbersWorthless) {
  const TemporaryFolder one;
  write_classes(one, {{"ant", 10}});
  EXPECT_THAT(load_data(options_of(one)).facts.notes,
              Contains("all training images show class 'ant': there is nothing to tell apart"));
  fs::create_directories(one.path() / "bee");
  EXPECT_THAT(load_data(options_of(one)).facts.notes,
              testing::IsSupersetOf({"class folder 'bee' holds no picture", "no training image shows class 'bee'"}));
  const TemporaryFolder most;
  write_classes(most, {{"ant", 60}, {"bee", 2}});
  EXPECT_THAT(load_data(options_of(most)).facts.notes,
              Contains(HasSubstr("% of the training images show class 'ant'")));
  const TemporaryFolder leak;
  write_classes(leak, {{"ant", 5}, {"bee", 5}}, "train/", 0);
  write_classes(leak, {{"ant", 2}, {"bee", 2}}, "test/", 0);
  EXPECT_THAT(load_data(options_of(leak)).facts.notes, Contains(HasSubstr("test images are training images as well")));
}

TEST(ImageTable, NamesPicturesAndLabels) {
  const TemporaryFolder folder;
  for (int i = 0; i < 12; ++i)
    write(folder, "pictures/" + std::to_string(i) + ".png", picture(static_cast<std::uint64_t>(i), 20, 20, true));
  std::string table = "label,path\r\n";
  for (int i = 0; i < 12; ++i)
    table += std::string(i % 3 == 0 ? "\"big, cat\"" : "dog") + ",pictures/" + std::to_string(i) + ".png\r\n";
  write(folder, "labels.csv", table);
  const DataSplits data = load_data(options_of(folder, "labels.csv"));
  EXPECT_THAT(data.train.class_names, ElementsAre("big, cat", "dog"));
  EXPECT_EQ(data.facts.form, "a table of paths and labels");
  EXPECT_THAT(counts_of(data.test), ElementsAre(1, 2));
  EXPECT_THAT(data.train.fingerprint(), HasSubstr("labels.csv/train/"));

  std::string parts = "file,class,split\n";
  for (int i = 0; i < 12; ++i)
    parts += "pictures/" + std::to_string(i) + ".png," + std::to_string(i % 2 + 1) + "," +
             (i < 6   ? "train"
              : i < 8 ? "val"
                      : "test") +
             "\n";
  write(folder, "parts.csv", parts);
  const DataSplits given = load_data(options_of(folder, "parts.csv"));
  EXPECT_THAT(given.train.class_names, ElementsAre("1", "2"));
  EXPECT_EQ(given.train.size(), 6);
  EXPECT_EQ(given.search.size(), 2);
  EXPECT_EQ(given.test.size(), 4);

  const auto refusal = [&](const std::string& text) {
    write(folder, "wrong.csv", text);
    return error_of(options_of(folder, "wrong.csv"));
  };
  EXPECT_THAT(refusal("a,b\n1,2\n"), HasSubstr("expected a header with a column of paths, named one of path, file,"));
  EXPECT_THAT(refusal("path,b\n1,2\n"), HasSubstr("column of labels, named one of label, class,"));
  EXPECT_THAT(refusal("path,label\n"), HasSubstr("expected a line a picture below the header, saw none"));
  EXPECT_THAT(refusal("path,label\npictures/0.png,\n"), HasSubstr("wrong.csv, line 2: the label is empty"));
  EXPECT_THAT(refusal("path,label,split\npictures/0.png,a,later\n"),
              HasSubstr("line 2: the part 'later' is none; allowed: train, val, test"));
  EXPECT_THAT(refusal("path,label\npictures/0.png,a\nnowhere.png,b\n"),
              HasSubstr("nowhere.png: there is no such file"));
  EXPECT_THAT(refusal("<html><body>Sign in</body></html>"),
              HasSubstr("expected data, saw a web page (HTML); download the file itself"));
}

/// A NumPy file: format 1.
std::string npy(const std::string& type, const std::string& shape, const std::string& data, bool fortran = false) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': (" + shape + "), }";
  header += std::string(64 - (10 + header.size() + 1) % 64, ' ') + "\n";
  return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size() & 255) +
         static_cast<char>(header.size() >> 8) + header + data;
}

std::string counted_bytes(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(i * 7 % 251);
  return bytes;
}

TEST(NpyFolder, HoldsImagesAndLabels) {
  const TemporaryFolder folder;
  std::string labels;
  for (int i = 0; i < 20; ++i) labels += std::string(1, static_cast<char>(i % 2 == 0 ? 3 : 7)) + std::string(7, '\0');
  folder.write("labels.npy", npy("<i8", "20,", labels));
  folder.write("images.npy", npy("|u1", "20, 5, 4, 3", counted_bytes(20 * 60)));
  const DataSplits last = load_data(options_of(folder));
  EXPECT_THAT(last.train.class_names, ElementsAre("3", "7"));
  EXPECT_EQ(last.train.images.sizes().slice(1), at::IntArrayRef({3, 5, 4}));
  EXPECT_EQ(last.train.size() + last.search.size() + last.test.size(), 20);
  EXPECT_THAT(counts_of(last.test), ElementsAre(2, 2));
  std::set<int> firsts;
  for (const Dataset* part : {&last.train, &last.search, &last.test})
    for (std::int64_t i = 0; i < part->size(); ++i) {
      const at::Tensor image = part->images[i];
      const int first = image[0][0][0].item<int>();
      EXPECT_EQ(image[1][0][0].item<int>(), (first + 7) % 251);  // channels lie beside each other in the file
      firsts.insert(first);
    }
  EXPECT_EQ(firsts.size(), 20u);
  folder.write("images.npy", npy("|u1", "20, 5, 4", counted_bytes(400)));
  EXPECT_EQ(load_data(options_of(folder)).train.channels(), 1);
  folder.write("images.npy", npy("|u1", "20, 3, 5, 4", counted_bytes(20 * 60)));
  EXPECT_EQ(load_data(options_of(folder)).train.images.sizes().slice(1), at::IntArrayRef({3, 5, 4}));
}

TEST(NpyFolder, IsRefusedWhereItIsDamaged) {
  const TemporaryFolder folder;
  const std::string good_labels = npy("|u1", "4,", std::string("\0\1\0\1", 4)),
                    good_images = npy("|u1", "4, 2, 2", counted_bytes(16));
  const auto refusal = [&](const std::string& images, const std::string& labels) {
    folder.write("images.npy", images);
    folder.write("labels.npy", labels);
    return error_of(options_of(folder));
  };
  EXPECT_EQ(refusal(good_images, good_labels), "");
  EXPECT_THAT(refusal(npy("<f4", "4, 2, 2", counted_bytes(64)), good_labels),
              HasSubstr("expected 8-bit images (dtype uint8), saw dtype '<f4'"));
  EXPECT_THAT(refusal(npy("|u1", "4, 2, 2", counted_bytes(16), true), good_labels),
              HasSubstr("expected an array in C order"));
  EXPECT_THAT(refusal(npy("|u1", "4, 2, 2", counted_bytes(15)), good_labels),
              HasSubstr("expected 16 bytes (an array [4, 2, 2]"));
  EXPECT_THAT(refusal(npy("|u1", "4, 2, 2", counted_bytes(17)), good_labels), HasSubstr("saw extra bytes"));
  EXPECT_THAT(refusal(npy("|u1", "99999999999, 2, 2", counted_bytes(16)), good_labels),
              HasSubstr("as its header says"));
  EXPECT_THAT(refusal(npy("|u1", "4, 0, 2", ""), good_labels), HasSubstr("at least one element a side"));
  EXPECT_THAT(refusal(npy("|u1", "4, 2, 2, 2", counted_bytes(32)), good_labels),
              HasSubstr("with C = 1 or 3, saw [4, 2, 2, 2]"));
  EXPECT_THAT(refusal("no array at all", good_labels), HasSubstr("expected a NumPy array"));
  EXPECT_THAT(refusal(good_images, npy("<f8", "4,", counted_bytes(32))), HasSubstr("expected whole numbers"));
  EXPECT_THAT(refusal(good_images, npy("|u1", "3,", counted_bytes(3))),
              HasSubstr("expected 4 labels, as many as images.npy has images, saw 3"));
  fs::remove(folder.path() / "labels.npy");
  EXPECT_THAT(error_of(options_of(folder)), HasSubstr("labels.npy: expected this file"));
  folder.write("photos.npz", "PK");
  EXPECT_THAT(error_of(options_of(folder, "photos.npz")), HasSubstr(".npz archives are not read; unpack it"));
}

TEST(IdxFolder, HasAnyNumberOfClassesFromAnyLabelOn) {
  const TemporaryFolder folder;
  const auto labels = [](std::uint32_t count) {  // 1 to 26, as EMNIST's letters
    std::string bytes = words({0x801, count});
    for (std::uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i % 26 + 1);
    return bytes;
  };
  folder.write("emnist-letters-train-images-idx3-ubyte.gz", gzip(idx_images(104, 4, 4)));
  folder.write("emnist-letters-train-labels-idx1-ubyte.gz", gzip(labels(104)));
  folder.write("emnist-letters-test-images-idx3-ubyte", idx_images(52, 4, 4));
  folder.write("emnist-letters-test-labels-idx1-ubyte", labels(52));
  const DataSplits data = load_data(options_of(folder));
  EXPECT_EQ(data.train.classes, 26);
  EXPECT_EQ(data.train.class_names.front(), "1");
  EXPECT_EQ(data.train.class_names.back(), "26");
  EXPECT_THAT(counts_of(data.test), Each(2));
  EXPECT_THAT(error_of({.name = "mnist", .path = folder.path().string()}), HasSubstr("train-images-idx3-ubyte"));
  folder.write("emnist-digits-train-images-idx3-ubyte", idx_images(4, 4, 4));
  EXPECT_THAT(error_of(options_of(folder)), HasSubstr("expected idx files of one data set"));
  for (const char* name : {"emnist-digits-train-images-idx3-ubyte", "emnist-letters-test-images-idx3-ubyte"})
    fs::remove(folder.path() / name);
  const DataSplits split = load_data(options_of(folder));
  EXPECT_THAT(counts_of(split.test), Each(1));
  std::string gap = labels(104);
  for (std::size_t i = 8; i < gap.size(); ++i)
    if (gap[i] == 4) gap[i] = 5;
  folder.write("emnist-letters-train-labels-idx1-ubyte.gz", gap);
  EXPECT_THAT(load_data(options_of(folder)).facts.notes,
              Contains(HasSubstr("no image has label 4; labels go from 1 to 26")));
}

TEST(Paths, AreRecognisedOrRefusedWithWhatWasLookedFor) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of(options_of(folder)), HasSubstr("saw an empty folder"));
  folder.write("readme.txt", "hello");
  fs::create_directories(folder.path() / "empty");
  const std::string message = error_of(options_of(folder));
  EXPECT_THAT(message, HasSubstr("expected a folder with one folder of JPEG and PNG files a class;"));
  EXPECT_THAT(message, HasSubstr("saw 1 folder (empty) and 1 file (readme.txt), no picture in a folder of its class"));
  EXPECT_THAT(error_of(options_of(folder, "readme.txt")), HasSubstr("saw a file that is no .csv"));
  EXPECT_THAT(error_of(options_of(folder, "none")), HasSubstr("data.path: there is no file or folder"));
  EXPECT_THAT(error_of({.name = (folder.path() / "none").string()}),
              HasSubstr("Nor is there a file or folder of that name"));
  EXPECT_THAT(error_of({.name = "files"}), HasSubstr("data.path is empty; data.name = files needs the file or folder"));
  write_classes(folder, {{"ant", 4}, {"bee", 4}});
  const DataSplits data = load_data({.name = folder.path().string()});
  EXPECT_EQ(data.options.name, "files");
  EXPECT_EQ(data.options.path, folder.path().string());
  EXPECT_EQ(data.train.name, folder.path().filename().string());
}

TEST(Paths, RefuseSettingsThatDoNothing) {
  EXPECT_THAT(error_of({.name = "synthetic", .picture = {.size = 32}}),
              HasSubstr("data.size = 32 has no effect on synthetic; it is for files of your own"));
  EXPECT_THAT(error_of({.name = "synthetic", .test_share = 0.3}), HasSubstr("data.test_share = 0.3 has no effect"));
  const TemporaryFolder folder;
  folder.write("labels.npy", npy("|u1", "4,", std::string("\0\1\0\1", 4)));
  folder.write("images.npy", npy("|u1", "4, 2, 2", counted_bytes(16)));
  DataOptions options = options_of(folder);
  options.picture.size = 32;
  EXPECT_THAT(error_of(options),
              HasSubstr("data.size = 32 has no effect on arrays images.npy and labels.npy; it is for picture files"));
}

}  // namespace
}  // namespace frontier
