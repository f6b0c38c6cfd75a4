#include "supernet/checkpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <torch/types.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "common/data_file.h"
#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/text.h"
#include "supernet/safetensors.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 2;  // 1: other random streams, so other held-out images
constexpr const char* kWeights = "weights.safetensors";
constexpr const char* kState = "state.safetensors";
constexpr const char* kRun = "run.json";

fs::path beside(const fs::path& folder, const char* suffix) {
  fs::path path = checkpoint_folder(folder);
  path += suffix;
  return path;
}

/// Where a crash between the two renames left the last good checkpoint.
fs::path readable(const fs::path& folder) {
  if (!fs::exists(folder / kRun) && fs::exists(beside(folder, ".old") / kRun)) return beside(folder, ".old");
  return folder;
}

[[noreturn]] void failed(const std::string& what, const fs::path& path, const std::error_code& error) {
  throw Error(what + " " + path.string() + ": " + error.message());
}

}  // namespace

fs::path checkpoint_folder(const fs::path& folder) {
  fs::path named = folder.filename().empty() ? folder.parent_path() : folder;  // "dir/"
  std::error_code error;
  for (int links = 0; links < 40 && fs::is_symlink(named, error); ++links)  // the last may lead to nothing yet
    named = named.parent_path() / fs::read_symlink(named, error);
  return named;
}

namespace {

/// @throws UsageError unless nothing but a checkpoint's files would be lost with what is at `target`.
void require_own_files(const fs::path& target) {
  std::error_code error;
  const auto status = fs::status(target, error);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status))
    throw UsageError(target.string() + " is a file; a checkpoint needs a folder of its own");
  for (const auto& entry : fs::directory_iterator(target, error)) {
    const fs::path name = entry.path().filename();
    if (name != kWeights && name != kState && name != kRun)
      throw UsageError(target.string() + " holds '" + printable(name.string()) +
                       "', which is no part of a checkpoint and would be lost; choose a folder of its own");
  }
  if (error) failed("cannot read folder", target, error);
}

}  // namespace

void require_checkpoint_folder(const fs::path& folder) {
  const fs::path target = checkpoint_folder(folder);
  for (const char* suffix : {"", ".tmp", ".old"}) require_own_files(beside(folder, suffix));  // what saving replaces
  std::error_code unreadable;  // which is said where it is written
  if (fs::exists(target / kWeights, unreadable) && !has_checkpoint(folder))
    throw UsageError(target.string() +
                     " holds weights but no run.json, so nothing says what they are of; they would be "
                     "lost: move them away, or choose another folder");
}

void save_checkpoint(const fs::path& folder, const Checkpoint& checkpoint) {
  require_checkpoint_folder(folder);
  const fs::path fresh = beside(folder, ".tmp"), old = beside(folder, ".old");
  std::error_code error;
  fs::remove_all(fresh, error);
  fs::create_directories(fresh, error);
  if (error) failed("cannot make folder", fresh, error);
  try {
    const std::string weights = to_safetensors(checkpoint.weights), state = to_safetensors(checkpoint.state);
    nlohmann::json run = checkpoint.run;
    run["format"] = kFormat;
    run["checksums"] = {{kWeights, crc32_hex(weights)}, {kState, crc32_hex(state)}};
    write_new_file(fresh / kWeights, weights);
    write_new_file(fresh / kState, state);
    write_new_file(fresh / kRun, run.dump(2) + "\n");
    sync_folder(fresh);
  } catch (...) {
    fs::remove_all(fresh, error);
    throw;
  }
  const fs::path target = checkpoint_folder(folder);
  const fs::path parent = target.has_parent_path() ? target.parent_path() : ".";
  if (!fs::exists(target)) {
    fs::rename(fresh, target, error);
    if (error) failed("cannot rename the new checkpoint to", target, error);
    sync_folder(parent);
    fs::remove_all(old, error);
    return;
  }
  // Swap in one step where the file system can; else by way of ".old", which load_checkpoint() falls back to.
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    sync_folder(parent);
    fs::remove_all(fresh, error);
    return;
  }
  fs::remove_all(old, error);
  fs::rename(target, old, error);
  if (error) failed("cannot set aside the last checkpoint", target, error);
  fs::rename(fresh, target, error);
  if (error) failed("cannot rename the new checkpoint to", target, error);
  sync_folder(parent);
  fs::remove_all(old, error);
}

bool has_checkpoint(const fs::path& folder) { return fs::exists(readable(folder) / kRun); }

namespace {

/// @param folder where the files are.  @param run the text of its run.json.
Checkpoint read_checkpoint(const fs::path& folder, const std::string& run, bool with_state) {
  const std::string run_path = (folder / kRun).string();
  Checkpoint checkpoint;
  checkpoint.run = parse_json(run, run_path);
  if (!checkpoint.run.is_object() || !checkpoint.run.contains("format") ||
      !checkpoint.run["format"].is_number_integer())
    throw UsageError(run_path + " is not a checkpoint's run.json: it has no format number");
  if (const auto format = checkpoint.run["format"].get<std::int64_t>(); format != kFormat)
    throw UsageError(run_path + " has checkpoint format " + std::to_string(format) + "; this version reads format " +
                     std::to_string(kFormat));
  const auto read = [&](const char* name) {
    const std::string bytes = read_input(folder / name);
    const std::string path = (folder / name).string();
    const nlohmann::json::json_pointer place(std::string("/checksums/") + name);
    const auto& values = checkpoint.run;
    const std::string expected =
        values.contains(place) && values[place].is_string() ? values[place].get<std::string>() : std::string();
    if (const std::string seen = crc32_hex(bytes); seen != expected)
      throw UsageError(path + " is damaged: its checksum is " + seen + ", run.json says " +
                       (expected.empty() ? "nothing" : expected));
    return from_safetensors(bytes, path);
  };
  checkpoint.weights = read(kWeights);
  if (with_state) checkpoint.state = read(kState);
  return checkpoint;
}

}  // namespace

Checkpoint load_checkpoint(const fs::path& given, bool with_state) {
  constexpr int kAttempts = 100;  // a training may replace the folder while it is read
  for (int attempt = 1;; ++attempt) {
    if (!has_checkpoint(given))
      throw UsageError("there is no checkpoint in " + given.string() +
                       " (no run.json); give the folder that train wrote with --out");
    const fs::path folder = readable(given);
    std::string run;
    try {
      run = read_input(folder / kRun);
      return read_checkpoint(folder, run, with_state);
    } catch (const UsageError&) {
      const bool replaced = !fs::exists(folder / kRun) || read_input(folder / kRun) != run;
      if (!replaced || attempt == kAttempts) throw;
    }
  }
}

CheckpointWriter::~CheckpointWriter() {
  if (pending_.valid()) pending_.wait();
}

void CheckpointWriter::save(const Checkpoint& checkpoint) {
  wait();
  // Contiguous on the CPU: the thread that writes leaves tensors as they are.
  const auto copied = [](const TensorMap& tensors) {
    TensorMap copies;
    for (const auto& [name, tensor] : tensors)
      copies.emplace(name, tensor.detach().to(at::kCPU, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true,
                                              at::MemoryFormat::Contiguous));
    return copies;
  };
  pending_ = std::async(std::launch::async,
                        [folder = folder_, own = Checkpoint{copied(checkpoint.weights), copied(checkpoint.state),
                                                            checkpoint.run}] { save_checkpoint(folder, own); });
}

void CheckpointWriter::wait() {
  if (pending_.valid()) pending_.get();
}

const char* weights_name(WeightsKind kind) { return kind == WeightsKind::kRaw ? "raw" : "average"; }

WeightsKind held_weights(const Checkpoint& checkpoint) {
  const nlohmann::json::json_pointer place("/weights/kind");
  const auto& run = checkpoint.run;
  if (!run.contains("weights")) return WeightsKind::kRaw;
  if (run.contains(place))
    for (const auto kind : {WeightsKind::kRaw, WeightsKind::kAverage})
      if (run[place] == weights_name(kind)) return kind;
  throw UsageError("the checkpoint's run.json says weights = " + printable(run["weights"].dump()) +
                   R"(; known: {"kind": "raw"} and {"kind": "average"})");
}

bool has_average(const Checkpoint& checkpoint) {
  return held_weights(checkpoint) == WeightsKind::kAverage || checkpoint.state.contains("average") ||
         !part_of("average.", checkpoint.state).empty();
}

TensorMap checkpoint_weights(const Checkpoint& checkpoint, WeightsKind kind, const ParameterLayout* layout) {
  if (held_weights(checkpoint) == kind) return checkpoint.weights;
  if (kind == WeightsKind::kRaw)
    throw UsageError("the checkpoint holds the average of the weights only, not the raw ones");
  if (TensorMap average = part_of("average.", checkpoint.state); !average.empty()) return average;
  const auto flat = checkpoint.state.find("average");
  if (flat == checkpoint.state.end())
    throw UsageError("the checkpoint holds no average of the weights; it was trained without one");
  if (layout == nullptr || flat->second.sizes() != at::IntArrayRef{layout->num_scalars()})
    throw UsageError("the checkpoint's average is in one piece of " + std::to_string(flat->second.numel()) +
                     " numbers, which is not what this network needs");
  return layout->tensors(flat->second);
}

std::string checkpoint_fingerprint(const Checkpoint& checkpoint) {
  const nlohmann::json::json_pointer place(std::string("/checksums/") + kWeights);
  return checkpoint.run.contains(place) ? checkpoint.run[place].get<std::string>()
                                        : crc32_hex(to_safetensors(checkpoint.weights));
}

}  // namespace frontier
