#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "db/internal/sqlite.h"
#include "db/store.h"

namespace frontier {

struct Store::Impl {
  Impl(const std::filesystem::path& path, sqlite::Access access) : db(path, access) {}

  sqlite::Database db;

  std::int64_t space_id(std::string_view name, std::string_view built_for);
  std::optional<std::int64_t> known_space_id(std::string_view name, std::string_view built_for);
  std::int64_t architecture_id(const StoredArchitecture& architecture);
  std::int64_t protocol_id(const Protocol& protocol);
  std::optional<std::int64_t> known_protocol_id(const Protocol& protocol);
  std::int64_t metric_id(const std::string& name);

  /// The row of an evaluation, made where there was none.
  struct Place {
    std::int64_t id = 0;
    bool is_new = false;
    double seconds = 0;  ///< as stored
  };
  Place place_of(const Evaluation& evaluation);
  std::map<std::string, double> metrics_of(std::int64_t evaluation);
  [[noreturn]] void refuse(const Evaluation& evaluation, const std::string& name, double stored, double value);

  /// @param id of the evaluation, where it is wanted; may be null.
  Recorded record(const Evaluation& evaluation, std::int64_t* id);
  Recorded record_agreeing(const Evaluation& evaluation);
  Result result(std::int64_t id);
  std::optional<Result> find(std::int64_t space, std::string_view canonical, std::int64_t protocol);
  void require_run(std::int64_t id);
};

}  // namespace frontier
