#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/options.h"

namespace frontier {

/// One setting, as the description that reads it says (common/options.h).
struct Setting {
  std::string name;  ///< as --set takes it: "trainer.lr"
  std::string kind;  ///< "number", "whole number", "true or false", "text", "list of numbers", ..., "JSON"
  nlohmann::json smallest{}, largest{};  ///< of a number, both allowed; else null
  std::vector<std::string> choices{};    ///< of a text, those that are allowed; empty: any
  nlohmann::json default_value{};
  std::string meaning{};  ///< a sentence
  /// Where the setting is there with some values of another alone: its name, or an option's, and these values.
  std::string only_with{};
  std::vector<std::string> values{};
};

/// "number, 0 to 1000" or "sgd, adam or adamw".
std::string allowed_text(const Setting& setting);
/// {"name", "kind", "min" and "max", or "choices", "default", "meaning" and, where it is not always there, "with"}.
nlohmann::ordered_json to_json(const Setting& setting);

/// The visitor behind list_options().
class OptionsLister {
 public:
  explicit OptionsLister(std::string path) : path_(std::move(path)) {}

  template <class T>
  requires std::is_arithmetic_v<T>
  void operator()(const char* key, T& value, std::type_identity_t<T> smallest, std::type_identity_t<T> largest,
                  const char* meaning = "") {
    Setting& setting = add(key, std::is_integral_v<T> ? "whole number" : "number", value, meaning);
    setting.smallest = smallest;
    setting.largest = largest;
  }
  void operator()(const char* key, bool& value, const char* meaning = "") { add(key, "true or false", value, meaning); }
  void operator()(const char* key, std::string& value, const char* meaning = "") { add(key, "text", value, meaning); }
  void operator()(const char* key, std::string& value, const std::vector<std::string>& allowed,
                  const char* meaning = "") {
    add(key, "text", value, meaning).choices = allowed;
  }
  void operator()(const char* key, std::vector<std::int64_t>& value, const char* meaning = "") {
    add(key, "list of whole numbers", value, meaning);
  }
  void operator()(const char* key, std::vector<double>& value, const char* meaning = "") {
    add(key, "list of numbers", value, meaning);
  }
  void operator()(const char* key, std::vector<std::string>& value, const char* meaning = "") {
    add(key, "list of texts", value, meaning);
  }
  void operator()(const char* key, nlohmann::json& value, const char* meaning = "") {
    add(key, "JSON", value, meaning);
  }
  void operator()(const char* key, std::optional<std::string>& value, const char* meaning = "") {
    add(key, "text", value ? nlohmann::json(*value) : nlohmann::json(), meaning);
  }
  void operator()(const char* key, std::optional<std::int64_t>& value, std::int64_t smallest, std::int64_t largest,
                  const char* meaning = "") {
    Setting& setting = add(key, "whole number", value ? nlohmann::json(*value) : nlohmann::json(), meaning);
    setting.smallest = smallest;
    setting.largest = largest;
  }
  template <class T>
  requires(std::is_class_v<T> && !std::is_same_v<T, std::string> && !std::is_same_v<T, nlohmann::json>) void operator()(
      const char* key, T& value, const char* /*meaning*/ = "") {
    OptionsLister nested(where(key));
    describe(nested, value);
    for (Setting& setting : nested.settings) settings.push_back(std::move(setting));
  }

  std::vector<Setting> settings;

 private:
  std::string where(const char* key) const { return path_.empty() ? key : path_ + "." + key; }
  Setting& add(const char* key, const char* kind, const nlohmann::json& value, const char* meaning) {
    Setting& setting = settings.emplace_back();
    setting.name = where(key);
    setting.kind = kind;
    setting.default_value = value;
    setting.meaning = meaning;
    return setting;
  }

  std::string path_;
};

/// What there is to set, in the order of the description. @param path before the names: "trainer".
/// @param options with their defaults.
template <class Options>
std::vector<Setting> list_options(std::string path, Options options = {}) {
  OptionsLister lister(std::move(path));
  describe(lister, options);
  return std::move(lister.settings);
}

/// One of several parts that a name chooses (a sampler, say) and its settings, their names without a path.
struct NamedOptions {
  std::string name;
  std::vector<Setting> settings;
};

/// Puts `settings[path]`, whose kind is JSON, as what it may hold: "path.name" with the names as choices, then the
/// settings of every one of them, those that several share once. @throws Error if there is no such setting.
std::vector<Setting> with_named(std::vector<Setting> settings, const std::string& path,
                                const std::vector<NamedOptions>& named);

}  // namespace frontier
