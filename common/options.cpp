#include "common/options.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::size_t kDeepest = 100;  // levels of JSON; copying, comparing and printing values recurse

/// Where the text nests deeper than that, else npos.
std::size_t too_deep_at(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return i;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return std::string_view::npos;
}

/// "line 3, column 15".
std::string place_in(std::string_view text, std::size_t position) {
  const auto before = text.substr(0, position);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto newline = before.rfind('\n');
  const auto column = 1 + (newline == std::string_view::npos ? position : position - newline - 1);
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

std::string shown(const nlohmann::json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) return std::to_string(value.get<double>());
  return printable(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 60);
}

/// Whether it is a whole number, written with or without a fraction of 0, that std::int64_t holds.
bool is_int64(const nlohmann::json& value) {
  if (value.is_number_unsigned())
    return value.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  if (!value.is_number_float()) return value.is_number_integer();
  const double x = value.get<double>();
  return x == std::floor(x) && x >= -0x1p63 && x < 0x1p63;  // 2^63 is a double, the largest that fits is not
}

struct RepeatedKey {
  std::string key;
};

/// A parser's callback: of two equal keys the library would keep the last without a word. @throws RepeatedKey.
class RefuseRepeatedKeys {
 public:
  bool operator()(int /*depth*/, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(parsed.get<std::string>()).second)
      throw RepeatedKey{parsed.get<std::string>()};
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;  // of the objects around the place that is read
};

/// Behind the first key that its object has already: of a stream the library tells how far it has read.
std::size_t end_of_repeated_key(std::string_view text) {
  std::istringstream in{std::string(text)};
  try {
    [[maybe_unused]] const auto value = nlohmann::json::parse(in, RefuseRepeatedKeys());
  } catch (const RepeatedKey&) {
  }
  return in.tellg() < 0 ? text.size() : static_cast<std::size_t>(in.tellg());
}

/// Reads JSON up to the number that is too large for a double, which the library's exception does not place.
struct TooLargeNumber : nlohmann::json_sax<nlohmann::json> {
  std::size_t position = 0;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t end, const std::string& token, const nlohmann::json::exception&) override {
    position = end - std::min(end, token.size());
    return false;
  }
};

}  // namespace

std::string plain_number(const nlohmann::json& number) {
  if (!number.is_number_float()) return number.dump();
  const double value = number.get<double>();
  if (value == std::floor(value) && std::abs(value) < 1e15) return std::to_string(static_cast<std::int64_t>(value));
  return number.dump();
}

OptionsReader::OptionsReader(const nlohmann::json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (!object_.is_object())
    throw UsageError((path_.empty() ? "configuration" : path_) + " must be a JSON object, not " + shown(object_));
}

std::string OptionsReader::where(const char* key) const { return path_.empty() ? key : path_ + "." + key; }

const nlohmann::json* OptionsReader::find(const char* key) {
  known_.emplace_back(key);
  const auto it = object_.find(key);
  return it == object_.end() ? nullptr : &*it;
}

void OptionsReader::wrong_type(const char* key, const char* wanted, const nlohmann::json& seen) const {
  throw UsageError(where(key) + " must be " + wanted + ", not " + shown(seen));
}

void OptionsReader::operator()(const char* key, bool& value, const char* /*meaning*/) {
  const auto* found = find(key);
  if (found == nullptr) return;
  if (!found->is_boolean()) wrong_type(key, "true or false", *found);
  value = found->get<bool>();
}

void OptionsReader::operator()(const char* key, std::string& value, const char* /*meaning*/) {
  const auto* found = find(key);
  if (found == nullptr) return;
  if (!found->is_string() && !found->is_structured())  // "--set sampler.arch=22212220"
    throw UsageError(where(key) + " must be a string, not " + shown(*found) + "; as text it is written \"" +
                     shown(*found) + "\", with the quotes (--set '" + where(key) + "=\"" + shown(*found) + "\"')");
  if (!found->is_string()) wrong_type(key, "a string", *found);
  value = found->get<std::string>();
}

void OptionsReader::operator()(const char* key, std::string& value, const std::vector<std::string>& allowed,
                               const char* /*meaning*/) {
  std::string candidate = value;
  (*this)(key, candidate);
  if (std::find(allowed.begin(), allowed.end(), candidate) == allowed.end())
    throw UsageError(where(key) + ": " + unknown_name("value", candidate, allowed));
  value = candidate;
}

void OptionsReader::operator()(const char* key, std::vector<std::int64_t>& value, const char* /*meaning*/) {
  const auto* found = find(key);
  if (found == nullptr) return;
  const auto is_integer = [](const nlohmann::json& item) { return item.is_number_integer() && is_int64(item); };
  if (!found->is_array() || !std::all_of(found->begin(), found->end(), is_integer))
    wrong_type(key, "a list of whole numbers", *found);
  value = found->get<std::vector<std::int64_t>>();
}

void OptionsReader::operator()(const char* key, std::vector<double>& value, const char* /*meaning*/) {
  const auto* found = find(key);
  if (found == nullptr) return;
  if (!found->is_array() ||
      !std::all_of(found->begin(), found->end(), [](const auto& item) { return item.is_number(); }))
    wrong_type(key, "a list of numbers", *found);
  value = found->get<std::vector<double>>();
}

void OptionsReader::operator()(const char* key, std::vector<std::string>& value, const char* /*meaning*/) {
  const auto* found = find(key);
  if (found == nullptr) return;
  const auto is_string = [](const nlohmann::json& item) { return item.is_string(); };
  if (!found->is_array() || !std::all_of(found->begin(), found->end(), is_string))
    wrong_type(key, "a list of strings", *found);
  value = found->get<std::vector<std::string>>();
}

void OptionsReader::operator()(const char* key, nlohmann::json& value, const char* /*meaning*/) {
  if (const auto* found = find(key)) value = *found;
}

void OptionsReader::operator()(const char* key, std::optional<std::string>& value, const char* /*meaning*/) {
  if (find(key) != nullptr) (*this)(key, value.emplace());
}

void OptionsReader::operator()(const char* key, std::optional<std::int64_t>& value, std::int64_t smallest,
                               std::int64_t largest, const char* /*meaning*/) {
  if (const auto* found = find(key)) value = integer(key, *found, smallest, largest);
}

double OptionsReader::number(const char* key, const nlohmann::json& value, double smallest, double largest) const {
  if (!value.is_number()) wrong_type(key, "a number", value);
  const double x = value.get<double>();
  if (!(x >= smallest && x <= largest))
    throw UsageError(where(key) + " = " + shown(value) + " is out of range; allowed: " + plain_number(smallest) +
                     " to " + plain_number(largest));
  return x;
}

std::int64_t OptionsReader::integer(const char* key, const nlohmann::json& value, std::int64_t smallest,
                                    std::int64_t largest) const {
  const bool whole =
      value.is_number_integer() || (value.is_number_float() && value.get<double>() == std::floor(value.get<double>()));
  if (!whole) wrong_type(key, "a whole number", value);
  // Asked first: what 64 bits do not hold would wrap.
  const std::int64_t x = is_int64(value) ? value.get<std::int64_t>() : 0;
  if (!is_int64(value) || x < smallest || x > largest)
    throw UsageError(where(key) + " = " + shown(value) + " is out of range; allowed: " + std::to_string(smallest) +
                     " to " + std::to_string(largest));
  return x;
}

void OptionsReader::finish() const {
  for (const auto& [key, value] : object_.items()) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end())
      throw UsageError(unknown_name(path_.empty() ? "setting" : path_ + " setting", key, known_));
  }
}

nlohmann::json parse_json(std::string_view text, std::string_view source) {
  const std::string name = printable(source, 1000);
  const std::size_t deep = too_deep_at(text);
  const auto too_deep = [&] {
    return UsageError(name + " nests deeper than " + std::to_string(kDeepest) + " levels at " + place_in(text, deep));
  };
  try {
    nlohmann::json value = nlohmann::json::parse(text, RefuseRepeatedKeys());
    if (deep != std::string_view::npos) throw too_deep();
    return value;
  } catch (const RepeatedKey& repeated) {
    const std::size_t position = end_of_repeated_key(text);
    if (deep < position) throw too_deep();
    throw UsageError(name + " has the key '" + printable(repeated.key) +
                     "' twice in one object: " + place_in(text, position) + "; keep one of them");
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t position = std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
    if (deep < position) throw too_deep();
    throw UsageError(name + " is not valid JSON: " + place_in(text, position) +
                     (position >= text.size() ? ": the text ends too early"
                                              : " near '" + printable(text.substr(position, 20)) + "'"));
  } catch (const nlohmann::json::out_of_range&) {
    TooLargeNumber number;
    nlohmann::json::sax_parse(text, &number);
    if (deep < number.position) throw too_deep();
    const std::string_view seen =
        text.substr(number.position, text.find_first_of(" \t\r\n,]}", number.position) - number.position);
    throw UsageError(name + " holds a number that is too large: " + place_in(text, number.position) + ": " +
                     printable(seen, 40));
  }
}

nlohmann::json parse_json_or_discard(std::string_view text) {
  if (too_deep_at(text) != std::string_view::npos) return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(text, nullptr, false);
}

void set_option(nlohmann::json& config, std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    throw UsageError("--set '" + printable(assignment) + "': write it as name.of.setting=value");
  const std::string text(assignment.substr(equals + 1));
  const auto path = split(assignment.substr(0, equals), '.');
  if (path.size() > kDeepest || too_deep_at(text) != std::string::npos)
    throw UsageError("--set '" + printable(assignment) + "' nests deeper than " + std::to_string(kDeepest) + " levels");
  nlohmann::json value = parse_json_or_discard(text);
  if (value.is_discarded()) value = text;
  nlohmann::json* place = &config;
  for (const auto& key : path) {
    if (key.empty() || (!place->is_object() && !place->is_null()))
      throw UsageError("--set '" + printable(assignment) + "': the path does not lead to a setting");
    place = &(*place)[key];
  }
  *place = value;
}

}  // namespace frontier
