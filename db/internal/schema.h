#pragma once

#include <span>

#include "db/internal/sqlite.h"

namespace frontier {

/// "FRNT": marks a database as ours.
inline constexpr int kApplicationId = 0x46524e54;

/// migrations()[v] brings a database from schema version v to v + 1. Released steps are never edited: a change is a new
/// step.
std::span<const char* const> migrations();

/// Makes or updates the schema; each step is one transaction. Several processes may do so at once.
/// @throws UsageError if the database belongs to another program or its schema is newer than the steps.
void migrate(sqlite::Database& db, std::span<const char* const> steps);

/// For a reader: lays what an older schema lacks over it, in this connection alone.
/// @throws UsageError if the database is not ours, empty, newer than the steps, or older than can be read as it is.
void check_schema(sqlite::Database& db, std::span<const char* const> steps);

}  // namespace frontier
