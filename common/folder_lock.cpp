#include "common/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

/// The start of a lock's file: who holds it.
std::string first_line(int file) {
  char text[200];
  const ssize_t size = ::pread(file, text, sizeof text, 0);
  const std::string line(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return line.substr(0, line.find('\n'));
}

/// Whether the file is still the one of this name: the last holder may have removed it in between.
bool is_at(int file, const fs::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

}  // namespace

/// Takes the lock. @returns who else holds it; empty: this does.
std::string FolderLock::hold(const fs::path& folder) {
  path_ = folder;
  if (path_.filename().empty()) path_ = path_.parent_path();  // "dir/"
  std::error_code error;
  if (path_.has_parent_path()) fs::create_directories(path_.parent_path(), error);
  if (error) throw Error("cannot make folder " + path_.parent_path().string() + ": " + error.message());
  path_ += ".lock";
  for (;;) {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file_ < 0) throw Error(with_errno("cannot write " + path_.string(), errno));
    if (::flock(file_, LOCK_EX | LOCK_NB) == 0) {
      held_ = is_at(file_, path_);
      if (held_) break;
    } else if (errno == EWOULDBLOCK) {
      const std::string holder = printable(first_line(file_));
      ::close(std::exchange(file_, -1));
      return holder.empty() ? "another process" : holder;
    } else {
      break;  // no locks here
    }
    ::close(std::exchange(file_, -1));
  }
  set_owner("");
  return "";
}

FolderLock::FolderLock(const fs::path& folder) {
  if (const std::string holder = hold(folder); !holder.empty())
    throw UsageError(holder + " writes into '" + printable(folder.string()) +
                     "'; wait for it, stop it, or choose another folder");
}

std::unique_ptr<FolderLock> FolderLock::try_lock(const fs::path& folder) {
  std::unique_ptr<FolderLock> lock(new FolderLock);
  if (!lock->hold(folder).empty()) return nullptr;
  return lock;
}

FolderLock::~FolderLock() {
  if (file_ < 0) return;
  if (held_) ::unlink(path_.c_str());  // before another can hold it
  ::close(file_);
}

void FolderLock::set_owner(const std::string& owner) {
  const std::string process = "process " + std::to_string(::getpid());
  const std::string line = (owner.empty() ? process : owner + " (" + process + ")") + "\n";
  // A message for people: if it cannot be written, the lock holds all the same.
  [[maybe_unused]] const bool written =
      ::ftruncate(file_, 0) == 0 && ::pwrite(file_, line.data(), line.size(), 0) == static_cast<ssize_t>(line.size());
}

}  // namespace frontier
