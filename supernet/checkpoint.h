#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace frontier {

/// A checkpoint folder: weights.safetensors, state.safetensors (optimiser, average, architecture parameters) and
/// run.json (configuration, random and sampler states, and the CRC-32 of the other two files). Format:
/// docs/formats/checkpoint.md. No pickle is ever read.
struct Checkpoint {
  std::map<std::string, at::Tensor> weights;
  std::map<std::string, at::Tensor> state;
  nlohmann::json run = nlohmann::json::object();
};

/// @throws UsageError unless save_checkpoint() may replace what is at `folder`: nothing, an empty folder or a
/// checkpoint. For checks before the work starts.
void require_checkpoint_folder(const std::filesystem::path& folder);

/// Replaces the checkpoint in `folder` as one step: written beside it under a temporary name, synced, renamed. A crash
/// at any moment leaves the old or the new checkpoint. @throws UsageError as above; Error with the system's reason, the
/// old checkpoint is then still there.
void save_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

bool has_checkpoint(const std::filesystem::path& folder);

/// @param with_state whether optimiser and sampler state are wanted, too.
/// @throws UsageError if there is none, or a file is missing, damaged or of another format version.
Checkpoint load_checkpoint(const std::filesystem::path& folder, bool with_state);

/// Identifies the weights: stored with every number measured on them.
std::string checkpoint_fingerprint(const Checkpoint& checkpoint);

}  // namespace frontier
