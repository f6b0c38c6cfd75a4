#pragma once

#include <sqlite3.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "db/store.h"

namespace frontier {

inline const Protocol kSampleProtocol = {"supernet",     "0123abcd", "fashion_mnist", "search", "10000 images",
                                         "recalibrated", 0};

/// A made-up evaluation of network `key`.
inline Evaluation sample(const std::string& key, double top1 = 0.9, std::int64_t macs = 1000000) {
  Evaluation e;
  e.architecture = {"toy", key, "1x28x28/10", "arch-" + key, macs, macs / 10};
  e.protocol = kSampleProtocol;
  e.metrics = {{"top1", top1}, {"loss", 1 - top1}};
  e.seconds = 0.5;
  return e;
}

inline std::int64_t add(Store& store, const Evaluation& evaluation) { return store.record({&evaluation, 1}).front(); }

/// The rows of a query as a plain SQLite client sees them, cells joined by '|'.
inline std::vector<std::string> rows_of(const std::string& file, const std::string& sql) {
  sqlite3* db = nullptr;
  sqlite3_open(file.c_str(), &db);
  sqlite3_busy_timeout(db, 10000);
  std::vector<std::string> rows;
  const auto take = [](void* out, int n, char** cells, char**) {
    std::string row;
    for (int i = 0; i < n; ++i) row += std::string(i == 0 ? "" : "|") + (cells[i] == nullptr ? "NULL" : cells[i]);
    static_cast<std::vector<std::string>*>(out)->push_back(row);
    return 0;
  };
  char* error = nullptr;
  const int code = sqlite3_exec(db, sql.c_str(), take, &rows, &error);
  const std::string message = error == nullptr ? "" : error;
  sqlite3_free(error);
  sqlite3_close(db);
  if (code != SQLITE_OK) throw std::runtime_error(message);
  return rows;
}

inline std::string cell_of(const std::string& file, const std::string& sql) {
  const auto rows = rows_of(file, sql);
  return rows.empty() ? "" : rows.front();
}

}  // namespace frontier
