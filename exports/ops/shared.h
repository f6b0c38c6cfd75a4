#pragma once

#include <string>
#include <vector>

#include "exports/layer_writer.h"

namespace frontier::writers {

// What several kinds of layers are written alike.

/// Padding before and behind rows and columns of a pool or a convolution with "same" padding.
inline std::vector<std::int64_t> same_padding(std::int64_t before, std::int64_t behind) {
  return {before, before, behind, behind};
}

/// A pool by ONNX's operator of this name.
inline void pool_onnx(OnnxLayer& layer, const char* operation, OnnxLayer::Attributes attributes = {}) {
  const std::int64_t kernel = layer.layer().number("kernel"), stride = layer.layer().number("stride");
  attributes.push_back({"kernel_shape", std::vector<std::int64_t>{kernel, kernel}});
  attributes.push_back({"strides", std::vector<std::int64_t>{stride, stride}});
  attributes.push_back({"pads", same_padding((kernel - 1) / 2, kernel / 2)});
  layer.result(operation, {layer.input()}, attributes);
}

/// A pool by PyTorch's function of this name; even kernels reach one further behind, which PyTorch does by rounding up,
/// and without a stride by one row and column too many in front.
inline PythonLayer pool_pytorch(const PythonCall& call, const std::string& function, const std::string& more = "") {
  const std::int64_t kernel = call.layer.number("kernel"), stride = call.layer.number("stride");
  const bool even = kernel % 2 == 0, drops_first = even && stride == 1;
  const std::int64_t padding = drops_first ? kernel / 2 : (kernel - 1) / 2;
  std::string text = function + "(" + call.input() + ", " + std::to_string(kernel) + ", " + std::to_string(stride) +
                     ", padding=" + std::to_string(padding) + (even ? ", ceil_mode=True" : "") + more + ")";
  const auto cut = [&](const Dim& side) {
    const std::int64_t first = drops_first ? 1 : 0;
    return std::to_string(first) + ":" + std::to_string(first + side.value());
  };
  if (even) text += "[:, :, " + cut(call.layer.output.height) + ", " + cut(call.layer.output.width) + "]";
  return {.call = text};
}

/// Interpolation between pixel centres.
inline void resize_onnx(OnnxLayer& layer, const char* mode) {
  const Shape& shape = layer.layer().output;
  const std::string x = layer.input(), all = layer.node("Shape", {x}, "shape"),
                    kept = layer.node("Slice", {all, layer.integers({0}), layer.integers({2})}, "kept"),
                    sides = layer.integers({shape.height.value(), shape.width.value()}),
                    sizes = layer.node("Concat", {kept, sides}, "sizes", {{"axis", std::int64_t{0}}});
  layer.result("Resize", {x, "", "", sizes},
               {{"mode", mode}, {"coordinate_transformation_mode", "half_pixel"}, {"cubic_coeff_a", -0.75}});
}

inline PythonLayer resize_pytorch(const PythonCall& call, const std::string& mode) {
  const Shape& shape = call.layer.output;
  return {.call = "F.interpolate(" + call.input() + ", (" + std::to_string(shape.height.value()) + ", " +
                  std::to_string(shape.width.value()) + "), mode=\"" + mode + "\", align_corners=False)"};
}

/// Channels [begin, end) of its input.
inline void channels_onnx(OnnxLayer& layer, std::int64_t begin, std::int64_t end) {
  layer.result("Slice", {layer.input(), layer.integers({begin}), layer.integers({end}), layer.integers({1})});
}

inline PythonLayer channels_pytorch(const PythonCall& call, std::int64_t begin, std::int64_t end) {
  const std::string first = begin == 0 ? "" : std::to_string(begin);
  return {.call = call.input() + "[:, " + first + ":" + std::to_string(end) + "]"};
}

}  // namespace frontier::writers
