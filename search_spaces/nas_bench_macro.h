#pragma once

#include "search_spaces/search_space.h"

namespace frontier {

/// NAS-Bench-Macro (Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", arXiv 2103.11922): 8
/// layers in stages of 2, 3 and 3 (64, 128, 256 channels, stride 2 at each start), each an identity, an inverted
/// residual of expansion 3 and kernel 3, or one of expansion 6 and kernel 5. An identity at a stage start is a 1x1
/// convolution of stride 2 with batch norm. Notation: 8 digits, e.g. "22212220".
SearchSpace nas_bench_macro();

}  // namespace frontier
