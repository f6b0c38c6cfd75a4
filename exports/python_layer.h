#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/text.h"
#include "search_spaces/network_graph.h"

namespace frontier {

struct ModelInfo;

/// What a layer is in a PyTorch program.
struct PythonLayer {
  /// "nn.Conv2d(16, 32, 3)"; empty where it has no module of its own.
  std::string module = {};
  /// What it computes: {0}, {1}, ... stand for its inputs, {self} for its module, {images} for the program's input.
  std::string call = "{self}({0})";
  /// Lines of classes that it uses, each without its last end of line; equal ones stand in the program once.
  std::vector<std::string_view> helpers = {};
  /// Its value is [N, C], not [N, C, H, W].
  bool flat = false;
};

/// A layer that is to be written.
struct PythonCall {
  const Layer& layer;
  const ModelInfo& info;
  InputShapes shapes;         ///< of the inputs, by slot
  std::vector<bool> is_flat;  ///< by slot: whether the input is [N, C]

  /// "{0}", where that is [N, C] brought to [N, C, 1, 1].
  std::string input(std::size_t slot = 0) const {
    const std::string place = "{" + std::to_string(slot) + "}";
    return is_flat[slot] ? place + "[:, :, None, None]" : place;
  }
  std::size_t num_inputs() const { return shapes.size(); }
};

/// "[0.286, 0.5]".
inline std::string python_list(const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (const double value : values) texts.push_back(exact(value));
  return "[" + join(texts) + "]";
}

}  // namespace frontier
