#include "search_spaces/registry.h"

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/mobile_cnn.h"
#include "search_spaces/nas_bench_201.h"
#include "search_spaces/nas_bench_macro.h"

namespace frontier {
namespace {

struct Entry {
  SpaceInfo info;
  SearchSpace (*make)();
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
      {{"mobile_cnn", "MobileNetV3-style blocks for 28x28 images (Fashion-MNIST): 0.25 to 6 M MACs"},
       [] { return mobile_cnn(mobile_cnn_28()); }},
      {{"mobile_cnn_32", "MobileNetV3-style blocks for 32x32 images (CIFAR)"},
       [] { return mobile_cnn(mobile_cnn_32()); }},
      {{"mobile_cnn_224", "MobileNetV3-style blocks for 224x224 images (ImageNet)"},
       [] { return mobile_cnn(mobile_cnn_224()); }},
      {{"nas_bench_macro", "NAS-Bench-Macro: 8 layers x 3 blocks for 32x32 images, 6,561 networks"},
       [] { return nas_bench_macro(); }},
      {{"nas_bench_201", "NAS-Bench-201 / NATS-Bench topology: a cell of 6 edges x 5 operations, 15,625 networks"},
       [] { return nas_bench_201(); }},
  };
  return table;
}

}  // namespace

std::vector<SpaceInfo> known_spaces() {
  std::vector<SpaceInfo> infos;
  for (const auto& entry : entries()) infos.push_back(entry.info);
  return infos;
}

std::shared_ptr<const SearchSpace> make_space(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& entry : entries()) {
    if (entry.info.name == name) return std::make_shared<const SearchSpace>(entry.make());
    names.push_back(entry.info.name);
  }
  throw UsageError(unknown_name("search space", name, names));
}

}  // namespace frontier
