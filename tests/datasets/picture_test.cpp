#include "datasets/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/errors.h"
#include "common/rng.h"
#include "datasets/internal/codecs.h"
#include "datasets/internal/resize.h"
#include "support/messages.h"
#include "support/pictures.h"

namespace frontier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::Bytes;
using testing_support::exif_block;
using testing_support::jpeg_file;
using testing_support::png_file;
using testing_support::PngOptions;
using testing_support::repeated;

/// Pixel (y, x) of every channel.
std::vector<int> at(const ByteImage& image, std::int64_t y, std::int64_t x) {
  std::vector<int> values;
  for (std::int64_t c = 0; c < image.channels; ++c)
    values.push_back(image.pixels[static_cast<std::size_t>(c * image.area() + y * image.width + x)]);
  return values;
}

Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  return bytes;
}

/// A picture without sharp edges, which JPEG keeps well: [height, width, 3].
Bytes smooth(int width, int height) {
  Bytes pixels;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const double wave : {std::sin(x * 0.09), std::cos(y * 0.07), std::sin((x + y) * 0.05)})
        pixels.push_back(static_cast<std::uint8_t>(std::lround(128 + 100 * wave)));
  return pixels;
}

double mean_difference(const ByteImage& a, const ByteImage& b) {
  EXPECT_EQ(a.pixels.size(), b.pixels.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(a.pixels[i] - b.pixels[i]);
  return sum / static_cast<double>(a.pixels.size());
}

TEST(Png, KeepsEveryPixelOfAPictureOfTheSizeThatIsWanted) {
  const Bytes pixels = random_bytes(7 * 5 * 3, 1);
  for (const bool interlaced : {false, true}) {
    const ByteImage image = read_picture(png_file(7, 5, pixels, {.interlaced = interlaced}), {3, 5, 7});
    for (int y = 0; y < 5; ++y)
      for (int x = 0; x < 7; ++x) {
        const std::uint8_t* rgb = pixels.data() + 3 * (7 * y + x);
        EXPECT_THAT(at(image, y, x), ElementsAre(rgb[0], rgb[1], rgb[2]));
      }
  }
}

TEST(Png, ReadsAllItsKinds) {
  const auto one = [](const Bytes& row, const PngOptions& options, std::int64_t channels = 3) {
    return at(read_picture(png_file(1, 1, row, options), {channels, 1, 1}), 0, 0);
  };
  EXPECT_THAT(one({200}, {.color_type = PNG_COLOR_TYPE_GRAY}), ElementsAre(200, 200, 200));
  EXPECT_THAT(one({200}, {.color_type = PNG_COLOR_TYPE_GRAY}, 1), ElementsAre(200));
  EXPECT_THAT(one({0x80}, {.color_type = PNG_COLOR_TYPE_GRAY, .depth = 1}, 1), ElementsAre(255));
  EXPECT_THAT(one({0x40}, {.color_type = PNG_COLOR_TYPE_GRAY, .depth = 2}, 1), ElementsAre(85));
  // 16 bits to 8: v * 255 / 65535, rounded: 0x8080 gives 128 exactly, 0x80ff 128.49.
  EXPECT_THAT(one({0x80, 0x80, 0x80, 0xff, 0xff, 0xff}, {.depth = 16}), ElementsAre(128, 128, 255));
  const std::vector<png_color> palette{{1, 2, 3}, {40, 50, 60}};
  EXPECT_THAT(one({1}, {.color_type = PNG_COLOR_TYPE_PALETTE, .palette = palette}), ElementsAre(40, 50, 60));
  // Television's weights: 0.299 * 40 + 0.587 * 50 + 0.114 * 60 = 48.15.
  EXPECT_THAT(one({1}, {.color_type = PNG_COLOR_TYPE_PALETTE, .palette = palette}, 1), ElementsAre(48));
}

TEST(Png, LaysWhatIsTransparentOverWhite) {
  const auto rgba = [](const Bytes& pixel) {
    return at(read_picture(png_file(1, 1, pixel, {.color_type = PNG_COLOR_TYPE_RGB_ALPHA}), {3, 1, 1}), 0, 0);
  };
  EXPECT_THAT(rgba({10, 20, 30, 255}), ElementsAre(10, 20, 30));
  EXPECT_THAT(rgba({10, 20, 30, 0}), ElementsAre(255, 255, 255));
  EXPECT_THAT(rgba({0, 100, 255, 51}), ElementsAre(204, 224, 255));  // a fifth of the colour, four of white
  const auto grey = png_file(1, 1, {0, 51}, {.color_type = PNG_COLOR_TYPE_GRAY_ALPHA});
  EXPECT_THAT(at(read_picture(grey, {1, 1, 1}), 0, 0), ElementsAre(204));
  EXPECT_TRUE(picture_info(grey).grey);
  EXPECT_TRUE(picture_info(grey).transparent);
  const PngOptions palette{
      .color_type = PNG_COLOR_TYPE_PALETTE, .palette = {{9, 9, 9}, {0, 0, 0}}, .transparency = {255, 0}};
  EXPECT_THAT(at(read_picture(png_file(1, 1, {1}, palette), {3, 1, 1}), 0, 0), ElementsAre(255, 255, 255));
  EXPECT_TRUE(picture_info(png_file(1, 1, {1}, palette)).transparent);
}

TEST(Jpeg, IsNearThePixelsItWasMadeFrom) {
  const Bytes pixels = smooth(64, 48);
  const ByteImage exact = read_picture(png_file(64, 48, pixels), {3, 48, 64});
  for (const bool progressive : {false, true}) {
    const ByteImage image = read_picture(jpeg_file(64, 48, 3, pixels, {.progressive = progressive}), {3, 48, 64});
    EXPECT_LT(mean_difference(image, exact), 1.5);
  }
  const auto grey = jpeg_file(8, 8, 1, Bytes(64, 77), {.quality = 100});
  EXPECT_TRUE(picture_info(grey).grey);
  EXPECT_THAT(at(read_picture(grey, {3, 8, 8}), 3, 3), ElementsAre(77, 77, 77));
}

TEST(Jpeg, TurnsInkIntoLight) {
  // With Adobe's marker 255 is no ink: half of the cyan ink lets half of the red through, and black ink darkens all.
  const auto file = jpeg_file(8, 8, 4, repeated({128, 255, 255, 255}, 64), {.quality = 100});
  const auto values = at(read_picture(file, {3, 8, 8}), 4, 4);
  EXPECT_NEAR(values[0], 128, 2);
  EXPECT_NEAR(values[1], 255, 2);
  EXPECT_NEAR(values[2], 255, 2);
  const auto dark =
      at(read_picture(jpeg_file(8, 8, 4, repeated({255, 255, 255, 51}, 64), {.quality = 100}), {3, 8, 8}), 4, 4);
  for (const int value : dark) EXPECT_NEAR(value, 51, 2);
}

TEST(Jpeg, DecodedAtASmallerScaleIsNearTheFullPictureShrunk) {
  for (const int side : {640, 333}) {
    const Bytes pixels = smooth(side, side);
    const ByteImage full = read_picture(jpeg_file(side, side, 3, pixels), {3, side, side});
    for (const std::int64_t wanted : {20, 41, 80, 160, 200}) {
      SCOPED_TRACE(wanted);
      const ByteImage scaled = read_picture(jpeg_file(side, side, 3, pixels), {3, wanted, wanted});
      EXPECT_LT(mean_difference(scaled, resized(full, wanted, wanted)), 1.5);
    }
  }
}

/// What is seen of a picture whose pixels lie in the file as `raw`: the definition of EXIF's orientations, by hand.
/// @param raw [height][width].
std::vector<std::vector<int>> seen(const std::vector<std::vector<int>>& raw, int orientation) {
  const std::size_t h = raw.size(), w = raw[0].size();
  const bool swaps = orientation >= 5;
  std::vector<std::vector<int>> picture(swaps ? w : h, std::vector<int>(swaps ? h : w));
  // EXIF 2.3: where the 0th row and the 0th column of the file are in the picture.
  static const std::map<int, std::pair<std::string, std::string>> sides{
      {1, {"top", "left"}}, {2, {"top", "right"}}, {3, {"bottom", "right"}}, {4, {"bottom", "left"}},
      {5, {"left", "top"}}, {6, {"right", "top"}}, {7, {"right", "bottom"}}, {8, {"left", "bottom"}}};
  const auto& [row_side, column_side] = sides.at(orientation);
  for (std::size_t r = 0; r < h; ++r)
    for (std::size_t c = 0; c < w; ++c) {
      std::size_t y = 0, x = 0;
      const auto place = [&](const std::string& side, std::size_t i) {
        if (side == "top") y = i;
        if (side == "bottom") y = picture.size() - 1 - i;
        if (side == "left") x = i;
        if (side == "right") x = picture[0].size() - 1 - i;
      };
      place(row_side, r);
      place(column_side, c);
      picture[y][x] = raw[r][c];
    }
  return picture;
}

TEST(Exif, TurnsAndMirrorsInAllEightWays) {
  const std::vector<std::vector<int>> raw{{10, 20, 30}, {40, 50, 60}};
  const Bytes pixels{10, 20, 30, 40, 50, 60};
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool big_endian : {false, true}) {
      SCOPED_TRACE(orientation);
      const auto expected = seen(raw, orientation);
      const auto file =
          png_file(3, 2, pixels, {.color_type = PNG_COLOR_TYPE_GRAY, .exif = exif_block(orientation, big_endian)});
      const PictureInfo info = picture_info(file);
      EXPECT_EQ(info.turned, orientation != 1);
      ASSERT_EQ(info.height, std::ssize(expected));
      ASSERT_EQ(info.width, std::ssize(expected[0]));
      const ByteImage image = read_picture(file, {1, info.height, info.width});
      for (std::size_t y = 0; y < expected.size(); ++y)
        for (std::size_t x = 0; x < expected[0].size(); ++x)
          EXPECT_THAT(at(image, static_cast<std::int64_t>(y), static_cast<std::int64_t>(x)),
                      ElementsAre(expected[y][x]));
    }
}

TEST(Exif, TurnsWhatIsShrunkAndCutAsIfItWereTurnedBefore) {
  const int width = 90, height = 61;
  Bytes grey;
  for (const std::uint8_t byte : smooth(width, height)) grey.push_back(byte);
  std::vector<std::vector<int>> raw(height, std::vector<int>(width));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      raw[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] =
          grey[static_cast<std::size_t>(3 * (y * width + x))];
  Bytes pixels;
  for (const auto& row : raw)
    for (const int value : row) pixels.push_back(static_cast<std::uint8_t>(value));
  for (int orientation = 1; orientation <= 8; ++orientation) {
    SCOPED_TRACE(orientation);
    const auto turned = seen(raw, orientation);
    Bytes upright;
    for (const auto& row : turned)
      for (const int value : row) upright.push_back(static_cast<std::uint8_t>(value));
    const PngOptions grey_png{.color_type = PNG_COLOR_TYPE_GRAY};
    PngOptions with_exif = grey_png;
    with_exif.exif = exif_block(orientation);
    const ByteImage expected = read_picture(png_file(static_cast<std::uint32_t>(turned[0].size()),
                                                     static_cast<std::uint32_t>(turned.size()), upright, grey_png),
                                            {1, 20, 24});
    const ByteImage image = read_picture(png_file(width, height, pixels, with_exif), {1, 20, 24});
    EXPECT_LT(mean_difference(image, expected), 0.05);  // a weight may be rounded the other way
  }
}

TEST(Exif, IsLeftOutWhereItIsDamaged) {
  const std::string good = exif_block(6);
  EXPECT_TRUE(exif_orientation(good).swaps());
  for (std::size_t length = 0; length < good.size(); ++length) exif_orientation(good.substr(0, length));
  EXPECT_FALSE(exif_orientation(good.substr(0, 20)).turns());
  EXPECT_FALSE(exif_orientation(exif_block(9)).turns());
  EXPECT_FALSE(exif_orientation(exif_block(0)).turns());
  Rng rng(1);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = good;
    for (int n = 0; n < 3; ++n) changed[rng.below(changed.size())] = static_cast<char>(rng.below(256));
    exif_orientation(changed);
  }
  const auto file = jpeg_file(16, 8, 3, smooth(16, 8), {.exif = exif_block(8)});
  EXPECT_EQ(picture_info(file).height, 16);
  EXPECT_TRUE(picture_info(file).turned);
}

/// Bilinear as resize.h says, in double and pixel by pixel.
double slow_pixel(const Bytes& from, std::int64_t height, std::int64_t width, double out_height, double out_width,
                  std::int64_t y, std::int64_t x) {
  const auto weights = [](std::int64_t size, double out_size, std::int64_t i) {
    const double scale = static_cast<double>(size) / out_size, radius = std::max(1.0, scale);
    std::vector<double> all;
    double sum = 0;
    for (std::int64_t j = 0; j < size; ++j) {
      const double distance = std::abs(static_cast<double>(j) + 0.5 - (static_cast<double>(i) + 0.5) * scale);
      all.push_back(std::max(0.0, 1 - distance / radius));
      sum += all.back();
    }
    for (double& weight : all) weight /= sum;
    return all;
  };
  const auto down = weights(height, out_height, y), across = weights(width, out_width, x);
  double value = 0;
  for (std::int64_t r = 0; r < height; ++r)
    for (std::int64_t c = 0; c < width; ++c)
      value += down[static_cast<std::size_t>(r)] * across[static_cast<std::size_t>(c)] *
               from[static_cast<std::size_t>(r * width + c)];
  return value;
}

TEST(Resize, EqualsTheSlowObviousVersionToHalfAGreyLevel) {
  struct Case {
    std::int64_t height, width, out_height, out_width;
  };
  for (const Case& c : {Case{17, 23, 8, 9},
                        {40, 30, 13, 30},
                        {9, 9, 9, 9},
                        {5, 4, 11, 17},
                        {64, 3, 2, 7},
                        {1, 1, 4, 4},
                        {100, 80, 7, 6}}) {
    SCOPED_TRACE(testing::Message() << c.height << "x" << c.width << " to " << c.out_height << "x" << c.out_width);
    const Bytes from = random_bytes(static_cast<std::size_t>(c.height * c.width), 3);
    Bytes out(static_cast<std::size_t>(c.out_height * c.out_width));
    resize_bilinear({from.data(), c.height, c.width, 1, c.width}, c.out_height, c.out_width,
                    {0, 0, c.out_height, c.out_width}, out.data());
    for (std::int64_t y = 0; y < c.out_height; ++y)
      for (std::int64_t x = 0; x < c.out_width; ++x) {
        const double exact = slow_pixel(from, c.height, c.width, static_cast<double>(c.out_height),
                                        static_cast<double>(c.out_width), y, x);
        EXPECT_NEAR(out[static_cast<std::size_t>(y * c.out_width + x)], exact, 0.56);
      }
  }
}

TEST(Resize, MakesAPartAsItMakesTheWhole) {
  const Bytes from = random_bytes(3 * 30 * 40, 5);
  const PixelView view{from.data(), 30, 40, 3, 120};
  Bytes whole(3 * 12 * 14), part(3 * 5 * 6);
  resize_bilinear(view, 12, 14, {0, 0, 12, 14}, whole.data());
  resize_bilinear(view, 12, 14, {4, 7, 5, 6}, part.data());
  for (std::size_t y = 0; y < 5; ++y)
    for (std::size_t i = 0; i < 18; ++i) EXPECT_EQ(part[y * 18 + i], whole[(y + 4) * 42 + 21 + i]);
}

TEST(Picture, CoversTheShapeAndIsCutToItsMiddle) {
  // A third of the width each: red, green, blue. The middle square of the picture is green alone.
  Bytes row = repeated({255, 0, 0}, 40);
  for (const Bytes& colour : {Bytes{0, 255, 0}, Bytes{0, 0, 255}}) {
    const Bytes third = repeated(colour, 40);
    row.insert(row.end(), third.begin(), third.end());
  }
  const ByteImage image = read_picture(png_file(120, 40, repeated(row, 40)), {3, 16, 16});
  for (std::int64_t y = 0; y < 16; ++y)
    for (std::int64_t x = 1; x < 15; ++x) EXPECT_THAT(at(image, y, x), ElementsAre(0, 255, 0));
  const ByteImage wide = read_picture(png_file(120, 40, repeated(row, 40)), {3, 20, 60});
  EXPECT_THAT(at(wide, 10, 2), ElementsAre(255, 0, 0));
  EXPECT_THAT(at(wide, 10, 57), ElementsAre(0, 0, 255));
  EXPECT_EQ(at(cut_middle(wide, 2, 2), 1, 1), at(wide, 10, 30));
}

TEST(Picture, IsWrittenSoThatItReadsBack) {
  for (const std::int64_t channels : {1, 3}) {
    ByteImage image{channels, 9, 13, random_bytes(static_cast<std::size_t>(channels * 9 * 13), 2)};
    EXPECT_EQ(read_picture(encode_png(image), {channels, 9, 13}), image);
    image = read_picture(png_file(64, 48, smooth(64, 48)), {channels, 48, 64});
    EXPECT_LT(mean_difference(read_picture(encode_jpeg(image, 95), {channels, 48, 64}), image), 2.5);
  }
}

/// The message of reading a file, empty where it is read.
std::string refusal(const std::string& file) {
  try {
    picture_info(file);
    read_picture(file, {3, 16, 16});
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

TEST(BrokenPicture, IsRefusedByName) {
  const std::string jpeg = jpeg_file(64, 64, 3, smooth(64, 64)), png = png_file(64, 64, smooth(64, 64));
  EXPECT_EQ(refusal(jpeg), "");
  EXPECT_EQ(refusal(png), "");
  EXPECT_THAT(refusal(""), HasSubstr("the file is empty"));
  EXPECT_THAT(refusal("GIF89a......"), HasSubstr("a GIF; only JPEG and PNG are read"));
  EXPECT_THAT(refusal(std::string("RIFF\0\0\0\0WEBPVP8 ", 16)), HasSubstr("a WebP"));
  EXPECT_THAT(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"),
              HasSubstr("Git LFS pointer"));
  EXPECT_THAT(refusal("\n<!DOCTYPE html><html>404"), HasSubstr("a web page (HTML)"));
  EXPECT_THAT(refusal("some text"), HasSubstr("neither a JPEG nor a PNG"));
  EXPECT_THAT(refusal(jpeg.substr(0, jpeg.size() / 2)), HasSubstr("damaged JPEG: Premature end"));
  EXPECT_THAT(refusal(png.substr(0, png.size() / 2)), HasSubstr("damaged PNG: it ends too early"));
  EXPECT_THAT(refusal(png.substr(0, 8)), HasSubstr("it ends too early"));
  EXPECT_THAT(refusal(jpeg.substr(0, 3)), HasSubstr("damaged JPEG"));
}

TEST(BrokenPicture, ThatAnnouncesTooManyPixelsIsNotDecoded) {
  std::string jpeg = jpeg_file(16, 16, 3, smooth(16, 16));
  const std::size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\xdc\xff\xdc");  // height and width: 65500 each
  EXPECT_THAT(refusal(jpeg), HasSubstr("its header says 65500x65500 pixels; allowed: 1 to 67108864 in all"));
  std::string png = png_file(16, 16, smooth(16, 16));
  png.replace(16, 8, big_endian(60000) + big_endian(60000));
  const uLong crc = ::crc32(0, reinterpret_cast<const Bytef*>(png.data() + 12), 17);
  png.replace(29, 4, big_endian(static_cast<std::uint32_t>(crc)));
  EXPECT_THAT(refusal(png), HasSubstr("its header says 60000x60000 pixels"));
}

TEST(BrokenPicture, NeverDoesMoreThanThrow) {
  const std::string files[] = {jpeg_file(40, 30, 3, smooth(40, 30), {.halved_colour = true, .exif = exif_block(6)}),
                               jpeg_file(40, 30, 3, smooth(40, 30), {.progressive = true}),
                               png_file(40, 30, smooth(40, 30), {.interlaced = true, .exif = exif_block(5)})};
  for (const std::string& file : files) {
    for (std::size_t length = 0; length < file.size(); length += 1 + length / 40)
      EXPECT_NE(refusal(file.substr(0, length)), "") << length;
    Rng rng(7);
    for (int i = 0; i < 400; ++i) {
      std::string changed = file;
      for (int n = 0; n < 4; ++n) changed[rng.below(changed.size())] = static_cast<char>(rng.below(256));
      refusal(changed);
    }
  }
}

}  // namespace
}  // namespace frontier
