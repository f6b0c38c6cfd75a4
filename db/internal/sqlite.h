#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

/// SQLite with owned handles, bound values and one way of reporting errors.
namespace frontier::sqlite {

using Value = std::variant<std::int64_t, double, std::string>;

/// Bytes of any kind.
struct Blob {
  std::string_view bytes;
};

struct CloseDatabase {
  void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
};
using Handle = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

enum class Access { kRead, kWrite, kCreate };

class Database;

/// One use of a prepared statement; gives it back when it goes.
class Query {
 public:
  Query(Database& db, sqlite3_stmt* statement) : db_(&db), statement_(statement) {}
  ~Query() {
    if (statement_ == nullptr) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Query(Query&& other) noexcept : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)) {}
  Query& operator=(Query&&) = delete;

  void bind(int index, std::int64_t value);
  void bind(int index, double value);
  void bind(int index, std::string_view value);
  void bind(int index, Blob value);
  void bind(int index, const std::optional<std::int64_t>& value);
  void bind_value(int index, const Value& value);

  /// True while there is a row.
  bool step();
  void run() {
    while (step()) {
    }
  }

  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  double real(int column) const { return sqlite3_column_double(statement_, column); }
  std::string text(int column) const;
  std::string blob(int column) const;
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  Database* db_;
  sqlite3_stmt* statement_;
};

/// A connection. Waits for other writers (up to a minute, or set_wait()) instead of failing with "database is locked".
class Database {
 public:
  Database(const std::filesystem::path& path, Access access);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Statements without values.
  void exec(const std::string& sql);

  template <class... Values>
  Query query(std::string_view sql, const Values&... values) {
    Query result(*this, prepared(sql));
    int index = 0;
    (result.bind(++index, values), ...);
    return result;
  }
  Query query(std::string_view sql, const std::vector<Value>& values);

  std::int64_t last_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
  std::int64_t changes() const { return sqlite3_changes64(handle_.get()); }
  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
  /// Readers and a writer then do not wait for each other.
  void use_write_ahead_log();
  const std::filesystem::path& path() const { return path_; }
  /// How long to wait for others. @throws DatabaseBusy then.
  void set_wait(std::chrono::milliseconds wait) { wait_ = wait; }
  std::chrono::milliseconds wait() const { return wait_; }
  /// @throws DatabaseError if the file was deleted, or another one put in its place, since it was opened: what is
  /// committed then goes with it.
  void require_in_place() const;

  /// Throws what `code` means for the user.
  [[noreturn]] void fail(int code) const;

 private:
  sqlite3_stmt* prepared(std::string_view sql);

  std::filesystem::path path_;
  std::filesystem::path place_;                               ///< absolute: the process may change its folder
  std::pair<std::uint64_t, std::uint64_t> file_;              ///< device and inode
  std::chrono::milliseconds wait_ = std::chrono::minutes(1);  // before the handle, which looks at it
  Handle handle_;                                             // before the statements: they go first
  std::unordered_map<std::string, Statement> statements_;
};

/// Rolls back unless commit() was reached. Inside another one it is a savepoint.
class Transaction {
 public:
  explicit Transaction(Database& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& db_;
  bool outermost_;
  bool open_ = true;
};

}  // namespace frontier::sqlite
