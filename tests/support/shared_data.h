#pragma once

#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/text.h"

namespace frontier::testing_support {

inline std::filesystem::path environment_path(const char* name, const std::filesystem::path& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::filesystem::path(value) : otherwise;
}

/// The root of the source tree; ctest sets FRONTIER_SOURCE_DIR.
inline std::filesystem::path source_folder() { return environment_path("FRONTIER_SOURCE_DIR", "."); }

/// A benchmark data file by its path under `data/` in FRONTIER_SHARED, or in `shared` beside the source tree; none if
/// it is not there (the tests then skip).
inline std::optional<std::filesystem::path> shared_data(const std::filesystem::path& file) {
  const auto path = environment_path("FRONTIER_SHARED", source_folder() / ".." / "shared") / "data" / file;
  return std::filesystem::exists(path) ? std::optional(path) : std::nullopt;
}

/// Rows of a gzipped table without quoted cells, the header line first.
inline std::vector<std::vector<std::string>> read_csv_gz(const std::filesystem::path& path) {
  std::string text;
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return {};
  char buffer[1 << 16];
  for (int got = 0; (got = gzread(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  gzclose(file);
  std::vector<std::vector<std::string>> rows;
  for (const auto& line : split(text, '\n'))
    if (!line.empty()) rows.push_back(split(line, ','));
  return rows;
}

}  // namespace frontier::testing_support
