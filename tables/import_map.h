#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace frontier {

/// Texts that say how something was measured are stored, printed and typed as filters: at most so many bytes.
inline constexpr std::size_t kLongestText = 200;

/// A column of the table, and which key of the map asks for it.
struct ColumnName {
  std::string name = {};
  std::string key = {};  ///< "results[0].metrics.top1", for messages
};

/// A text that is the same for every row, or a column's.
struct MappedText {
  std::string constant = {};
  std::optional<ColumnName> column = {};
};

/// A column of numbers and what they are multiplied by.
struct MappedNumber {
  ColumnName column = {};
  double scale = 1;
};

/// One evaluation a row: how it was measured and its numbers.
struct MappedResult {
  std::string key = {};  ///< "results[0]"
  MappedText dataset = {}, split = {}, fidelity = {}, calibration = {};
  MappedText seed = {.constant = "0"};    ///< a whole number
  std::optional<std::string> input = {};  ///< what the networks are built for, where it is not what the caller says
  std::optional<std::int64_t> classes = {};
  std::map<std::string, MappedNumber> metrics = {};
  std::optional<MappedNumber> seconds = {};
};

/// Which columns of a benchmark's table mean what (docs/import.md).
struct ImportMap {
  /// The architecture's notation: texts and, after each but the last, a column; one column alone has two empty texts.
  std::vector<std::string> arch_texts = {};
  std::vector<ColumnName> arch_columns = {};
  std::optional<ColumnName> join_on = {};
  std::vector<std::string> missing = {};  ///< what a cell says, beside nothing, where there is no number
  std::vector<MappedResult> results = {};
};

/// @param name of the map's file, for messages.
/// @throws UsageError naming the key that is unknown, missing or wrong, and what is allowed.
ImportMap read_import_map(const nlohmann::json& json, std::string_view name);

}  // namespace frontier
