#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "datasets/picture.h"

namespace frontier {

/// Picture files as networks see them when they are evaluated.
struct PictureFiles {
  at::Tensor images;                 ///< [N, C, H, W] uint8; zeros where a file cannot be read
  std::vector<std::string> why_not;  ///< one a file: empty, or what is wrong with it
};

/// @param seen what networks see.  @param resize side of the square that pictures are shrunk or enlarged to before the
/// middle is cut; 0: that of `seen`. Reads on as many threads as at::get_num_threads() says.
PictureFiles read_picture_files(std::span<const std::string> paths, const PictureShape& seen, std::int64_t resize);

}  // namespace frontier
