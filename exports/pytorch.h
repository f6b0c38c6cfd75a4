#pragma once

#include <string>

#include "exports/model.h"

namespace frontier {

/// A model as a PyTorch program of plain layers, which needs nothing but torch, and its weights.
struct PytorchFiles {
  std::string code;     ///< NAME.py: class Net, load(); run as a program it checks its reference
  std::string weights;  ///< NAME.safetensors beside it: the names of Net.state_dict(), and the reference
};
PytorchFiles to_pytorch(const Model& model);

}  // namespace frontier
