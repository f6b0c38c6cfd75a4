#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

/// A vision transformer whose width, depth, heads and hidden widths are searched.
struct AutoFormerOptions {
  std::string name;
  InputShape input;
  int patch = 16;                         ///< side of a patch in pixels, even; pixels beyond whole patches are not read
  std::int64_t head_dim = 64;             ///< channels a head of queries, keys and values, at any embed_dim
  int max_distance = 14;                  ///< in patches; relative positions further apart count as this far
  std::vector<std::int64_t> embed_dim;    ///< channels of a token
  std::vector<std::int64_t> depth;        ///< blocks
  std::vector<std::int64_t> num_heads;    ///< of each block
  std::vector<LabelledValue> mlp_halves;  ///< of each block: hidden channels in halves of embed_dim, {"3.5", 7}
};

/// The spaces of AutoFormer ("AutoFormer: Searching Transformers for Visual Recognition", Chen et al. 2021, arXiv
/// 2107.00651): one width for all tokens, a depth, and heads
/// and MLP ratio for each block of a transformer with relative positions on keys and values. Blocks beyond the depth
/// are the last ones.
///
/// Written as lists with an entry for each block:
/// "embed_dim=192 depth=12 num_heads=3,3,4,... mlp_ratio=3.5,4,...". 3.0 is read as 3.
///
/// Differs from the paper: the tiny space has MLP ratio 3, too, which its released subnet uses and its table lacks.
/// Queries, keys and values are three layers, so fewer heads are the first rows of each; the released code interleaves
/// the rows of one layer. Networks and their costs are the same.
SearchSpace autoformer(AutoFormerOptions options);

/// 3x224x224, 1,000 classes.
AutoFormerOptions autoformer_tiny();
AutoFormerOptions autoformer_small();
AutoFormerOptions autoformer_base();
/// 1x28x28, 10 classes, patches of 4, heads of 16: 1.5 to 8.7 M MACs. Not in the paper.
AutoFormerOptions autoformer_28();

}  // namespace frontier
