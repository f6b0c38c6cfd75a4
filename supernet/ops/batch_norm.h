#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

#include "supernet/layer_function.h"

namespace frontier::functions {

/// What a batch norm by stored statistics does to a channel: two [c] tensors. @throws std::logic_error where it has
/// none.
std::pair<at::Tensor, at::Tensor> norm_scale_shift(const BoundLayer& norm, const RunSpec& spec);

}  // namespace frontier::functions
