#include "report/html.h"

#include <nlohmann/json.hpp>

#include "common/text.h"
#include "report/assets.h"

namespace frontier {

std::string html(std::string_view text) {
  std::string escaped;
  const auto escape = [&](const std::string& part) {
    for (const char c : part) {
      switch (c) {
        case '&': escaped += "&amp;"; break;
        case '<': escaped += "&lt;"; break;
        case '>': escaped += "&gt;"; break;
        case '"': escaped += "&quot;"; break;
        case '\'': escaped += "&#39;"; break;
        default: escaped += c;
      }
    }
  };
  while (true) {
    const std::string_view part = text.substr(0, text.find_first_of("\n\t"));
    escape(printable(part, part.size()));
    if (part.size() == text.size()) return escaped;
    escaped += text[part.size()];
    text.remove_prefix(part.size() + 1);
  }
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
