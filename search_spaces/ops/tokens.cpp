#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// class_token [c] before all pixels, position [c, 1 + h * w] added to them: [C, 1 + H * W, 1].
const LayerKind& tokens() {
  static const LayerKind kKind = {
      .name = "tokens",
      .output =
          [](const Layer&, InputShapes inputs) {
            return Shape{inputs[0]->channels, inputs[0]->height * inputs[0]->width + 1, 1};
          },
      .parameters =
          [](const Layer& layer, InputShapes) {
            return std::vector<ParameterSpec>{
                {.name = "class_token", .shape = {layer.output.channels}, .init = Init::kPosition},
                {.name = "position",
                 .shape = {layer.output.channels, layer.output.height},
                 .init = Init::kPosition,
                 .last_first = true}};
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kFills; },
      .words = [](const BlockLayers&) { return BlockWords{"tokens"}; },
      .words_order = 2,
  };
  return kKind;
}
}  // namespace frontier::ops
