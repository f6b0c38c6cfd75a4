#include "tables/import_map.h"

#include <algorithm>
#include <limits>

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"
#include "db/filter.h"

namespace frontier {
namespace {

class MapReader {
 public:
  explicit MapReader(std::string_view name) : name_(printable(name, 1000)) {}

  ImportMap read(const nlohmann::json& json) const {
    nlohmann::json arch, join, missing, results;
    std::string note;
    OptionsReader fields(json, name_);
    fields("arch", arch);
    fields("join", join);
    fields("missing", missing);
    fields("results", results);
    fields("note", note);
    fields.finish();
    ImportMap map;
    read_arch(arch, map);
    if (!join.is_null()) map.join_on = join_of(join);
    if (!missing.is_null()) map.missing = texts_of(missing, "missing");
    if (!results.is_array() || results.empty())
      fail("results", "must be a list of at least one {\"dataset\": ..., \"metrics\": {...}}", results);
    for (std::size_t i = 0; i < results.size(); ++i)
      map.results.push_back(result_of(results[i], "results[" + std::to_string(i) + "]"));
    refuse_repeated(map.results);
    return map;
  }

 private:
  std::string where(const std::string& key) const { return name_ + ": " + key; }

  [[noreturn]] void fail(const std::string& key, const std::string& what, const nlohmann::json& seen) const {
    const std::string text = seen.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    throw UsageError(where(key) + " " + what + (seen.is_null() ? "; it is missing" : ", not " + printable(text, 60)));
  }

  /// {"column": name} without anything else.
  ColumnName column_of(const nlohmann::json& json, const std::string& key) const {
    ColumnName column{.key = where(key)};
    OptionsReader fields(json, where(key));
    fields("column", column.name);
    fields.finish();
    if (column.name.empty()) fail(key + ".column", "must be the name of a column", json.value("column", json));
    return column;
  }

  void read_arch(const nlohmann::json& json, ImportMap& map) const {
    const std::string what =
        "must be the name of a column, or a text with columns in braces such as \"{adjacency}:{operations}\"";
    if (!json.is_object() && (!json.is_string() || json.get<std::string>().empty())) fail("arch", what, json);
    const std::string text = json.is_string() ? json.get<std::string>() : "";
    if (json.is_object() || text.find_first_of("{}") == std::string::npos) {
      map.arch_columns.push_back(json.is_object() ? column_of(json, "arch") : ColumnName{text, where("arch")});
      map.arch_texts.assign(2, "");
      return;
    }
    map.arch_texts.emplace_back();
    for (std::size_t at = 0; at < text.size(); ++at) {
      const char c = text[at];
      const bool doubled = at + 1 < text.size() && text[at + 1] == c;
      if ((c != '{' && c != '}') || doubled) {
        map.arch_texts.back() += c;
        if (c == '{' || c == '}') ++at;
        continue;
      }
      const std::size_t end = text.find_first_of("{}", at + 1);
      if (c == '}' || end == std::string::npos || text[end] != '}' || end == at + 1)
        throw UsageError(where("arch") + ": character " + std::to_string(at + 1) + " of '" + printable(text) +
                         "': a column is written {name}, and a brace that stands for itself is doubled");
      map.arch_columns.push_back({text.substr(at + 1, end - at - 1), where("arch")});
      map.arch_texts.emplace_back();
      at = end;
    }
    if (map.arch_columns.empty()) fail("arch", what, json);
  }

  ColumnName join_of(const nlohmann::json& json) const {
    ColumnName on{.key = where("join.on")};
    OptionsReader fields(json, where("join"));
    fields("on", on.name);
    fields.finish();
    if (on.name.empty())
      fail("join.on", "must be the name of a column that both tables have", json.value("on", nlohmann::json()));
    return on;
  }

  std::vector<std::string> texts_of(const nlohmann::json& json, const std::string& key) const {
    const auto is_text = [](const nlohmann::json& item) { return item.is_string(); };
    if (!json.is_array() || !std::all_of(json.begin(), json.end(), is_text)) fail(key, "must be a list of texts", json);
    return json.get<std::vector<std::string>>();
  }

  MappedText text_of(const nlohmann::json& json, const std::string& key) const {
    if (json.is_object()) return {.column = column_of(json, key)};
    if (!json.is_string()) fail(key, "must be a text or {\"column\": name}", json);
    const auto& text = json.get_ref<const std::string&>();
    if (printable(text, kLongestText) != text)
      fail(key, "must be at most " + std::to_string(kLongestText) + " bytes without control characters", json);
    return {.constant = json.get<std::string>()};
  }

  MappedText seed_of(const nlohmann::json& json, const std::string& key) const {
    if (json.is_object()) return {.column = column_of(json, key)};
    const bool fits = json.is_number_integer() &&
                      (!json.is_number_unsigned() ||
                       json.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()});
    if (!fits) fail(key, "must be a whole number or {\"column\": name}", json);
    return {.constant = std::to_string(json.get<std::int64_t>())};
  }

  MappedNumber number_of(const nlohmann::json& json, const std::string& key) const {
    MappedNumber number{.column = {.key = where(key)}};
    if (json.is_object()) {
      constexpr double kMost = std::numeric_limits<double>::max();
      OptionsReader fields(json, where(key));
      fields("column", number.column.name);
      fields("scale", number.scale, -kMost, kMost);
      fields.finish();
      if (number.scale == 0) fail(key + ".scale", "must not be 0", json["scale"]);
    } else if (json.is_string()) {
      number.column.name = json.get<std::string>();
    }
    if (number.column.name.empty())
      fail(key, "must be the name of a column or {\"column\": name, \"scale\": factor}", json);
    return number;
  }

  MappedResult result_of(const nlohmann::json& json, const std::string& key) const {
    MappedResult result{.key = where(key)};
    nlohmann::json dataset, split, fidelity, calibration, seed, metrics, seconds;
    std::string input;
    std::int64_t classes = 0;
    OptionsReader fields(json, where(key));
    fields("dataset", dataset);
    fields("split", split);
    fields("fidelity", fidelity);
    fields("calibration", calibration);
    fields("seed", seed);
    fields("metrics", metrics);
    fields("seconds", seconds);
    fields("input", input);
    fields("classes", classes, 2, 1'000'000);
    fields.finish();
    result.dataset = text_of(dataset, key + ".dataset");  // always said: a number without one compares with nothing
    if (!result.dataset.column && result.dataset.constant.empty()) fail(key + ".dataset", "must not be empty", dataset);
    if (!split.is_null()) result.split = text_of(split, key + ".split");
    if (!fidelity.is_null()) result.fidelity = text_of(fidelity, key + ".fidelity");
    if (!calibration.is_null()) result.calibration = text_of(calibration, key + ".calibration");
    if (!seed.is_null()) result.seed = seed_of(seed, key + ".seed");
    if (!seconds.is_null()) result.seconds = number_of(seconds, key + ".seconds");
    if (!input.empty()) result.input = input;
    if (classes != 0) result.classes = classes;
    if (!metrics.is_object() || metrics.empty())
      fail(key + ".metrics", "must be an object of at least one metric, like {\"top1\": \"column\"}", metrics);
    for (const auto& [metric, source] : metrics.items()) {
      try {
        check_metric_name(metric);
      } catch (const UsageError& error) {
        throw UsageError(where(key + ".metrics") + ": " + error.what());
      }
      result.metrics.emplace(metric, number_of(source, key + ".metrics." + metric));
    }
    return result;
  }

  /// Numbers of one row that would be averaged as if they had been measured twice.
  void refuse_repeated(const std::vector<MappedResult>& results) const {
    const auto same = [](const MappedText& a, const MappedText& b) {
      return a.constant == b.constant && a.column.has_value() == b.column.has_value() &&
             (!a.column || a.column->name == b.column->name);
    };
    for (std::size_t i = 0; i < results.size(); ++i)
      for (std::size_t k = 0; k < i; ++k) {
        const MappedResult &a = results[k], &b = results[i];
        if (!same(a.dataset, b.dataset) || !same(a.split, b.split) || !same(a.fidelity, b.fidelity) ||
            !same(a.calibration, b.calibration) || !same(a.seed, b.seed) || a.input != b.input ||
            a.classes != b.classes)
          continue;
        for (const auto& [metric, source] : b.metrics)
          if (a.metrics.contains(metric))
            throw UsageError(b.key + ".metrics." + metric + ": results[" + std::to_string(k) +
                             "] gives this metric under the same dataset, split, fidelity, calibration and seed; one "
                             "of them must differ");
      }
  }

  std::string name_;
};

}  // namespace

ImportMap read_import_map(const nlohmann::json& json, std::string_view name) { return MapReader(name).read(json); }

}  // namespace frontier
