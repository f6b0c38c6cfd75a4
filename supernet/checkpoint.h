#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <string>

#include "supernet/parameter_store.h"
#include "supernet/tensor_map.h"

namespace frontier {

/// A checkpoint folder: weights.safetensors, state.safetensors (optimiser, average, architecture parameters) and
/// run.json (configuration, random and sampler states, and the CRC-32 of the other two files). Format:
/// docs/formats/checkpoint.md. No pickle is ever read.
struct Checkpoint {
  TensorMap weights;
  TensorMap state;
  nlohmann::json run = nlohmann::json::object();
};

/// Where the files of a checkpoint are: `folder` without a slash at its end, or what it leads to where it is a link.
std::filesystem::path checkpoint_folder(const std::filesystem::path& folder);

/// @throws UsageError unless save_checkpoint() may replace what is at `folder` and what it writes beside it: nothing,
/// an empty folder or a checkpoint; weights whose run.json is lost may not be. For checks before the work starts.
void require_checkpoint_folder(const std::filesystem::path& folder);

/// Replaces the checkpoint in `folder` as one step: written beside it under a temporary name, synced, renamed. A crash
/// at any moment leaves the old or the new checkpoint. @throws UsageError as above; Error with the system's reason, the
/// old checkpoint is then still there.
void save_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

bool has_checkpoint(const std::filesystem::path& folder);

/// @param with_state whether optimiser and sampler state are wanted, too.
/// @throws UsageError if there is none, or a file is missing, damaged or of another format version.
Checkpoint load_checkpoint(const std::filesystem::path& folder, bool with_state);

/// Writes a checkpoint in the background while the training goes on, one at a time. Thread-safety: none.
class CheckpointWriter {
 public:
  /// @param folder as save_checkpoint() takes it.
  explicit CheckpointWriter(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// Waits; an error that nobody asked for with wait() is lost.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Copies the tensors, then returns: what is written is what they hold now. Waits for the checkpoint before this one.
  /// @throws Error of that one; this one is then not written.
  void save(const Checkpoint& checkpoint);
  /// Until nothing is being written. @throws Error if the last checkpoint could not be; once.
  void wait();

 private:
  std::filesystem::path folder_;
  std::future<void> pending_;
};

/// Weights as the last step left them, or their running average.
enum class WeightsKind { kRaw, kAverage };

/// "raw" or "average".
const char* weights_name(WeightsKind kind);

/// What the weights of a checkpoint are: its run.json says {"weights": {"kind": ...}}; where it does not, raw.
/// @throws UsageError for anything else there.
WeightsKind held_weights(const Checkpoint& checkpoint);
/// Whether it has the average, as its weights or in its state.
bool has_average(const Checkpoint& checkpoint);

/// The weights of one kind, from the weights or the state of the checkpoint.
/// @param layout of the weights; needed where the average is in one piece, as earlier versions wrote it.
/// @throws UsageError if the checkpoint does not hold them.
TensorMap checkpoint_weights(const Checkpoint& checkpoint, WeightsKind kind, const ParameterLayout* layout = nullptr);

/// Identifies the weights: stored with every number measured on them.
std::string checkpoint_fingerprint(const Checkpoint& checkpoint);

}  // namespace frontier
