#pragma once

#include <string_view>

namespace frontier {

enum class Activation { kReLU, kReLU6, kHSwish, kHSigmoid, kSigmoid, kGELU };
std::string_view to_string(Activation activation);

struct Layer;
/// Of a layer of kind "activation".
Activation activation_of(const Layer& layer);

}  // namespace frontier
