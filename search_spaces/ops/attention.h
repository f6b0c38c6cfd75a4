#pragma once

#include <string_view>

namespace frontier {

/// How attention knows where tokens are.
enum class Position {
  kNone,
  /// A number a head and offset of key from query, added to the logits: position_bias [heads, 2h - 1, 2w - 1] for a
  /// grid of h x w tokens. A smaller grid uses the centre.
  kBias,
  /// A vector an offset, added to keys and to values (Shaw et al. 2018, arXiv 1803.02155), as the sum of a vertical and
  /// a horizontal one: relative_{key,value}_{vertical,horizontal} [2 max_distance + 2, channels a head]. Row 0 is for
  /// pairs with the class token, which is the first token; offsets are clipped. As in AutoFormer (Chen et al. 2021,
  /// arXiv 2107.00651).
  kRelative,
};
std::string_view to_string(Position position);

struct Layer;
/// Of a layer of kind "attention".
Position position_of(const Layer& layer);

}  // namespace frontier
