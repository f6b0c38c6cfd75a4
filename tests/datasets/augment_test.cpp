// Transforms of training images: each operation against an obvious slow version or known values, and the promises of
// the loader for every setting.
#include "datasets/augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "common/errors.h"
#include "common/options.h"
#include "common/rng.h"
#include "datasets/internal/image_ops.h"
#include "datasets/internal/mixing.h"
#include "datasets/internal/transforms.h"
#include "datasets/loader.h"

namespace frontier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ByteImage random_image(std::int64_t channels, std::int64_t height, std::int64_t width, std::uint64_t seed) {
  ByteImage image{channels, height, width,
                  std::vector<std::uint8_t>(static_cast<std::size_t>(channels * height * width))};
  Rng rng(seed);
  for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(rng.below(256));
  return image;
}

/// [C, H, W] int64.
at::Tensor tensor(const ByteImage& image) {
  at::Tensor result = at::empty({image.channels, image.height, image.width}, at::kByte);
  std::copy(image.pixels.begin(), image.pixels.end(), result.mutable_data_ptr<std::uint8_t>());
  return result.to(at::kLong);
}

template <class Change>
at::Tensor changed(ByteImage image, Change&& change) {
  change(image);
  return tensor(image);
}

ByteImage one_pixel(int red, int green, int blue) {
  return {3, 1, 1, {static_cast<std::uint8_t>(red), static_cast<std::uint8_t>(green), static_cast<std::uint8_t>(blue)}};
}

/// Red, green, blue through the same formula as Pillow's conversion to "L", in tensors.
at::Tensor grey(const at::Tensor& image) {
  if (image.size(0) == 1) return image;
  return (image[0] * 19595 + image[1] * 38470 + image[2] * 7471 + 0x8000).div(65536, "floor").unsqueeze(0);
}

/// base + factor * (image - base), cut to a byte.
at::Tensor blended(const at::Tensor& base, const at::Tensor& image, double factor) {
  return (base.to(at::kFloat) + factor * (image - base).to(at::kFloat)).clamp(0, 255).to(at::kLong);
}

/// For 50 random images of one and three channels.
template <class Check>
void for_images(Check&& check) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const auto height = static_cast<std::int64_t>(1 + Rng(seed).split(1).below(12));
    const auto width = static_cast<std::int64_t>(1 + Rng(seed).split(2).below(12));
    check(random_image(seed % 2 == 0 ? 1 : 3, height, width, seed), 2 * Rng(seed).split(3).uniform());
  }
}

TEST(ImageOps, BlendsEqualTheirFormulas) {
  for_images([](const ByteImage& image, double factor) {
    const at::Tensor x = tensor(image);
    // Truncation to bytes is off by one where the two round a float differently.
    const auto same = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<int>() <= 1; };
    EXPECT_TRUE(same(changed(image, [&](auto& i) { image_ops::brightness(i, factor); }),
                     blended(at::zeros_like(x), x, factor)));
    EXPECT_TRUE(same(changed(image, [&](auto& i) { image_ops::saturation(i, factor); }),
                     blended(grey(x).expand_as(x), x, factor)));
    const auto mean = static_cast<std::int64_t>(grey(x).to(at::kDouble).mean().item<double>() + 0.5);
    EXPECT_TRUE(same(changed(image, [&](auto& i) { image_ops::contrast(i, factor); }),
                     blended(at::full_like(x, mean), x, factor)));
    at::Tensor blurred = x.clone();
    const at::Tensor kernel = at::tensor({1., 1., 1., 1., 5., 1., 1., 1., 1.}, at::kDouble).view({1, 1, 3, 3}) / 13;
    if (image.height > 2 && image.width > 2)
      blurred.slice(1, 1, -1).slice(2, 1, -1).copy_(
          at::conv2d(x.to(at::kDouble).unsqueeze(1), kernel).squeeze(1).round());
    EXPECT_TRUE(same(changed(image, [&](auto& i) { image_ops::sharpness(i, factor); }), blended(blurred, x, factor)));
  });
}

TEST(ImageOps, AFactorOfOneChangesNothingAndOfZeroLeavesTheBase) {
  for_images([](const ByteImage& image, double) {
    for (const auto change : {image_ops::brightness, image_ops::contrast, image_ops::saturation, image_ops::sharpness})
      EXPECT_TRUE(changed(image, [&](auto& i) { change(i, 1); }).equal(tensor(image)));
    EXPECT_EQ(changed(image, [](auto& i) { image_ops::brightness(i, 0); }).max().item<int>(), 0);
    const at::Tensor flat = changed(image, [](auto& i) { image_ops::contrast(i, 0); });
    EXPECT_EQ(flat.max().item<int>(), flat.min().item<int>());
    EXPECT_TRUE(changed(image, [](auto& i) {
                  image_ops::saturation(i, 0);
                }).equal(grey(tensor(image)).expand_as(tensor(image))));
  });
}

TEST(ImageOps, AutocontrastReachesBothEndsInLine) {
  ByteImage known{1, 1, 4, {50, 100, 150, 100}};
  image_ops::autocontrast(known);
  EXPECT_THAT(known.pixels, ElementsAre(0, 127, 255, 127));
  for_images([](const ByteImage& image, double) {
    const at::Tensor x = tensor(image);
    const at::Tensor low = x.amin({1, 2}, true), high = x.amax({1, 2}, true);
    const at::Tensor line = (x - low).to(at::kDouble) * 255 / (high - low).clamp_min(1).to(at::kDouble);
    const at::Tensor wanted = at::where(high == low, x.to(at::kDouble), line);
    EXPECT_LE((changed(image, image_ops::autocontrast).to(at::kDouble) - wanted).abs().max().item<double>(), 1.0);
  });
}

TEST(ImageOps, EqualizeSpreadsValuesAsPillowDoes) {
  // Values 0 to 127, four pixels each: step (512 - 4) / 255 = 1.
  ByteImage image{1, 32, 16, {}};
  for (int i = 0; i < 512; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i / 4));
  image_ops::equalize(image);
  for (int i = 0; i < 512; ++i)
    EXPECT_EQ(image.pixels[static_cast<std::size_t>(i)], std::min(i / 4 * 4, 255))
        << i;                                       // 4 pixels of every value below
  for_images([](const ByteImage& random, double) {  // the obvious version: count what is darker, pixel by pixel
    const at::Tensor x = tensor(random), seen = changed(random, image_ops::equalize);
    for (std::int64_t c = 0; c < x.size(0); ++c) {
      const std::int64_t step = (x[c] != x[c].max()).sum().item<std::int64_t>() / 255;
      EXPECT_TRUE(step > 0 || seen[c].equal(x[c]));
    }
  });
  const ByteImage large = random_image(3, 40, 30, 1);
  const at::Tensor x = tensor(large), seen = changed(large, image_ops::equalize);
  for (std::int64_t c = 0; c < 3; ++c) {
    const std::int64_t step = (x[c] != x[c].max()).sum().item<std::int64_t>() / 255;
    ASSERT_GT(step, 1);
    for (std::int64_t i = 0; i < 1200; i += 7) {
      const std::int64_t darker = (x[c] < x[c].flatten()[i]).sum().item<std::int64_t>();
      EXPECT_EQ(seen[c].flatten()[i].item<std::int64_t>(), std::min<std::int64_t>((darker + step / 2) / step, 255));
    }
  }
}

TEST(ImageOps, SolarizeAndPosterize) {
  for_images([](const ByteImage& image, double factor) {
    const at::Tensor x = tensor(image);
    const int threshold = static_cast<int>(128 * factor);
    EXPECT_TRUE(changed(image, [&](auto& i) {
                  image_ops::solarize(i, threshold);
                }).equal(at::where(x < threshold, x, 255 - x)));
    for (int bits = 1; bits <= 8; ++bits) {
      const int unit = 1 << (8 - bits);
      EXPECT_TRUE(changed(image, [&](auto& i) { image_ops::posterize(i, bits); }).equal(x.div(unit, "floor") * unit));
    }
  });
}

TEST(ImageOps, HueTurnsTheColourCircle) {
  const auto turned = [](int r, int g, int b, double turns) {
    ByteImage image = one_pixel(r, g, b);
    image_ops::hue(image, turns);
    return image.pixels;
  };
  EXPECT_THAT(turned(255, 0, 0, 1.0 / 3), ElementsAre(0, 255, 0));
  EXPECT_THAT(turned(255, 0, 0, -1.0 / 3), ElementsAre(0, 0, 255));
  EXPECT_THAT(turned(255, 0, 0, 0.5), ElementsAre(0, 255, 255));
  EXPECT_THAT(turned(90, 90, 90, 0.2), ElementsAre(90, 90, 90));
  // Python's colorsys: hsv_to_rgb(h + turn, s, v) of rgb_to_hsv, rounded.
  EXPECT_THAT(turned(200, 120, 40, 0.1), ElementsAre(184, 200, 40));
  EXPECT_THAT(turned(10, 220, 130, 0.25), ElementsAre(25, 10, 220));
  EXPECT_THAT(turned(33, 66, 99, -0.4), ElementsAre(92, 99, 33));
  for_images([](const ByteImage& image, double factor) {
    if (image.channels == 1) return;
    const at::Tensor x = tensor(image), y = changed(image, [&](auto&i) { image_ops::hue(i, factor - 1); });
    EXPECT_TRUE(y.amax(0).equal(x.amax(0)));
    EXPECT_TRUE(y.amin(0).equal(x.amin(0)));
    EXPECT_TRUE(changed(image, [](auto& i) { image_ops::hue(i, 1); }).equal(x)) << "a whole turn";
  });
}

/// Output (x, y) shows input (x + dx(y), y + dy(x)), pixel by pixel.
template <class Dx, class Dy>
at::Tensor moved(const ByteImage& image, int fill, Dx&& dx, Dy&& dy) {
  const at::Tensor x = tensor(image);
  at::Tensor result = at::full_like(x, fill);
  for (std::int64_t row = 0; row < image.height; ++row)
    for (std::int64_t column = 0; column < image.width; ++column) {
      const std::int64_t from_row = row + dy(column), from_column = column + dx(row);
      if (from_row >= 0 && from_row < image.height && from_column >= 0 && from_column < image.width)
        result.select(1, row).select(1, column).copy_(x.select(1, from_row).select(1, from_column));
    }
  return result;
}

TEST(ImageOps, TranslateAndShearMovePixels) {
  const auto none = [](std::int64_t) { return std::int64_t{0}; };
  for_images([&](const ByteImage& image, double factor) {
    const auto step = static_cast<std::int64_t>(std::lround(6 * (factor - 1)));
    EXPECT_TRUE(changed(image, [&](auto& i) { image_ops::translate(i, static_cast<double>(step), 0, 7); })
                    .equal(moved(
                        image, 7, [&](auto) { return step; }, none)));
    EXPECT_TRUE(changed(image, [&](auto& i) {
                  image_ops::translate(i, 0, static_cast<double>(step), 7);
                }).equal(moved(image, 7, none, [&](auto) { return step; })));
    const double amount = factor - 1;
    const auto offset = [&](std::int64_t at) {
      return static_cast<std::int64_t>(std::floor(0.5 + amount * (static_cast<double>(at) + 0.5)));
    };
    EXPECT_TRUE(
        changed(image, [&](auto& i) { image_ops::shear_x(i, amount, 9); }).equal(moved(image, 9, offset, none)));
    EXPECT_TRUE(
        changed(image, [&](auto& i) { image_ops::shear_y(i, amount, 9); }).equal(moved(image, 9, none, offset)));
  });
}

TEST(ImageOps, RotateTurnsAnticlockwiseAboutTheMiddle) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto side = static_cast<std::int64_t>(1 + seed % 9);
    const ByteImage image = random_image(seed % 2 == 0 ? 1 : 3, side, side, seed);
    for (const int quarter : {-2, -1, 0, 1, 2, 3})
      EXPECT_TRUE(changed(image, [&](auto& i) { image_ops::rotate(i, 90.0 * quarter, 0); })
                      .equal(at::rot90(tensor(image), quarter, {1, 2})))
          << side << " " << quarter;
  }
  const ByteImage wide = random_image(1, 2, 8, 1);
  const at::Tensor turned = changed(wide, [](auto& i) { image_ops::rotate(i, 90, 99); });
  EXPECT_TRUE(turned.slice(2, 0, 3).eq(99).all().item<bool>()) << "what comes from outside";
  EXPECT_TRUE(turned.slice(2, 3, 5).equal(at::rot90(tensor(wide).slice(2, 3, 5), 1, {1, 2})));
}

TEST(RandAugment, OperationsHaveTheirStrength) {
  using Op = RandAugmentOperation;
  const ByteImage image = random_image(3, 20, 40, 3);
  const auto seen = [&](Op op, double strength, int sign) {
    return changed(image, [&](auto& i) { apply(op, strength, sign, 128, i); });
  };
  const auto by = [&](auto&& change) { return changed(image, change); };
  EXPECT_TRUE(seen(Op::kIdentity, 1, 1).equal(tensor(image)));
  EXPECT_TRUE(seen(Op::kAutocontrast, 1, 1).equal(by(image_ops::autocontrast)));
  EXPECT_TRUE(seen(Op::kEqualize, 1, 1).equal(by(image_ops::equalize)));
  EXPECT_TRUE(seen(Op::kRotate, 0.5, -1).equal(by([](auto& i) { image_ops::rotate(i, -15, 128); })));
  EXPECT_TRUE(seen(Op::kSolarize, 1, 1).equal(255 - tensor(image)));
  EXPECT_TRUE(seen(Op::kSolarize, 0.25, 1).equal(by([](auto& i) { image_ops::solarize(i, 192); })));
  EXPECT_TRUE(seen(Op::kColor, 1, -1).equal(by([](auto& i) { image_ops::saturation(i, 1 - 0.9); })));
  EXPECT_TRUE(seen(Op::kPosterize, 1, 1).equal(by([](auto& i) { image_ops::posterize(i, 4); })));
  EXPECT_TRUE(seen(Op::kPosterize, 3, 1).equal(by([](auto& i) { image_ops::posterize(i, 1); })));
  EXPECT_TRUE(seen(Op::kContrast, 0.5, 1).equal(by([](auto& i) { image_ops::contrast(i, 1 + 0.9 * 0.5); })));
  EXPECT_TRUE(seen(Op::kBrightness, 0.5, 1).equal(by([](auto& i) { image_ops::brightness(i, 1 + 0.9 * 0.5); })));
  EXPECT_EQ(seen(Op::kBrightness, 3, -1).max().item<int>(), 0);
  EXPECT_TRUE(seen(Op::kSharpness, 0.5, 1).equal(by([](auto& i) { image_ops::sharpness(i, 1 + 0.9 * 0.5); })));
  EXPECT_TRUE(seen(Op::kShearX, 1, -1).equal(by([](auto& i) { image_ops::shear_x(i, -0.3, 128); })));
  EXPECT_TRUE(seen(Op::kShearY, 1, 1).equal(by([](auto& i) { image_ops::shear_y(i, 0.3, 128); })));
  EXPECT_TRUE(seen(Op::kTranslateX, 1, 1).equal(by([](auto& i) { image_ops::translate(i, 18, 0, 128); })));
  EXPECT_TRUE(seen(Op::kTranslateY, 1, -1).equal(by([](auto& i) { image_ops::translate(i, 0, -9, 128); })));
  for (int op = 0; op < kRandAugmentOperations; ++op) {  // at magnitude 0 only those without a strength act
    const bool acts = op == static_cast<int>(Op::kAutocontrast) || op == static_cast<int>(Op::kEqualize);
    EXPECT_TRUE(acts || seen(static_cast<Op>(op), 0, 1).equal(tensor(image))) << op;
  }
}

/// Random images of 12x10 whose mean is in the data set.
Dataset images(std::int64_t size, std::int64_t channels) {
  const ByteImage pixels = random_image(size * channels, 12, 10, 4);
  Dataset data{
      .name = "random", .part = "train", .images = tensor(pixels).to(at::kByte).view({size, channels, 12, 10})};
  data.labels = at::arange(size, at::kLong).remainder(7);
  data.classes = 7;
  const auto statistics = channel_statistics(data.images);
  data.mean = statistics.mean;
  data.stddev = statistics.stddev;
  return data;
}

/// The only transform that `options` turn on, applied to an image of zeros or to `image`.
ByteImage transformed(const AugmentOptions& options, ByteImage image, std::uint64_t seed) {
  const auto transforms = make_transforms(options, images(3, image.channels));
  EXPECT_EQ(transforms.size(), 1u);
  Rng rng(seed);
  transforms.front().apply(image, rng);
  return image;
}

TEST(Cutout, SetsOneSquareThatMayReachOverTheBorder) {
  const Dataset data = images(3, 3);
  std::set<std::int64_t> areas;
  at::Tensor hits = at::zeros({12, 10}, at::kLong);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const ByteImage before{3, 12, 10, std::vector<std::uint8_t>(360, 1)};
    const at::Tensor after = tensor(transformed({.cutout = 4}, before, seed));
    const at::Tensor cut = after[0] != 1;
    const at::Tensor places = cut.nonzero();
    const auto extent = [&](int axis) {
      return (places.select(1, axis).max() - places.select(1, axis).min()).item<std::int64_t>() + 1;
    };
    EXPECT_EQ(places.size(0), extent(0) * extent(1)) << "a full rectangle";
    EXPECT_LE(extent(0), 4);
    EXPECT_LE(extent(1), 4);
    for (int c = 0; c < 3; ++c)
      EXPECT_TRUE(
          after[c].masked_select(cut).eq(std::lround(255 * data.mean[static_cast<std::size_t>(c)])).all().item<bool>());
    areas.insert(places.size(0));
    hits += cut;
  }
  EXPECT_THAT(areas, ElementsAre(4, 6, 8, 9, 12, 16));  // sides of 2, 3 or 4 at the border
  // A pixel away from the border is hit by 16 centres of 120: 2000 times 0.133 with a deviation of 15.2.
  const at::Tensor inner = hits.slice(0, 1, 10).slice(1, 1, 8).to(at::kDouble);
  EXPECT_NEAR(inner.max().item<double>(), 266.7, 5 * 15.2);
  EXPECT_NEAR(inner.min().item<double>(), 266.7, 5 * 15.2);
}

TEST(RandomErasing, ErasesARectangleOfTheWantedArea) {
  AugmentOptions options;
  options.random_erasing = {.probability = 0.5, .smallest = 0.1, .largest = 0.3, .aspect = 0.5};
  int erased = 0;
  std::set<std::uint8_t> values;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const ByteImage before = random_image(1, 40, 50, 9);
    const ByteImage after = transformed(options, before, seed);
    const at::Tensor places = (tensor(after)[0] != tensor(before)[0]).nonzero();
    if (places.size(0) == 0) continue;
    ++erased;
    const auto side = [&](int axis) {
      return (places.select(1, axis).max() - places.select(1, axis).min()).item<double>() + 1;
    };
    // Sides are rounded to whole pixels; a border line of 10 random bytes and more is never equal by chance.
    EXPECT_GE((side(0) + 1) * (side(1) + 1), 0.1 * 2000);
    EXPECT_LE((side(0) - 1) * (side(1) - 1), 0.3 * 2000);
    EXPECT_GE((side(0) + 1) / (side(1) - 1), 0.5);
    EXPECT_LE((side(0) - 1) / (side(1) + 1), 2);
    EXPECT_GT(static_cast<double>(places.size(0)), 0.9 * side(0) * side(1)) << "random values, all over the rectangle";
    values.insert(after.pixels.begin(), after.pixels.end());
  }
  EXPECT_NEAR(erased, 1000, 5 * std::sqrt(2000 * 0.25));
  EXPECT_EQ(values.size(), 256u);
}

TEST(ColorJitter, StaysWithinItsStrength) {
  AugmentOptions options;
  options.color_jitter.brightness = 0.4;
  double least = 2, most = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const ByteImage after = transformed(options, {1, 1, 1, {100}}, seed);
    least = std::min(least, after.pixels[0] / 100.0);
    most = std::max(most, after.pixels[0] / 100.0);
  }
  EXPECT_NEAR(least, 0.6, 0.02);
  EXPECT_NEAR(most, 1.4, 0.02);
  options.color_jitter = {.hue = 0.1};
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const ByteImage after = transformed(options, one_pixel(255, 0, 0), seed);
    EXPECT_EQ(after.pixels[0], 255);
    EXPECT_LE(std::max(after.pixels[1], after.pixels[2]), std::lround(255 * 0.6));
  }
}

// --- mixing
// -----------------------------------------------------------------------------------------------------------------

TEST(DrawBeta, HasItsMeanAndVariance) {
  for (const double alpha : {0.01, 0.2, 1.0, 2.5, 40.0}) {
    SCOPED_TRACE(testing::Message() << "alpha " << alpha);
    Rng rng(3);
    constexpr int kDraws = 20000;
    double sum = 0, squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double x = draw_beta(alpha, rng) - 0.5;
      ASSERT_LE(std::abs(x), 0.5);
      sum += x;
      squares += x * x;
    }
    const double variance = 1 / (4 * (2 * alpha + 1));
    EXPECT_NEAR(sum / kDraws, 0, 5 * std::sqrt(variance / kDraws));
    const double fourth = 3 * variance * variance * (2 * alpha + 1) / (2 * alpha + 3);  // central moment of Beta(a, a)
    EXPECT_NEAR(squares / kDraws, variance, 5 * std::sqrt((fourth - variance * variance) / kDraws));
  }
}

/// Images of one colour each, so that a pixel tells its image; label = index.
Batch coloured_batch(std::int64_t count) {
  const at::Tensor index = at::arange(count, at::kFloat);
  return {(index + 1).view({count, 1, 1, 1}).expand({count, 2, 8, 9}).contiguous(at::MemoryFormat::ChannelsLast),
          at::arange(count, at::kLong),
          {},
          0};
}

TEST(Mixer, CutMixTargetsAreTheAreaReallyPasted) {
  const Mixer mixer({.cutmix = 1}, 16, 16);
  bool border = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Batch batch = coloured_batch(16);
    mixer.mix(batch, Rng(seed));
    ASSERT_TRUE(batch.targets.defined());
    EXPECT_TRUE(batch.labels.equal(at::arange(16, at::kLong)));
    for (std::int64_t i = 0; i < 16; ++i) {
      at::Tensor share = at::zeros({16}, at::kFloat);  // of the pixels, by the image they come from
      for (std::int64_t from = 0; from < 16; ++from)
        share[from] = batch.images[i].eq(static_cast<double>(from + 1)).to(at::kFloat).mean();
      EXPECT_TRUE(share.allclose(batch.targets[i], 0, 1e-6)) << share << batch.targets[i];
    }
    const at::Tensor pasted = (batch.images.select(1, 0) != at::arange(1, 17, at::kFloat).view({16, 1, 1})).any(0);
    border = border || pasted.select(0, 0).any().item<bool>();
  }
  EXPECT_TRUE(border) << "rectangles cut off at the border are among them";
}

TEST(Mixer, MixupTargetsAreTheWeightsOfThePixels) {
  const Mixer mixer({.mixup = 0.4}, 16, 16);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Batch batch = coloured_batch(16);
    mixer.mix(batch, Rng(seed));
    ASSERT_TRUE(batch.targets.defined());
    const at::Tensor wanted = batch.targets.matmul(at::arange(1, 17, at::kFloat)).view({16, 1, 1, 1});
    EXPECT_TRUE(batch.images.allclose(wanted.expand_as(batch.images), 1e-5, 1e-5));
    EXPECT_TRUE(batch.targets.sum(0).allclose(at::ones({16}), 1e-5, 1e-5)) << "partners are a permutation";
    EXPECT_TRUE(batch.images.is_contiguous(at::MemoryFormat::ChannelsLast));
  }
}

TEST(Mixer, ChoosesByTheGivenProbabilities) {
  const Mixer mixer({.mixup = 1, .cutmix = 1, .mix_probability = 0.6, .cutmix_share = 0.25}, 16, 16);
  int mixed = 0, cutmixed = 0;
  constexpr int kBatches = 2000;
  for (std::uint64_t seed = 0; seed < kBatches; ++seed) {
    Batch batch = coloured_batch(16);
    mixer.mix(batch, Rng(seed));
    if (!batch.targets.defined()) {
      EXPECT_TRUE(batch.images.equal(coloured_batch(16).images));
      continue;
    }
    ++mixed;
    if (batch.images.eq(batch.images.round()).all().item<bool>()) ++cutmixed;
  }
  EXPECT_NEAR(mixed, 0.6 * kBatches, 5 * std::sqrt(kBatches * 0.24));
  EXPECT_NEAR(cutmixed, 0.25 * mixed, 5 * std::sqrt(mixed * 0.1875));
}

// --- promises of the loader
// -----------------------------------------------------------------------------------------------------------------

struct Setting {
  const char* name;
  AugmentOptions options;
  bool soft;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class EveryTransform : public testing::TestWithParam<Setting> {
 protected:
  Dataset data_ = images(40, 3);
  LoaderOptions options_{.batch_size = 8, .pad = 1, .flip = true, .augment = GetParam().options, .prefetch = 0};
};

void expect_same(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_TRUE(a.images.equal(b.images));
  EXPECT_TRUE(a.labels.equal(b.labels));
  ASSERT_EQ(a.targets.defined(), b.targets.defined());
  EXPECT_TRUE(!a.targets.defined() || a.targets.equal(b.targets));
}

TEST_P(EveryTransform, GivesTheSameBatchesAtOneAndEightThreadsAndAfterSeek) {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 9);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    LoaderOptions ahead = options_;
    ahead.prefetch = 9;
    Loader plain(data_, options_, Rng(seed)), one(data_, ahead, Rng(seed));
    ahead.threads = 8;
    Loader eight(data_, ahead, Rng(seed)), resumed(data_, ahead, Rng(seed));
    for (std::int64_t step = 0; step < 15; ++step) {
      const Batch batch = plain.next();
      expect_same(batch, one.next());
      expect_same(batch, eight.next());
      if (step % 4 != 3) continue;
      resumed.seek(step);
      expect_same(batch, resumed.next());
    }
  }
}

TEST_P(EveryTransform, DrawsAnewByStreamAndEpoch) {
  LoaderOptions options = options_;
  options.shuffle = options.flip = false;
  options.pad = 0;
  options.batch_size = 40;
  std::vector<at::Tensor> batches;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    Loader loader(data_, options, Rng(seed));
    for (int epoch = 0; epoch < 3; ++epoch) batches.push_back(loader.next().images);
  }
  const Batch plain = evaluation_batch(data_, 0, 40);
  for (std::size_t a = 0; a < batches.size(); ++a) {
    EXPECT_FALSE(batches[a].equal(plain.images)) << a;
    for (std::size_t b = 0; b < a; ++b) EXPECT_FALSE(batches[a].equal(batches[b])) << a << " " << b;
  }
}

TEST_P(EveryTransform, KeepsLabelsRangesAndTargetMass) {
  const auto bounds = [&](double value) {
    return (value - at::tensor(data_.mean, at::kDouble)) / at::tensor(data_.stddev, at::kDouble);
  };
  const at::Tensor low = bounds(0).view({1, 3, 1, 1}) - 1e-5, high = bounds(1).view({1, 3, 1, 1}) + 1e-5;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Loader loader(data_, options_, Rng(seed));
    LoaderOptions bare = options_;
    bare.augment = {};
    const Batch batch = loader.next();
    EXPECT_TRUE(batch.labels.equal(Loader(data_, bare, Rng(seed)).next().labels))
        << "transforms must not move the order";
    EXPECT_TRUE(batch.images.ge(low).all().item<bool>());
    EXPECT_TRUE(batch.images.le(high).all().item<bool>());
    EXPECT_TRUE(batch.images.is_contiguous(at::MemoryFormat::ChannelsLast));
    ASSERT_EQ(batch.targets.defined(), GetParam().soft);
    if (!GetParam().soft) continue;
    EXPECT_EQ(batch.targets.sizes(), at::IntArrayRef({8, 7}));
    EXPECT_TRUE(batch.targets.sum(1).allclose(at::ones({8}), 0, 1e-6));
    EXPECT_GE(batch.targets.min().item<float>(), 0);
  }
}

AugmentOptions everything() {
  return {.color_jitter = {.brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
          .rand_augment = {.operations = 2},
          .random_erasing = {.probability = 0.5},
          .cutout = 4,
          .mixup = 0.2,
          .cutmix = 1};
}

INSTANTIATE_TEST_SUITE_P(Augment, EveryTransform,
                         testing::Values(Setting{"Brightness", {.color_jitter = {.brightness = 0.4}}, false},
                                         Setting{"Contrast", {.color_jitter = {.contrast = 0.4}}, false},
                                         Setting{"Saturation", {.color_jitter = {.saturation = 0.4}}, false},
                                         Setting{"Hue", {.color_jitter = {.hue = 0.2}}, false},
                                         Setting{"RandAugment", {.rand_augment = {.operations = 2}}, false},
                                         Setting{"RandomErasing", {.random_erasing = {.probability = 0.5}}, false},
                                         Setting{"Cutout", {.cutout = 4}, false},
                                         Setting{"Mixup", {.mixup = 0.5}, true}, Setting{"CutMix", {.cutmix = 1}, true},
                                         Setting{"Everything", everything(), true}),
                         [](const testing::TestParamInfo<Setting>& tested) { return std::string(tested.param.name); });

TEST(Transforms, OneDoesNotChangeWhatAnotherDraws) {
  // Cutout on black images beside jitter, which leaves black as it is: the same squares.
  Dataset data = images(20, 3);
  data.images = at::zeros_like(data.images);
  const AugmentOptions alone{.cutout = 4};
  AugmentOptions beside = alone;
  beside.color_jitter = {.brightness = 0.5, .saturation = 0.5};
  LoaderOptions options{.batch_size = 20, .augment = alone};
  const Batch expected = Loader(data, options, Rng(1)).next();
  options.augment = beside;
  EXPECT_TRUE(Loader(data, options, Rng(1)).next().images.equal(expected.images));
}

TEST(AugmentOptions, RefuseWhatCannotAct) {
  const auto message = [](const AugmentOptions& augment, std::int64_t channels = 3, std::int64_t batch = 4) {
    try {
      Loader(images(8, channels), {.batch_size = batch, .augment = augment}, Rng(0));
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message(everything()), "");
  EXPECT_EQ(message({.color_jitter = {.brightness = 1, .contrast = 1}, .rand_augment = {.operations = 1}}, 1), "");
  EXPECT_EQ(message({.cutout = 10, .cutmix = 1}, 2), "");
  EXPECT_THAT(message({.color_jitter = {.saturation = 1}}, 1),
              HasSubstr("loader.augment.color_jitter.saturation has no effect on grey images; set it to 0"));
  EXPECT_THAT(message({.color_jitter = {.hue = 0.1}}, 1), HasSubstr("color_jitter.hue has no effect on grey images"));
  EXPECT_THAT(message({.color_jitter = {.contrast = 1}}, 2),
              HasSubstr("loader.augment.color_jitter works on images of 1 or 3 channels; random has 2"));
  EXPECT_THAT(message({.rand_augment = {.operations = 1}}, 2), HasSubstr("rand_augment works on images of 1 or 3"));
  EXPECT_THAT(message({.rand_augment = {.magnitude = 5}}),
              HasSubstr("loader.augment.rand_augment.magnitude = 5 has no effect while "
                        "loader.augment.rand_augment.operations is 0"));
  EXPECT_THAT(message({.random_erasing = {.largest = 0.5}}), HasSubstr("random_erasing.largest = 0.5 has no effect"));
  EXPECT_THAT(message({.random_erasing = {.probability = 1, .smallest = 0.5}}),
              HasSubstr("random_erasing.smallest = 0.5 is more than largest = 0.4"));
  EXPECT_THAT(message({.cutout = 11}), HasSubstr("loader.augment.cutout = 11 is more than the side of the images, 10"));
  EXPECT_THAT(message({.mix_probability = 0.5}), HasSubstr("mix_probability has no effect without"));
  EXPECT_THAT(message({.mixup = 1, .mix_probability = 0}), HasSubstr("mix_probability = 0 never mixes"));
  EXPECT_THAT(message({.mixup = 1, .cutmix_share = 0.1}), HasSubstr("cutmix_share has no effect unless both"));
  EXPECT_THAT(message({.mixup = 1, .cutmix = 1, .cutmix_share = 0}), HasSubstr("cutmix has no effect beside mixup"));
  EXPECT_THAT(message({.mixup = 1, .cutmix = 1, .cutmix_share = 1}), HasSubstr("mixup has no effect beside cutmix"));
  EXPECT_THAT(message({.mixup = 1}, 3, 1), HasSubstr("need two images a batch; loader.batch_size is 1"));
  EXPECT_THAT(message({.mixup = 1e-5}), HasSubstr("loader.augment.mixup is below 0.001"));
  EXPECT_THAT(message({.color_jitter = {.hue = 0.6}}), HasSubstr("loader.augment.color_jitter.hue = 0.6"));
}

TEST(AugmentOptions, RoundTripThroughJson) {
  LoaderOptions options;
  options.augment = everything();
  LoaderOptions copy;
  read_options(write_options(options), "loader", copy);
  EXPECT_EQ(write_options(copy), write_options(options));
  EXPECT_THAT(
      [&] {
        read_options({{"augment", {{"cutot", 4}}}}, "loader", copy);
      },
      testing::ThrowsMessage<UsageError>(HasSubstr("did you mean 'cutout'?")));
  EXPECT_THAT(
      [&] {
        read_options({{"seed", 4}}, "loader", copy);
      },
      testing::ThrowsMessage<UsageError>(HasSubstr("seed")));
}

}  // namespace
}  // namespace frontier
