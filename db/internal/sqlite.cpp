#include "db/internal/sqlite.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <thread>

#include "common/data_file.h"
#include "common/text.h"
#include "db/errors.h"

namespace frontier::sqlite {
namespace {

namespace fs = std::filesystem;

constexpr auto kPause = std::chrono::microseconds(500);

/// SQLite's own handler waits longer each time, so under many writers an unlucky one starves; equal short pauses do
/// not. @param wait how long in all, std::chrono::milliseconds.
int wait_for_others(void* wait, int times) {
  if (times * kPause >= *static_cast<const std::chrono::milliseconds*>(wait)) return 0;
  std::this_thread::sleep_for(kPause);
  return 1;
}

/// A database that another process has not left open can be read where no file can be made beside it.
bool readable_as_it_lies(const fs::path& path) {
  std::error_code ignored;
  fs::path log = path;
  log += "-wal";
  return fs::exists(path, ignored) && (!fs::exists(log, ignored) || fs::file_size(log, ignored) == 0);
}

std::string immutable_uri(const fs::path& path) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    if (c == '%' || c == '?' || c == '#') {
      uri += {'%', kDigits[c >> 4], kDigits[c & 15]};
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

/// @param wait must outlive the handle.
Handle open(const fs::path& path, Access access, std::chrono::milliseconds& wait) {
  const auto open_as = [&](const std::string& name, int flags) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(name.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    Handle handle(raw);
    if (handle == nullptr) throw std::bad_alloc();
    if (code == SQLITE_OK) {
      sqlite3_extended_result_codes(raw, 1);
      sqlite3_busy_handler(raw, wait_for_others, &wait);
    }
    return std::pair(std::move(handle), code);
  };
  // An absolute path is never taken for a URI or for one of SQLite's special names.
  const std::string name = fs::absolute(path).string();
  auto [handle, code] = open_as(name, SQLITE_OPEN_READWRITE | (access == Access::kCreate ? SQLITE_OPEN_CREATE : 0));
  if (code == SQLITE_OK && access == Access::kRead) {
    code = sqlite3_exec(handle.get(), "SELECT 1 FROM sqlite_master", nullptr, nullptr, nullptr);
    const int primary = code & 0xff;
    if ((primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY) && readable_as_it_lies(path))
      std::tie(handle, code) = open_as(immutable_uri(fs::absolute(path)), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  }
  if ((code & 0xff) == SQLITE_CANTOPEN) {
    int reason = sqlite3_system_errno(handle.get());
    const fs::path folder = fs::absolute(path).parent_path();
    if (reason == ENOENT && ::access(folder.c_str(), W_OK) != 0)
      reason = errno;  // SQLite's last try was without making it
    throw UsageError(reason != 0 ? with_errno("cannot open database " + path.string(), reason)
                                 : "cannot open database " + path.string() + ": no file can be made or read there");
  }
  return std::move(handle);
}

/// Device and inode; 0 where there is none.
std::pair<std::uint64_t, std::uint64_t> file_at(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? std::pair<std::uint64_t, std::uint64_t>(status.st_dev, status.st_ino)
                                            : std::pair<std::uint64_t, std::uint64_t>();
}

}  // namespace

void Query::bind(int index, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, index, value); code != SQLITE_OK) db_->fail(code);
}

void Query::bind(int index, double value) {
  if (const int code = sqlite3_bind_double(statement_, index, value); code != SQLITE_OK) db_->fail(code);
}

void Query::bind(int index, std::string_view value) {
  const char* data = value.empty() ? "" : value.data();  // a null pointer would bind NULL
  const int code = sqlite3_bind_text64(statement_, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) db_->fail(code);
}

void Query::bind(int index, Blob value) {
  const char* data = value.bytes.empty() ? "" : value.bytes.data();
  const int code = sqlite3_bind_blob64(statement_, index, data, value.bytes.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) db_->fail(code);
}

void Query::bind(int index, const std::optional<std::int64_t>& value) {
  if (value) bind(index, *value);  // else NULL, as every parameter starts
}

void Query::bind_value(int index, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    bind(index, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    bind(index, *real);
  } else {
    bind(index, std::string_view(std::get<std::string>(value)));
  }
}

bool Query::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) db_->fail(code);
  return code == SQLITE_ROW;
}

std::string Query::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::string Query::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return bytes == nullptr ? std::string()
                          : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

Database::Database(const fs::path& path, Access access)
    : path_(path), place_(fs::absolute(path)), handle_(open(path, access, wait_)) {
  file_ = file_at(place_);
  exec("PRAGMA foreign_keys = ON");
  exec("PRAGMA cache_size = -65536");  // KiB; the keys of a million architectures do not fit into the usual 2 MiB
  if (access == Access::kRead) {
    exec("PRAGMA query_only = ON");
    exec("PRAGMA trusted_schema = OFF");    // writers need json_valid(), which SQLite counts among what may do harm
    exec("PRAGMA mmap_size = 2147418112");  // the system then reads ahead: a cold front takes half the time
  }
}

void Database::require_in_place() const {
  const auto now = file_at(place_);
  if (now == file_) return;
  throw DatabaseError("database " + path_.string() + " was " +
                      (now.second == 0 ? "deleted" : "replaced by another file") +
                      " while it was in use; what was stored since it was opened is lost");
}

void Database::exec(const std::string& sql) {
  if (const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
    fail(code);
}

Query Database::query(std::string_view sql, const std::vector<Value>& values) {
  Query result(*this, prepared(sql));
  for (std::size_t i = 0; i < values.size(); ++i) result.bind_value(static_cast<int>(i) + 1, values[i]);
  return result;
}

void Database::use_write_ahead_log() {
  // SQLite does not ask the busy handler when it changes the mode.
  for (int times = 0;; ++times) {
    const int code = sqlite3_exec(handle_.get(), "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) break;
    if ((code & 0xff) != SQLITE_BUSY || wait_for_others(&wait_, times) == 0) fail(code);
  }
  // A commit then survives a killed process without waiting for the disk; a power failure may cost the last commits,
  // never the database.
  exec("PRAGMA synchronous = NORMAL");
}

sqlite3_stmt* Database::prepared(std::string_view sql) {
  Statement& statement = statements_[std::string(sql)];
  if (statement == nullptr) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (code != SQLITE_OK) fail(code);
    statement.reset(raw);
  }
  assert(sqlite3_stmt_busy(statement.get()) == 0);
  return statement.get();
}

namespace {

/// ", but a web page (HTML); ..." where it is known what stands in place of a database.
std::string in_its_place(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string start(512, '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(in.gcount()));
  const auto other = stand_in(start);
  return other ? ", but " + *other : "";
}

}  // namespace

void Database::fail(int code) const {
  const std::string file = path_.string();
  const int reason = sqlite3_system_errno(handle_.get());
  switch (code & 0xff) {
    case SQLITE_NOTADB: throw UsageError(file + " is not a SQLite database" + in_its_place(path_));
    case SQLITE_CORRUPT:
      throw DatabaseError(file + " is damaged (" + sqlite3_errmsg(handle_.get()) +
                          "); restore a copy, or save what is left with: sqlite3 '" + file + "' .recover");
    case SQLITE_FULL: throw DatabaseError(with_errno("cannot write database " + file, ENOSPC));
    case SQLITE_READONLY: throw DatabaseError("cannot write database " + file + ": it or its folder is read-only");
    case SQLITE_CANTOPEN:
      throw DatabaseError(reason != 0 ? with_errno("cannot open database " + file, reason)
                                      : "cannot open database " + file);
    case SQLITE_BUSY:
      throw DatabaseBusy("database " + file + " has been in use by another program for " +
                         format_seconds(std::chrono::duration<double>(wait_).count()) +
                         "; try again when that is done");
    case SQLITE_IOERR:
      if (reason != 0) throw DatabaseError(with_errno("cannot read or write database " + file, reason));
      break;
    case SQLITE_NOMEM: throw std::bad_alloc();
    default: break;
  }
  throw DatabaseError("database " + file + ": " + sqlite3_errmsg(handle_.get()));
}

Transaction::Transaction(Database& db) : db_(db), outermost_(!db.in_transaction()) {
  db_.query(outermost_ ? "BEGIN IMMEDIATE" : "SAVEPOINT inner_step").run();
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    if (!outermost_) db_.query("ROLLBACK TO inner_step").run();
    db_.query(outermost_ ? "ROLLBACK" : "RELEASE inner_step").run();
  } catch (const std::exception&) {  // SQLite has already rolled back, e.g. on a full disk
  }
}

void Transaction::commit() {
  db_.query(outermost_ ? "COMMIT" : "RELEASE inner_step").run();
  open_ = false;
  if (outermost_) db_.require_in_place();
}

}  // namespace frontier::sqlite
