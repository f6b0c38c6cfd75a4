#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "supernet/network.h"
#include "supernet/tensor_map.h"

namespace frontier {

/// What a network that is taken away says of itself: in every file of it.
struct ModelInfo {
  std::string program = {};                    ///< that wrote it: "frontier 0.1.0"
  std::string space = {};                      ///< with its options
  std::string arch = {};                       ///< in the space's notation
  std::string canonical = {};                  ///< the key of its results
  std::string built_for = {};                  ///< "1x28x28/10"
  std::int64_t macs = 0;                       ///< of one image
  std::int64_t params = 0;                     ///< batch-norm statistics not counted
  std::string checkpoint = {};                 ///< fingerprint of the weights
  std::string calibration = {};                ///< what batch-norm statistics were made of
  std::string dataset = {};                    ///< "fashion_mnist"
  std::vector<double> mean = {}, stddev = {};  ///< of pixel / 255, a channel each; empty: not known
  std::vector<std::string> classes = {};       ///< names in order; empty: not known
  std::int64_t resize = 0;           ///< side of the square kept of pictures, whose middle it sees; 0: all is seen
  std::string input = "normalised";  ///< what the file's network takes, see kNormalised and kBytes
};

inline constexpr const char* kNormalised = "normalised";  ///< float32, (pixel / 255 - mean) / stddev
inline constexpr const char* kBytes = "bytes";            ///< uint8 pixels, normalised inside

template <class Fields>
void describe(Fields& f, ModelInfo& m) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  f("program", m.program);
  f("space", m.space);
  f("arch", m.arch);
  f("canonical", m.canonical);
  f("built_for", m.built_for);
  f("macs", m.macs, 0, kMost);
  f("params", m.params, 0, kMost);
  f("checkpoint", m.checkpoint);
  f("calibration", m.calibration);
  f("dataset", m.dataset);
  f("mean", m.mean);
  f("stddev", m.stddev);
  f("classes", m.classes);
  f("resize", m.resize, 0, 1 << 16);
  f("input", m.input, {kNormalised, kBytes});
}

/// A network apart from its supernet with all that a file of it holds. Moves; thread-safety: none.
struct Model {
  Network network;  ///< of a finished graph (search_spaces/graph_json.h)
  ModelInfo info;
  at::Tensor reference_input;   ///< as info.input says, [N, C, H, W]
  at::Tensor reference_output;  ///< what the network makes of it: logits [N, classes] float32

  /// Logits of images. @param images [N, C, H, W] on the network's device: float32 taken as normalised, uint8 as
  /// pixels.
  /// @throws UsageError for images of another shape or type, and for pixels where mean and deviation are not known.
  at::Tensor operator()(const at::Tensor& images) const;
};

/// A network as it is taken away, with a reference. @param images [N, C, H, W] for the reference input: pixels (uint8),
/// or, where info.input is kNormalised, also float32 as they are.
/// @throws UsageError for soft networks; Error where outputs are not finite.
Model make_model(const Network& network, ModelInfo info, const at::Tensor& images);

/// Pixels as networks are trained on them, to the last bit: (pixel / 255 - mean) / stddev. @param pixels [N, C, H, W]
/// uint8.  @param mean, stddev a number a channel.
at::Tensor normalised(const at::Tensor& pixels, const std::vector<double>& mean, const std::vector<double>& stddev);

/// How well a network gives its reference output again.
struct Reproduction {
  double difference = 0;  ///< the largest
  double allowed = 0;     ///< for other kernels and numbers of threads: 1e-4 of the largest output, or of 1
  bool fits() const { return difference <= allowed; }
};
Reproduction reproduce(const Model& model);

/// What files of all formats hold: texts and tensors by name (docs/formats/model.md).
struct StoredModel {
  std::map<std::string, std::string> texts;  ///< ModelInfo, the rest of a JSON value each, and "graph"
  TensorMap tensors;  ///< "LAYER.PARAMETER", "LAYER.mean", "LAYER.variance", "reference.input", "reference.output"
};
StoredModel stored(const Model& model);
/// @param source names the file in messages.  @throws UsageError for anything that stored() would not give.
Model restored(const StoredModel& stored, std::string_view source);

/// The same as one safetensors file.
std::string to_safetensors(const Model& model);

/// Any file that holds a network that this program can run: .safetensors or .onnx, told apart by their content.
/// @throws UsageError for anything else.
Model read_model(const std::string& path);
/// The same from the content of a file. @param source names it in messages.
Model model_from_bytes(std::string_view bytes, std::string_view source);

}  // namespace frontier
