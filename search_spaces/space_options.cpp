#include "search_spaces/space_options.h"

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::size_t kLongest = 1000;

SpaceRequest from_json(std::string_view text) {
  SpaceRequest request{"", parse_json(text, "space")};
  const auto name = request.options.find("name");
  if (name == request.options.end() || !name->is_string())
    throw UsageError("space must have a name, e.g. {\"name\": \"darts\", \"cells\": 8}");
  request.name = name->get<std::string>();
  request.options.erase("name");
  return request;
}

[[noreturn]] void refuse(std::string_view text) {
  throw UsageError("space '" + printable(text) +
                   "': write a name, a name with options as in darts(cells=8,search=true), or a JSON object");
}

nlohmann::json value_of(const std::string& text) {
  const nlohmann::json value = parse_json_or_discard(text);
  return value.is_boolean() || value.is_number() ? value : nlohmann::json(text);
}

}  // namespace

SpaceRequest parse_space(std::string_view text) {
  text = trim(text);
  if (text.size() > kLongest)
    throw UsageError("space: the text is longer than " + std::to_string(kLongest) + " characters");
  if (text.starts_with('{')) return from_json(text);
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos) return {std::string(text)};
  if (open == 0 || !text.ends_with(')')) refuse(text);
  SpaceRequest request{std::string(text.substr(0, open))};
  for (const std::string& option : split(text.substr(open + 1, text.size() - open - 2), ',')) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos) refuse(text);
    const std::string key(trim(std::string_view(option).substr(0, equals)));
    const std::string value(trim(std::string_view(option).substr(equals + 1)));
    if (key.empty() || value.empty() || request.options.contains(key)) refuse(text);
    request.options[key] = value_of(value);
  }
  return request;
}

std::string space_text(std::string_view name, const nlohmann::json& values, const nlohmann::json& defaults) {
  std::string options;
  for (const auto& [key, value] : values.items())
    if (value != defaults.at(key))
      options +=
          (options.empty() ? "" : ",") + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  return std::string(name) + (options.empty() ? "" : "(" + options + ")");
}

}  // namespace frontier
