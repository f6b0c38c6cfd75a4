#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace frontier {

/// Text as it may stand between tags and in quoted attributes. Control characters but for ends of lines and tabs, those
/// that turn or hide text, and what is no UTF-8 are made visible as printable() does.
std::string html(std::string_view text);

/// A document up to its <body>, which is open: the style of all pages, and a policy that lets them fetch nothing.
std::string page_head(std::string_view title);

/// JSON as it may stand in a <script> element: no character of it can end the element or open a comment.
std::string script_json(const nlohmann::ordered_json& document);

}  // namespace frontier
