#include "jobs/torch/predict.h"

#include <torch/types.h>

#include <algorithm>

#include "common/text.h"
#include "datasets/picture_files.h"
#include "exports/model.h"
#include "jobs/torch/prepare.h"

namespace frontier {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBatch = 64;

PredictSettings read_settings(const nlohmann::json& json) {
  PredictSettings settings;
  read_options(json, "predict", settings);
  if (settings.model.empty()) throw UsageError("predict needs --model, a file that frontier export wrote");
  if (settings.images.empty()) throw UsageError("predict needs pictures: JPEG or PNG files");
  return settings;
}

/// What the network sees of a picture.
PictureShape seen_by(const Model& model, const std::string& source) {
  const Shape& input = model.network.graph()[0].output;
  const PictureShape seen{input.channels.value(), input.height.value(), input.width.value()};
  if (seen.channels != 1 && seen.channels != 3)
    throw UsageError(printable(source, 200) + " takes images of " + std::to_string(seen.channels) +
                     " channels; pictures have 1 or 3");
  if (model.info.resize != 0 && model.info.resize < std::max(seen.height, seen.width))
    throw UsageError(printable(source, 200) + " keeps " + std::to_string(model.info.resize) +
                     " pixels of a picture, but sees more");
  return seen;
}

std::string class_name(const ModelInfo& info, std::int64_t index) {
  return info.classes.empty() ? std::to_string(index) : info.classes[static_cast<std::size_t>(index)];
}

/// The likeliest classes. @param probabilities [classes] float32.
Json likeliest(const ModelInfo& info, const at::Tensor& probabilities, std::int64_t count) {
  const auto [values, indices] = probabilities.topk(std::min(count, probabilities.size(0)));
  Json classes = Json::array();
  for (std::int64_t i = 0; i < values.size(0); ++i) {
    const auto index = indices[i].item<std::int64_t>();
    classes.push_back({{"class", class_name(info, index)},
                       {"index", index},
                       {"probability", static_cast<double>(values[i].item<float>())}});
  }
  return classes;
}

class Predictor {
 public:
  Predictor(const PredictSettings& settings, at::Device device)
      : settings_(settings), model_(read_model(settings.model)), seen_(seen_by(model_, settings.model)) {
    model_.network = std::move(model_.network).to(device);
  }

  Json run(Observer& observer) {
    observer.begin("predict", 0, static_cast<std::int64_t>(settings_.images.size()), "pictures");
    const std::span<const std::string> paths(settings_.images);
    for (std::size_t begin = 0; begin < paths.size(); begin += kBatch) {
      if (observer.should_stop()) throw Interrupted("stopped after " + std::to_string(begin) + " pictures");
      add(paths.subspan(begin, std::min(kBatch, paths.size() - begin)));
      observer.progress(static_cast<std::int64_t>(std::min(begin + kBatch, paths.size())), "");
    }
    observer.end();
    return {{"model", settings_.model},       {"space", model_.info.space},     {"arch", model_.info.arch},
            {"input", model_.info.built_for}, {"results", std::move(results_)}, {"broken", std::move(broken_)}};
  }

 private:
  void add(std::span<const std::string> paths) {
    const PictureFiles files = read_picture_files(paths, seen_, model_.info.resize);
    const at::Tensor logits = model_(files.images.to(model_.network.device()));
    const at::Tensor probabilities = logits.to(at::kCPU).softmax(1);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (!files.why_not[i].empty()) {
        refuse_or_skip(paths[i], files.why_not[i]);
      } else {
        const at::Tensor row = probabilities[static_cast<std::int64_t>(i)];
        results_.push_back({{"image", paths[i]}, {"classes", likeliest(model_.info, row, settings_.top)}});
      }
    }
  }

  void refuse_or_skip(const std::string& path, const std::string& why) {
    if (settings_.broken == "refuse")
      throw UsageError(printable(path, 200) + ": " + why + "; --broken skip leaves such files out");
    broken_.push_back({{"image", path}, {"reason", why}});
  }

  const PredictSettings& settings_;
  Model model_;
  PictureShape seen_;
  Json results_ = Json::array(), broken_ = Json::array();
};

}  // namespace

Json predict(const nlohmann::json& json, Observer& observer) {
  const PredictSettings settings = read_settings(json);
  const at::Device device = use_device(settings);
  return without_backtrace([&] { return Predictor(settings, device).run(observer); });
}

}  // namespace frontier
