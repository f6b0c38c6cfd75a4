#include "datasets/internal/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace frontier {
namespace {

constexpr int kWeightBits = 14;  // weights are whole numbers that sum to 2^14,
constexpr int kRowBits = 8;      // and pixels between the two passes have 8 bits more

/// What an output pixel is made of: weights of the input pixels from `first` on.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;
};

/// Of output pixel `i` along one side. @param scale input pixels an output pixel.
Taps taps_of(std::int64_t i, double scale, std::int64_t input_size) {
  const double radius = std::max(scale, 1.0);
  const double centre = (static_cast<double>(i) + 0.5) * scale;
  const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - radius + 0.5)));
  const auto last = std::min(input_size, static_cast<std::int64_t>(std::ceil(centre + radius - 0.5)));
  std::vector<double> exact;
  double sum = 0;
  for (std::int64_t j = first; j < last; ++j) {
    exact.push_back(std::max(0.0, 1 - std::abs((static_cast<double>(j) + 0.5 - centre) / radius)));
    sum += exact.back();
  }
  Taps taps{first, {}};
  constexpr std::int32_t kOne = 1 << kWeightBits;
  std::int32_t left = kOne;
  for (const double weight : exact) {
    taps.weights.push_back(static_cast<std::int32_t>(std::lround(weight / sum * kOne)));
    left -= taps.weights.back();
  }
  *std::max_element(taps.weights.begin(), taps.weights.end()) += left;
  return taps;
}

std::vector<Taps> all_taps(std::int64_t input_size, double seen, std::int64_t output_size, std::int64_t first,
                           std::int64_t count) {
  const double scale = (seen > 0 ? seen : static_cast<double>(input_size)) / static_cast<double>(output_size);
  std::vector<Taps> taps;
  for (std::int64_t i = first; i < first + count; ++i) taps.push_back(taps_of(i, scale, input_size));
  return taps;
}

/// The input columns [first, last) that an output needs.
std::pair<std::int64_t, std::int64_t> columns_of(const std::vector<Taps>& across) {
  std::int64_t first = across.front().first, last = 0;
  for (const Taps& taps : across) {
    first = std::min(first, taps.first);
    last = std::max(last, taps.first + static_cast<std::int64_t>(taps.weights.size()));
  }
  return {first, last};
}

/// One output row before it is resized across: [width of the columns needed, channels], 2^kRowBits a grey level.
void sum_rows(const PixelView& from, const Taps& down, std::int64_t first_column, std::vector<std::int32_t>& sums) {
  std::fill(sums.begin(), sums.end(), 0);
  const std::uint8_t* row = from.pixels + down.first * from.row_bytes + first_column * from.channels;
  for (const std::int32_t weight : down.weights) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += weight * row[i];
    row += from.row_bytes;
  }
  constexpr int kShift = kWeightBits - kRowBits;
  for (std::int32_t& sum : sums) sum = (sum + (1 << (kShift - 1))) >> kShift;
}

template <int kChannels>
void sum_columns(const std::vector<std::int32_t>& row, const std::vector<Taps>& across, std::int64_t first_column,
                 std::int64_t channels, std::uint8_t* out) {
  const std::int64_t step = kChannels > 0 ? kChannels : channels;
  constexpr int kShift = kWeightBits + kRowBits;
  for (const Taps& taps : across) {
    const std::int32_t* pixel = row.data() + (taps.first - first_column) * step;
    for (std::int64_t c = 0; c < step; ++c) {
      std::int32_t sum = 1 << (kShift - 1);
      for (std::size_t j = 0; j < taps.weights.size(); ++j)
        sum += taps.weights[j] * pixel[static_cast<std::int64_t>(j) * step + c];
      *out++ = static_cast<std::uint8_t>(std::clamp(sum >> kShift, 0, 255));
    }
  }
}

}  // namespace

void resize_bilinear(const PixelView& from, std::int64_t height, std::int64_t width, const Window& part,
                     std::uint8_t* out) {
  const auto down = all_taps(from.height, from.seen_height, height, part.top, part.height);
  const auto across = all_taps(from.width, from.seen_width, width, part.left, part.width);
  const auto [first, last] = columns_of(across);
  std::vector<std::int32_t> row(static_cast<std::size_t>((last - first) * from.channels));
  for (const Taps& taps : down) {
    sum_rows(from, taps, first, row);
    switch (from.channels) {
      case 1: sum_columns<1>(row, across, first, 1, out); break;
      case 3: sum_columns<3>(row, across, first, 3, out); break;
      default: sum_columns<0>(row, across, first, from.channels, out);
    }
    out += part.width * from.channels;
  }
}

}  // namespace frontier
