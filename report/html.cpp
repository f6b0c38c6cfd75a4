#include "report/html.h"

#include <nlohmann/json.hpp>

#include "common/text.h"
#include "report/assets.h"

namespace frontier {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// Every malformed byte replaced.
std::string valid_utf8(std::string_view text) {
  using Json = nlohmann::json;
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

}  // namespace

std::string html(std::string_view text) {
  const std::string valid = valid_utf8(text);
  std::string escaped;
  for (std::size_t at = 0, size = 1; at < valid.size(); at += size) {
    const auto is_rest = [&](std::size_t i) { return i < valid.size() && (valid[i] & 0xc0) == 0x80; };
    for (size = 1; is_rest(at + size);) ++size;
    const std::string_view character = std::string_view(valid).substr(at, size);
    switch (character[0]) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      case '\n':
      case '\t': escaped += character; break;
      default: escaped += printable(character) == character ? character : kReplacement;  // control, or turns the text
    }
  }
  return escaped;
}

std::string page_head(std::string_view title) {
  std::string head =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; "
      "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>";
  head += html(title);
  head += "</title>\n<style>\n";
  head += report_assets::kStyle;
  return head + "</style>\n</head>\n<body>\n";
}

std::string script_json(const nlohmann::ordered_json& document) {
  std::string escaped;
  // Outside of its strings JSON has none of these three.
  for (const char c : document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)) {
    if (c == '<') {
      escaped += "\\u003c";
    } else if (c == '>') {
      escaped += "\\u003e";
    } else if (c == '&') {
      escaped += "\\u0026";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace frontier
