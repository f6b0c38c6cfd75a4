#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/internal/image_store.h"

namespace frontier {

/// What a file's header says; reads no more of it than it must. @throws UsageError without the file's name.
PictureInfo read_picture_info(const std::filesystem::path& path);

/// Reads and decodes every file once, on all threads. Files that cannot be read have no pixels; nobody may ask for
/// them.
/// @param keep in memory; else files are decoded anew whenever they are asked for.
/// @param why_not one a file: empty where it is readable so far; filled in where it turns out not to be.
/// @param infos one a file; filled in.
std::shared_ptr<const ImageStore> read_picture_store(std::vector<std::filesystem::path> paths,
                                                     const PictureShape& shape, bool keep,
                                                     std::vector<std::string>& why_not,
                                                     std::vector<PictureInfo>& infos);

}  // namespace frontier
