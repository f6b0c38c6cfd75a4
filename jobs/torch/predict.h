#pragma once

#include <string>
#include <vector>

#include "common/options.h"
#include "jobs/registries.h"

namespace frontier {

/// Settings of the job "predict".
struct PredictSettings : DeviceOptions {
  std::string model;                ///< file that export wrote: .onnx or .safetensors
  std::vector<std::string> images;  ///< JPEG and PNG files
  std::int64_t top = 1;             ///< classes an image, the likeliest first
  std::string broken = "refuse";    ///< what a file that cannot be read does: "refuse" all, or "skip" it
};

template <class Fields>
void describe(Fields& f, PredictSettings& s) {
  f("model", s.model);
  f("images", s.images);
  f("top", s.top, 1, 1'000'000);
  f("broken", s.broken, {"refuse", "skip"});
  describe(f, static_cast<DeviceOptions&>(s));
}

/// The job "predict": what an exported network makes of picture files, read as the images were that it was evaluated
/// on. The document: model, space, arch, input; `results`, an item a picture that could be read (image, and `classes`,
/// each with class, index and probability, by softmax); `broken` (image, reason).
/// @throws UsageError for a file that holds no network, takes images of other channels than pictures have, or, unless
/// skipped, a picture that cannot be read.
nlohmann::ordered_json predict(const nlohmann::json& settings, Observer& observer);

}  // namespace frontier
