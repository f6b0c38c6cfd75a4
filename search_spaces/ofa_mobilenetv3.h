#pragma once

#include "search_spaces/search_space.h"

namespace frontier {

/// The MobileNetV3 space of Once-for-All (Cai et al. 2020, arXiv 1908.09791): five stages of 2 to 4 inverted residuals,
/// kernel 3, 5 or 7 and expansion 3, 4 or 6 each, images resized to 128 to 224 pixels in steps of 4. 3x224x224, 1,000
/// classes by default.
///
/// Written as lists with an entry for each of the 20 possible blocks, stage by stage (0 beyond the depth):
/// "ks=35700... e=34600... d=32442 r=224".
///
/// Differs from the paper: a smaller kernel is the centre of the larger one, without the learned transformation between
/// them; images are resized inside the network.
/// @param width_multiplier_tenths 10 or 12: OFA's two trained widths, 1.0 and 1.2.
SearchSpace ofa_mobilenetv3(int width_multiplier_tenths);

}  // namespace frontier
