#pragma once

#include <memory>
#include <string>

#include "common/csv.h"

namespace frontier {

/// A table's file.
struct TableSource {
  std::string name;
  ByteSource bytes;
};

/// The rows of a table: CSV (common/csv.h), or, where the first character is [ or {, JSON: an array of objects, one a
/// row, or an object of columns, each an array, or an object with a key a row. A column that a row lacks, and null, are
/// empty cells. JSON is held in memory, 1 GiB of text at most; rows are counted from 1.
/// @throws UsageError naming the place of what is wrong.
std::unique_ptr<RowReader> open_table(TableSource source);

}  // namespace frontier
