#include "search_spaces/registry.h"

#include <functional>
#include <utility>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/autoformer.h"
#include "search_spaces/darts.h"
#include "search_spaces/elastic_vit.h"
#include "search_spaces/mobile_cnn.h"
#include "search_spaces/nas_bench_101.h"
#include "search_spaces/nas_bench_201.h"
#include "search_spaces/nas_bench_macro.h"
#include "search_spaces/ofa_mobilenetv3.h"
#include "search_spaces/resnet_shape.h"
#include "search_spaces/space_options.h"

namespace frontier {
namespace {

struct Entry {
  SpaceInfo info;
  SearchSpace (*make)() = nullptr;
  /// Where there are options: a space with some of them, and what they are.
  std::function<SearchSpace(const nlohmann::json& options)> with_options = nullptr;
  std::function<std::vector<Setting>()> settings = nullptr;

  SearchSpace operator()(const nlohmann::json& options) const {
    if (with_options != nullptr) return with_options(options);
    if (!options.empty())
      throw UsageError("space." + printable(options.begin().key()) + ": '" + info.name + "' has no options");
    return make();
  }
};

SearchSpace with(const DartsOptions& defaults, const nlohmann::json& options) { return darts(defaults, options); }
SearchSpace with(const NasBench201Options& defaults, const nlohmann::json& options) {
  return nas_bench_201(with_space_options(defaults, options));
}
SearchSpace with(const ResNetShapeOptions& defaults, const nlohmann::json& options) {
  return resnet_shape(defaults, options);
}

template <class Options>
Entry with_defaults(std::string name, std::string summary, Options defaults) {
  return {{std::move(name), std::move(summary)},
          nullptr,
          [defaults](const nlohmann::json& options) { return with(defaults, options); },
          [defaults] { return list_options("", defaults); }};
}

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
      {{"nas_bench_101", "NAS-Bench-101: a cell of up to 7 vertices and 9 edges, 423,624 networks for 32x32 images"},
       [] { return nas_bench_101(); }},
      with_defaults("nas_bench_201",
                    "NAS-Bench-201 / NATS-Bench topology: a cell of 6 edges x 5 operations, 15,625 networks",
                    NasBench201Options{}),
      with_defaults("darts",
                    "DARTS: a normal and a reduction cell of 4 nodes, 7 operations; 20 cells for 32x32 images (CIFAR)",
                    darts_cifar()),
      with_defaults("darts_imagenet", "DARTS' cells in a network of 14 for ImageNet", darts_imagenet()),
      {{"ofa_mobilenetv3", "Once-for-All MobileNetV3, width 1.0: 5 stages of 2-4 blocks, 25 resolutions (ImageNet)"},
       [] { return ofa_mobilenetv3(10); }},
      {{"ofa_mobilenetv3_w1.2", "Once-for-All MobileNetV3, width 1.2"}, [] { return ofa_mobilenetv3(12); }},
      {{"autoformer_tiny", "AutoFormer vision transformers, tiny: 192-240 channels, 12-14 blocks (ImageNet)"},
       [] { return autoformer(autoformer_tiny()); }},
      {{"autoformer_small", "AutoFormer, small: 320-448 channels, 12-14 blocks (ImageNet)"},
       [] { return autoformer(autoformer_small()); }},
      {{"autoformer_base", "AutoFormer, base: 528-624 channels, 14-16 blocks (ImageNet)"},
       [] { return autoformer(autoformer_base()); }},
      {{"autoformer_28", "AutoFormer scaled for 28x28 images (Fashion-MNIST): 32-64 channels, 2-4 blocks"},
       [] { return autoformer(autoformer_28()); }},
      with_defaults("resnet_shape_20",
                    "TAS: widths of every convolution and depths of ResNet-20 for 32x32 images (CIFAR)",
                    resnet_shape_cifar(20)),
      with_defaults("resnet_shape_32",
                    "TAS: widths of every convolution and depths of ResNet-32 for 32x32 images (CIFAR)",
                    resnet_shape_cifar(32)),
      with_defaults("resnet_shape_56",
                    "TAS: widths of every convolution and depths of ResNet-56 for 32x32 images (CIFAR)",
                    resnet_shape_cifar(56)),
      with_defaults("resnet_shape_110",
                    "TAS: widths of every convolution and depths of ResNet-110 for 32x32 images (CIFAR)",
                    resnet_shape_cifar(110)),
      with_defaults("resnet_shape_164",
                    "TAS: widths of every convolution and depths of ResNet-164 for 32x32 images (CIFAR)",
                    resnet_shape_cifar(164)),
      with_defaults("resnet_shape_imagenet_18", "TAS: widths of every convolution and depths of ResNet-18 for ImageNet",
                    resnet_shape_imagenet(18)),
      with_defaults("resnet_shape_imagenet_50", "TAS: widths of every convolution and depths of ResNet-50 for ImageNet",
                    resnet_shape_imagenet(50)),
      {{"elastic_vit",
        "ElasticViT: resolution, widths, depths and ratios of convolution and attention stages (ImageNet)"},
       [] { return elastic_vit(elastic_vit_224()); }},
      {{"elastic_vit_28", "ElasticViT's choices in small, for 28x28 images (Fashion-MNIST)"},
       [] { return elastic_vit(elastic_vit_28()); }},
  };
  return table;
}

const Entry* find_entry(std::string_view name) {
  for (const auto& entry : entries())
    if (entry.info.name == name) return &entry;
  return nullptr;
}

/// Whether the text is one that asks for options; names of other programs' spaces may hold parentheses, too.
bool has_options(std::string_view text) {
  text = trim(text);
  if (text.starts_with('{')) return true;
  const auto open = text.find('(');
  return open == 0 || (open != std::string_view::npos && find_entry(trim(text.substr(0, open))) != nullptr);
}

}  // namespace

std::vector<SpaceInfo> known_spaces() {
  std::vector<SpaceInfo> infos;
  for (const auto& entry : entries()) infos.push_back(entry.info);
  return infos;
}

std::vector<NamedOptions> space_settings() {
  std::vector<NamedOptions> all;
  for (const auto& entry : entries())
    all.push_back({entry.info.name, !entry.settings ? std::vector<Setting>{} : entry.settings()});
  return all;
}

std::shared_ptr<const SearchSpace> make_space(std::string_view text) {
  const bool is_plain = text.find('(') == std::string_view::npos;
  const SpaceRequest request = is_plain || has_options(text) ? parse_space(text) : SpaceRequest{std::string(text)};
  if (const Entry* entry = find_entry(request.name))
    return std::make_shared<const SearchSpace>((*entry)(request.options));
  std::vector<std::string> names;
  for (const auto& entry : entries()) names.push_back(entry.info.name);
  throw UsageError(unknown_name("search space", trim(request.name.substr(0, request.name.find('('))), names));
}

std::string space_name(const nlohmann::json& setting) {
  if (!setting.is_string() && !setting.is_object())
    throw UsageError("setting 'space' must be a name or an object with a name, not " + printable(setting.dump()));
  const std::string text = setting.is_string() ? setting.get<std::string>() : setting.dump();
  return has_options(text) ? make_space(text)->name() : text;
}

}  // namespace frontier
