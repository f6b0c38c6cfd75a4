#include "supernet/attention.h"
#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& tokens() {
  static const LayerFunction kFunction = {.name = "tokens", .forward = [](const LayerCall& call) {
                                            return with_class_token(call.input(), call.weight(0), call.weight(1));
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
