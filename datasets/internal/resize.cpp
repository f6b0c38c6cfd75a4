#include "datasets/internal/resize.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace frontier {
namespace {

constexpr int kWeightBits = 14;  // weights are whole numbers that sum to 2^14,
constexpr int kRowBits = 8;      // and pixels between the two passes have 8 bits more

/// What the output pixels along one side are made of: of each as many weights, of the input pixels from its first on;
/// those that are not needed are 0, and may be of pixels behind the last.
struct Taps {
  std::vector<std::int64_t> first;
  std::vector<std::int16_t> weights;  ///< [output pixels, num]
  std::int64_t num = 0;

  const std::int16_t* of(std::size_t output) const { return weights.data() + static_cast<std::int64_t>(output) * num; }
};

/// The weights of output pixel `i`, and their first input pixel. @param scale input pixels an output pixel.
std::pair<std::int64_t, std::vector<std::int16_t>> taps_of(std::int64_t i, double scale, std::int64_t input_size) {
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
  std::vector<std::int16_t> weights;
  constexpr int kOne = 1 << kWeightBits;
  int left = kOne;
  for (const double weight : exact) {
    weights.push_back(static_cast<std::int16_t>(std::lround(weight / sum * kOne)));
    left -= weights.back();
  }
  auto& greatest = *std::max_element(weights.begin(), weights.end());
  greatest = static_cast<std::int16_t>(greatest + left);
  return {first, std::move(weights)};
}

Taps all_taps(std::int64_t input_size, double seen, std::int64_t output_size, std::int64_t first, std::int64_t count) {
  const double scale = (seen > 0 ? seen : static_cast<double>(input_size)) / static_cast<double>(output_size);
  Taps taps;
  std::vector<std::vector<std::int16_t>> weights;
  for (std::int64_t i = first; i < first + count; ++i) {
    auto [begin, own] = taps_of(i, scale, input_size);
    taps.first.push_back(begin);
    taps.num = std::max(taps.num, static_cast<std::int64_t>(own.size()));
    weights.push_back(std::move(own));
  }
  for (auto& own : weights) {
    own.resize(static_cast<std::size_t>(taps.num), 0);
    taps.weights.insert(taps.weights.end(), own.begin(), own.end());
  }
  return taps;
}

/// One output row before it is resized across: [width, channels] of so many columns, 2^kRowBits a grey level.
void sum_rows(const PixelView& from, const Taps& down, std::size_t output, std::int64_t first_column, std::size_t count,
              std::int32_t* sums) {
  std::fill_n(sums, count, 0);
  const std::uint8_t* row = from.pixels + down.first[output] * from.row_bytes + first_column * from.channels;
  for (std::int64_t j = 0; j < down.num; ++j, row += from.row_bytes) {
    const std::int16_t weight = down.of(output)[j];
    if (weight == 0) continue;  // there may be no such row
    for (std::size_t i = 0; i < count; ++i)
      sums[i] += weight * static_cast<std::int16_t>(row[i]);  // widens from 16 bits
  }
  constexpr int kShift = kWeightBits - kRowBits;
  for (std::size_t i = 0; i < count; ++i) sums[i] = (sums[i] + (1 << (kShift - 1))) >> kShift;
}

/// @param kNum taps of a pixel, so that their loop is unrolled; 0: as many as there are.
template <int kChannels, int kNum>
void sum_columns(const std::int32_t* row, const Taps& across, std::int64_t first_column, std::uint8_t* out) {
  constexpr int kShift = kWeightBits + kRowBits;
  const std::int64_t num = kNum > 0 ? kNum : across.num;
  for (std::size_t output = 0; output < across.first.size(); ++output, out += kChannels) {
    const std::int32_t* pixel = row + (across.first[output] - first_column) * kChannels;
    const std::int16_t* weights = across.of(output);
    std::int32_t sums[kChannels];
    for (std::int32_t& sum : sums) sum = 1 << (kShift - 1);
    for (std::int64_t j = 0; j < num; ++j, pixel += kChannels)
      for (int c = 0; c < kChannels; ++c) sums[c] += weights[j] * pixel[c];
    for (int c = 0; c < kChannels; ++c) out[c] = static_cast<std::uint8_t>(std::clamp(sums[c] >> kShift, 0, 255));
  }
}

template <int kChannels>
void sum_columns(const std::int32_t* row, const Taps& across, std::int64_t first_column, std::uint8_t* out) {
  switch (across.num) {
    case 2: return sum_columns<kChannels, 2>(row, across, first_column, out);
    case 3: return sum_columns<kChannels, 3>(row, across, first_column, out);
    case 4: return sum_columns<kChannels, 4>(row, across, first_column, out);
    case 5: return sum_columns<kChannels, 5>(row, across, first_column, out);
    default: return sum_columns<kChannels, 0>(row, across, first_column, out);
  }
}

}  // namespace

void resize_bilinear(const PixelView& from, std::int64_t height, std::int64_t width, const Window& part,
                     std::uint8_t* out) {
  const Taps down = all_taps(from.height, from.seen_height, height, part.top, part.height);
  const Taps across = all_taps(from.width, from.seen_width, width, part.left, part.width);
  const std::int64_t first = *std::min_element(across.first.begin(), across.first.end());
  const std::int64_t end = *std::max_element(across.first.begin(), across.first.end()) + across.num;
  const std::int64_t columns = std::min(end, from.width) - first;
  std::vector<std::int32_t> row(static_cast<std::size_t>((end - first) * from.channels), 0);  // zeros behind the last
  for (std::size_t output = 0; output < down.first.size(); ++output) {
    sum_rows(from, down, output, first, static_cast<std::size_t>(columns * from.channels), row.data());
    switch (from.channels) {
      case 1: sum_columns<1>(row.data(), across, first, out); break;
      case 2: sum_columns<2>(row.data(), across, first, out); break;
      case 3: sum_columns<3>(row.data(), across, first, out); break;
      case 4: sum_columns<4>(row.data(), across, first, out); break;
      default: throw std::logic_error("an image of " + std::to_string(from.channels) + " channels; 1 to 4 are resized");
    }
    out += part.width * from.channels;
  }
}

}  // namespace frontier
