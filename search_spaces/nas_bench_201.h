#pragma once

#include <cstdint>
#include <string>

#include "search_spaces/search_space.h"

namespace frontier {

struct NasBench201Options {
  int cells = 5;               ///< of a stage
  std::int64_t channels = 16;  ///< of the first stage, doubled in each of the two behind it
  std::int64_t partial = 1;    ///< the K of PC-DARTS: one in K channels of an edge passes through its operations
};

/// What settings may say.
template <class Fields>
void describe(Fields& f, NasBench201Options& o) {
  f("cells", o.cells, 1, 1000, "Cells of each of the three stages; the benchmark's networks have five.");
  f("channels", o.channels, 1, 4096,
    "Channels of the first stage, doubled in each of the two behind it; the benchmark's have 16.");
  f("partial", o.partial, 1, 4096, "The K of PC-DARTS: one in K channels of an edge passes through its operations.");
}

/// The topology space of NAS-Bench-201 and NATS-Bench (Dong and Yang 2020, arXiv 2001.00326): a cell of four nodes
/// whose six edges each carry one of five operations, 5 cells a stage, 16, 32 and 64 channels. 15,625 architectures as
/// written, 6,466 canonical. Built for 3x32x32 and 10 classes; ImageNet16-120 is 3x16x16 with 120 classes.
///
/// With other `cells` and `channels` than the benchmark's the same cells make smaller or larger networks, of other
/// costs: a supernet to rank cells by is cheaper of few.
///
/// Parameters are the benchmark's. MACs are those of convolutions and the classifier; the benchmark's FLOPs add
/// constants for norms and pools (docs/spaces/nas_bench_201.md).
///
/// Canonical form: of all cells with the same identity, the one with fewest convolution weights, then the smallest.
/// Written as the benchmark's string, e.g. "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|avg_pool_3x3~2|".
/// @throws UsageError if the partial channels do not divide the channels.
SearchSpace nas_bench_201(const NasBench201Options& options = {});

/// The identity that NATS-Bench gives a cell: what reaches the output node, with `none` and `skip_connect` resolved and
/// the inputs of a node in any order. Equal for cells that compute the same function; 6,466 different ones.
/// @param arch six choices in the order of the string.
std::string nas_bench_201_identity(const Architecture& arch);

}  // namespace frontier
