#pragma once

#include <string>

#include "search_spaces/search_space.h"

namespace frontier {

/// The topology space of NAS-Bench-201 and NATS-Bench (Dong and Yang 2020, arXiv 2001.00326): a cell of four nodes
/// whose six edges each carry one of five operations, 5 cells a stage, 16, 32 and 64 channels. 15,625 architectures as
/// written, 6,466 canonical. Built for 3x32x32 and 10 classes; ImageNet16-120 is 3x16x16 with 120 classes.
///
/// Parameters are the benchmark's. MACs are those of convolutions and the classifier; the benchmark's FLOPs add
/// constants for norms and pools (docs/spaces/nas_bench_201.md).
///
/// Canonical form: of all cells with the same identity, the one with fewest convolution weights, then the smallest.
/// Written as the benchmark's string, e.g. "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|avg_pool_3x3~2|".
SearchSpace nas_bench_201();

/// The identity that NATS-Bench gives a cell: what reaches the output node, with `none` and `skip_connect` resolved and
/// the inputs of a node in any order. Equal for cells that compute the same function; 6,466 different ones.
/// @param arch six choices in the order of the string.
std::string nas_bench_201_identity(const Architecture& arch);

}  // namespace frontier
