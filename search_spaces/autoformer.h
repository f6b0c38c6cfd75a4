#pragma once

#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

struct AutoFormerOptions {
  std::string name;
  InputShape input;
  int patch = 16;
  std::int64_t head_dim = 64;  ///< channels of a head's queries, keys and values
  std::vector<std::int64_t> embed_dims, depths, heads;
  std::vector<LabelledValue> mlp_ratios;  ///< values in halves: {"3.5", 7}
};

/// The vision transformers of AutoFormer (Chen, Peng, Fu, Ling: "AutoFormer: Searching Transformers for Visual
/// Recognition", 2021, arXiv 2107.00651): embedding dimension, depth, and for every block the number of heads and the
/// ratio of the MLP. Patch embedding, class token and absolute positions; pre-norm blocks, relative positions (up to
/// 14) on keys and values; the mean over patches is classified.
///
/// Written as lists, one entry for each block: "embed_dim=192 depth=12 num_heads=3,4,... mlp_ratio=3.5,4,...".
///
/// Differs from the paper: smaller heads counts and dimensions take the first rows of separate query, key and value
/// weights (the official code interleaves them in one); MLP ratio 3 is a member of the tiny space, as the released
/// subnet has it.
/// @throws UsageError where an image is smaller than a patch.
SearchSpace autoformer(const AutoFormerOptions& options);

AutoFormerOptions autoformer_tiny();
AutoFormerOptions autoformer_small();
AutoFormerOptions autoformer_base();
AutoFormerOptions autoformer_28();  ///< scaled for 1x28x28: patches of 4, 32 to 64 channels, 2 to 4 blocks

}  // namespace frontier
