// Runs a network that `frontier export` wrote (.safetensors or .onnx): checks it on the reference that it carries, then
// classifies images given as binary PGM or PPM files of the network's size.
#include <torch/types.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "common/errors.h"
#include "exports/model.h"

namespace {

using frontier::UsageError;

/// A whole number of a PNM header, behind blanks and comments.
std::int64_t read_header_number(std::istream& file, const std::string& path) {
  while (file >> std::ws && file.peek() == '#') file.ignore(1 << 20, '\n');
  std::int64_t number = 0;
  if (!(file >> number) || number < 1 || number > 65536) throw UsageError(path + ": its header is wrong");
  return number;
}

/// [1, channels, height, width] uint8 from P5 (grey) or P6 (red, green, blue).
at::Tensor read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[2] = {};
  if (!file.read(magic, 2) || magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6'))
    throw UsageError(path + " is no binary PGM or PPM file (P5 or P6)");
  const std::int64_t channels = magic[1] == '6' ? 3 : 1, width = read_header_number(file, path),
                     height = read_header_number(file, path);
  if (read_header_number(file, path) != 255) throw UsageError(path + ": values must go up to 255");
  file.get();  // the one blank behind the header
  at::Tensor pixels = at::empty({1, height, width, channels}, at::kByte);
  if (!file.read(static_cast<char*>(pixels.data_ptr()), pixels.numel())) throw UsageError(path + " is cut short");
  return pixels.permute({0, 3, 1, 2}).contiguous();
}

void describe(const frontier::Model& model) {
  const auto& info = model.info;
  std::printf("%s: %s\n%lld multiply-accumulates an image, %lld parameters, for %s\n", info.space.c_str(),
              info.arch.c_str(), static_cast<long long>(info.macs), static_cast<long long>(info.params),
              info.built_for.c_str());
}

/// @returns whether the network gives its reference output again.
bool check(const frontier::Model& model) {
  const auto reproduced = frontier::reproduce(model);
  std::printf("reference: largest difference %g, allowed %g\n", reproduced.difference, reproduced.allowed);
  return reproduced.fits();
}

void classify(const frontier::Model& model, const std::string& path) {
  const at::Tensor shares = at::softmax(model(read_image(path)), 1)[0];
  const auto [best, places] = shares.topk(std::min<std::int64_t>(3, shares.size(0)));
  std::printf("%s:", path.c_str());
  for (std::int64_t i = 0; i < best.size(0); ++i) {
    const auto place = places[i].item<std::int64_t>();
    const bool named = !model.info.classes.empty();
    const std::string name =
        named ? model.info.classes[static_cast<std::size_t>(place)] : "class " + std::to_string(place);
    std::printf("  %s %.1f %%", name.c_str(), 100 * best[i].item<double>());
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s NETWORK.safetensors|NETWORK.onnx [IMAGE.pgm|IMAGE.ppm]...\n", argv[0]);
    return 2;
  }
  try {
    const frontier::Model model = frontier::read_model(argv[1]);
    describe(model);
    if (!check(model)) return 1;
    for (int i = 2; i < argc; ++i) classify(model, argv[i]);
  } catch (const UsageError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
