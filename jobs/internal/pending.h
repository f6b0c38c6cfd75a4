#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "db/store.h"

namespace frontier {

/// What a run found and could not store, as one JSON file (docs/formats/results-database.md).
struct PendingRun {
  Run run = {};
  std::vector<Evaluation> results = {};
  std::vector<CurvePoint> points = {};
};

std::string to_text(const PendingRun& pending);
/// @throws UsageError for anything else than to_text() gives.
PendingRun read_pending(const std::filesystem::path& file);

}  // namespace frontier
