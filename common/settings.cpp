#include "common/settings.h"

#include <algorithm>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

/// "a, b or c".
std::string alternatives(const std::vector<std::string>& names) {
  if (names.size() < 2) return join(names);
  return join(std::span(names).first(names.size() - 1)) + " or " + names.back();
}

/// Adds the settings of one part; what another part has alike is only said to belong to both.
void add_part(std::vector<Setting>& all, const NamedOptions& part, const std::string& path) {
  for (Setting setting : part.settings) {
    setting.name = path + "." + setting.name;
    setting.only_with = path + ".name";
    const auto same = [&](const Setting& other) {
      return other.name == setting.name && other.only_with == setting.only_with && other.kind == setting.kind &&
             other.smallest == setting.smallest && other.largest == setting.largest &&
             other.choices == setting.choices && other.default_value == setting.default_value &&
             other.meaning == setting.meaning;
    };
    auto found = std::find_if(all.begin(), all.end(), same);
    if (found == all.end()) found = all.insert(all.end(), setting);
    found->values.push_back(part.name);
  }
}

}  // namespace

std::string allowed_text(const Setting& setting) {
  if (!setting.choices.empty()) return alternatives(setting.choices);
  if (setting.smallest.is_null()) return setting.kind;
  return setting.kind + ", " + plain_number(setting.smallest) + " to " + plain_number(setting.largest);
}

nlohmann::ordered_json to_json(const Setting& setting) {
  nlohmann::ordered_json json = {{"name", setting.name}, {"kind", setting.kind}};
  if (!setting.smallest.is_null()) {
    json["min"] = setting.smallest;
    json["max"] = setting.largest;
  }
  if (!setting.choices.empty()) json["choices"] = setting.choices;
  json["default"] = setting.default_value;
  json["meaning"] = setting.meaning;
  if (!setting.only_with.empty()) json["with"] = {{"name", setting.only_with}, {"values", setting.values}};
  return json;
}

std::vector<Setting> with_named(std::vector<Setting> settings, const std::string& path,
                                const std::vector<NamedOptions>& named) {
  const auto place =
      std::find_if(settings.begin(), settings.end(), [&](const Setting& setting) { return setting.name == path; });
  if (place == settings.end()) throw Error("there is no setting '" + path + "'");
  std::vector<Setting> parts{*place};
  Setting& name = parts.front();
  name.name = path + ".name";
  name.kind = "text";
  if (name.default_value.is_object()) name.default_value = name.default_value.at("name");
  for (const NamedOptions& part : named) name.choices.push_back(part.name);
  for (const NamedOptions& part : named) add_part(parts, part, path);
  const auto behind = settings.erase(place);
  settings.insert(behind, parts.begin(), parts.end());
  return settings;
}

}  // namespace frontier
