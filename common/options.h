#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace frontier {

/// Strict two-way mapping between a JSON object and an options struct. A struct is made readable by one function
///
///     struct TrainerOptions { double lr = 0.1; int batch_size = 128; };
///     template <class Fields> void describe(Fields& f, TrainerOptions& o) {
///       // key, field, smallest and largest allowed value, and what it means: a sentence for the user
///       f("lr", o.lr, 0.0, 10.0, "Peak learning rate.");
///       f("batch_size", o.batch_size, 1, 65536, "Images a step.");
///     }
///
/// after which `read_options(json, "trainer", options)` overwrites the fields that are present, refusing unknown keys
/// (naming the nearest known one), wrong types, non-finite numbers and values out of range, `write_options(options)`
/// gives the resolved object, and `list_options("trainer", options)` (common/settings.h) what there is to set. Strings
/// take a list of allowed values instead of a range; nested structs are described alike; an optional field is left out
/// where it has no value. Only what no user sets goes without a sentence.
class OptionsReader {
 public:
  /// @param path prefix for messages, e.g. "trainer".  @throws UsageError if `object` is not a JSON object.
  OptionsReader(const nlohmann::json& object, std::string path);

  void operator()(const char* key, bool& value, const char* meaning = "");
  void operator()(const char* key, std::string& value, const char* meaning = "");
  void operator()(const char* key, std::string& value, const std::vector<std::string>& allowed,
                  const char* meaning = "");
  void operator()(const char* key, std::vector<std::int64_t>& value, const char* meaning = "");
  void operator()(const char* key, std::vector<double>& value, const char* meaning = "");
  void operator()(const char* key, std::vector<std::string>& value, const char* meaning = "");
  void operator()(const char* key, nlohmann::json& value, const char* meaning = "");
  void operator()(const char* key, std::optional<std::string>& value, const char* meaning = "");
  void operator()(const char* key, std::optional<std::int64_t>& value, std::int64_t smallest, std::int64_t largest,
                  const char* meaning = "");

  template <class T>
  requires std::is_arithmetic_v<T>
  void operator()(const char* key, T& value, std::type_identity_t<T> smallest, std::type_identity_t<T> largest,
                  const char* /*meaning*/ = "") {
    const nlohmann::json* found = find(key);
    if (found == nullptr) return;
    if constexpr (std::is_floating_point_v<T>) {
      value = static_cast<T>(number(key, *found, static_cast<double>(smallest), static_cast<double>(largest)));
    } else {
      value =
          static_cast<T>(integer(key, *found, static_cast<std::int64_t>(smallest), static_cast<std::int64_t>(largest)));
    }
  }

  template <class T>
  requires(std::is_class_v<T> && !std::is_same_v<T, std::string> && !std::is_same_v<T, nlohmann::json>) void operator()(
      const char* key, T& value, const char* /*meaning*/ = "") {
    const nlohmann::json* found = find(key);
    if (found == nullptr) return;
    OptionsReader nested(*found, where(key));
    describe(nested, value);
    nested.finish();
  }

  /// @throws UsageError if the object has a key that no field asked for.
  void finish() const;

 private:
  const nlohmann::json* find(const char* key);
  std::string where(const char* key) const;
  double number(const char* key, const nlohmann::json& value, double smallest, double largest) const;
  std::int64_t integer(const char* key, const nlohmann::json& value, std::int64_t smallest, std::int64_t largest) const;
  [[noreturn]] void wrong_type(const char* key, const char* wanted, const nlohmann::json& seen) const;

  const nlohmann::json& object_;
  std::string path_;
  std::vector<std::string> known_;
};

/// The same visitor, the other way round.
class OptionsWriter {
 public:
  template <class T, class... Limits>
  void operator()(const char* key, T& value, const Limits&...) {
    if constexpr (std::is_class_v<T> && !std::is_constructible_v<nlohmann::json, T>) {
      OptionsWriter nested;
      describe(nested, value);
      object[key] = nested.object;
    } else {
      object[key] = value;
    }
  }
  void operator()(const char* key, std::string& value, const std::vector<std::string>&, const char* = "") {
    object[key] = value;
  }
  void operator()(const char* key, std::optional<std::string>& value, const char* = "") {
    if (value) object[key] = *value;
  }
  void operator()(const char* key, std::optional<std::int64_t>& value, std::int64_t, std::int64_t, const char* = "") {
    if (value) object[key] = *value;
  }

  nlohmann::json object = nlohmann::json::object();
};

template <class Options>
void read_options(const nlohmann::json& object, std::string path, Options& options) {
  OptionsReader reader(object, std::move(path));
  describe(reader, options);
  reader.finish();
}

template <class Options>
nlohmann::json write_options(Options options) {
  OptionsWriter writer;
  describe(writer, options);
  return writer.object;
}

/// A number as people write it: without a fraction of 0.
std::string plain_number(const nlohmann::json& number);

/// Parses JSON text. @throws UsageError with `source`, line and column where it is malformed.
nlohmann::json parse_json(std::string_view text, std::string_view source);

/// Parses JSON text that is shown or compared, not obeyed: discarded (is_discarded()) where it is malformed or nests
/// too deep.
nlohmann::json parse_json_or_discard(std::string_view text);

/// Sets one value by its dotted path, making objects on the way: `--set trainer.lr=0.1`. The value is JSON where it
/// parses as JSON, else a string. @throws UsageError if `assignment` has no '=' or passes through something that is no
/// object.
void set_option(nlohmann::json& config, std::string_view assignment);

}  // namespace frontier
