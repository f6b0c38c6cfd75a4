#include <stdexcept>

#include "search_spaces/ops/shared.h"

namespace frontier::ops {

/// All inputs, along channels.
const LayerKind& concat() {
  static const LayerKind kKind = {
      .name = "concat",
      .num_inputs = 1,
      .more_inputs = true,
      .output =
          [](const Layer&, InputShapes inputs) {
            Shape shape = *inputs[0];
            for (const Shape* input : inputs.subspan(1)) {
              if (!holds_somewhere(Dim::equal(input->height, shape.height) * Dim::equal(input->width, shape.width)))
                throw std::logic_error("the inputs differ in height or width");
              shape.channels = shape.channels + input->channels;
            }
            return shape;
          },
      .beyond =
          [](const Layer&, InputShapes inputs) {
            for (const Shape* input : inputs.first(inputs.size() - 1))
              if (is_open(input->channels))
                throw std::logic_error("the width of an input that others follow is open, so that they have no place");
            return Beyond::kSums;
          },
  };
  return kKind;
}
}  // namespace frontier::ops
