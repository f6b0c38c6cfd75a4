#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "jobs/torch/compare_plan.h"

namespace frontier {

/// What a finished part of a comparison gave.
struct PartResult {
  std::int64_t run = 0;  ///< of its training
  double macs = 0;       ///< spent
  double seconds = 0;
  std::vector<double> top1 = {};  ///< of the list; of a network from scratch its own
};

/// A comparison on disk: compare.json in its folder, written once, and a file a finished part. Nothing in it is read
/// from anywhere else, so that a comparison goes on by what it began with, whatever later versions' defaults are.
struct CompareState {
  std::int64_t run = 0;  ///< in the database that it was last used with
  int threads = 0;
  nlohmann::json settings;  ///< filled_in()
  ComparePlan plan;
  std::map<std::string, PartResult> done = {};  ///< by name of the part

  const PartResult* find(const ComparePart& part) const {
    const auto found = done.find(part.name);
    return found == done.end() ? nullptr : &found->second;
  }
};

bool has_comparison(const std::filesystem::path& folder);
/// @throws UsageError if there is none, or it is damaged or of another version.
CompareState load_comparison(const std::filesystem::path& folder);
/// Everything but what is done.
void save_comparison(const std::filesystem::path& folder, const CompareState& state);
/// The file of a finished part.
std::filesystem::path part_file(const std::filesystem::path& folder, const ComparePart& part);
void save_part(const std::filesystem::path& folder, const ComparePart& part, const PartResult& result);
/// Reads the files of parts that others have finished. @throws UsageError where one is damaged.
void read_done(const std::filesystem::path& folder, std::span<const ComparePart> parts, CompareState& state);

/// What a finished comparison measured. @throws Error where a part is not done.
MeasuredComparison comparison_of(const CompareState& state, const std::filesystem::path& folder);

}  // namespace frontier
