#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace frontier {

/// The numbers of a tensor in row-major order, without gradients; from a GPU one transfer.
std::vector<double> numbers_of(const at::Tensor& tensor);

}  // namespace frontier
