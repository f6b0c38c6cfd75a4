#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace frontier {

/// Keeps other processes from writing a folder that this one writes: an advisory lock (flock) on FOLDER.lock beside
/// it, which says who holds it, goes with the process however that ends, and is removed by the destructor.
/// Thread-safety: none.
class FolderLock {
 public:
  /// Makes the folder's parents where they are missing. @throws UsageError naming who holds it; Error with the system's
  /// reason if the file cannot be written.
  explicit FolderLock(const std::filesystem::path& folder);
  /// The same; null where another process holds it. @throws Error likewise.
  static std::unique_ptr<FolderLock> try_lock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// What others are told, before "(process N)": "run 3".
  void set_owner(const std::string& owner);
  /// False where the file system has no locks.
  bool is_held() const { return held_; }

 private:
  FolderLock() = default;
  std::string hold(const std::filesystem::path& folder);

  std::filesystem::path path_;
  int file_ = -1;
  bool held_ = false;
};

}  // namespace frontier
