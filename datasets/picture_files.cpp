#include "datasets/picture_files.h"

#include <torch/types.h>

#include <algorithm>

#include "datasets/internal/picture_store.h"

namespace frontier {

PictureFiles read_picture_files(std::span<const std::string> paths, const PictureShape& seen, std::int64_t resize) {
  PictureShape kept = seen;
  if (resize > 0) kept.height = kept.width = resize;
  std::vector<std::string> why_not(paths.size());
  std::vector<PictureInfo> infos(paths.size());
  const auto store = read_picture_store({paths.begin(), paths.end()}, kept, /*keep=*/true, why_not, infos);
  const auto count = static_cast<std::int64_t>(paths.size());
  PictureFiles files{at::zeros({count, seen.channels, seen.height, seen.width}, at::kByte), std::move(why_not)};
  auto* out = files.images.mutable_data_ptr<std::uint8_t>();
  const std::int64_t size = seen.channels * seen.height * seen.width;
  std::vector<std::uint8_t> buffer;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!files.why_not[static_cast<std::size_t>(i)].empty()) continue;
    const std::uint8_t* pixels = store->pixels(i, buffer);
    const ByteImage whole{
        kept.channels, kept.height, kept.width, {pixels, pixels + kept.channels * kept.height * kept.width}};
    std::ranges::copy(cut_middle(whole, seen.height, seen.width).pixels, out + i * size);
  }
  return files;
}

}  // namespace frontier
