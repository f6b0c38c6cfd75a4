#include "report/contact_sheet.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/text.h"
#include "report/html.h"

namespace frontier {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string numbers_text(const Json& values) {
  std::vector<std::string> texts;
  for (const Json& value : values) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", value.get<double>());
    texts.emplace_back(text);
  }
  return join(texts);
}

class Sheet {
 public:
  explicit Sheet(const Json& document) : document_(document) {}

  std::string text(const std::string& version) {
    const std::string name = document_["name"].get<std::string>();
    out_ = page_head("Data set " + name);
    out_ += "<header>\n<h1>" + html(name) + "</h1>\n<dl class=\"facts\">";
    add_facts();
    out_ += "</dl>\n</header>\n<main>\n";
    for (const Json& note : document_["notes"]) out_ += "<p class=\"note\">" + html(text_of(note)) + "</p>\n";
    add_broken();
    add_counts();
    add_samples();
    out_ += "</main>\n<footer><p>Made by Frontier " + html(version) + ".</p></footer>\n</body>\n</html>\n";
    return std::move(out_);
  }

 private:
  void add_fact(std::string_view name, const std::string& value) {
    out_ += "<div><dt>" + html(name) + "</dt><dd>" + html(value) + "</dd></div>";
  }

  void add_facts() {
    add_fact("Read as", text_of(document_["form"]));
    add_fact("Classes", text_of(document_["classes"]));
    for (const auto& [part, count] : document_["images"].items())
      add_fact(part == "train"    ? "Training images"
               : part == "search" ? "Images for search"
                                  : "Test images",
               text_of(count));
    add_fact("Networks see", text_of(document_["input"]));
    if (document_.contains("pictures")) {
      const Json& pictures = document_["pictures"];
      add_fact("Sizes", text_of(pictures["smallest"]) + " to " + text_of(pictures["largest"]) + ", " +
                            text_of(pictures["sizes"]) + " different");
      add_fact("Grey", text_of(pictures["grey"]));
      add_fact("Transparent", text_of(pictures["transparent"]));
      add_fact("Turned by EXIF", text_of(pictures["turned"]));
    }
    add_fact("Mean", numbers_text(document_["mean"]));
    add_fact("Deviation", numbers_text(document_["stddev"]));
  }

  void begin_table(std::string_view id, std::string_view title, const std::vector<std::string>& columns) {
    out_ += "<section aria-labelledby=\"" + std::string(id) + "\"><h2 id=\"" + std::string(id) + "\">" + html(title) +
            "</h2>\n<div class=\"scroll tall\" role=\"region\" tabindex=\"0\" aria-labelledby=\"" + std::string(id) +
            "\"><table><thead><tr>";
    for (const auto& column : columns)
      out_ += "<th scope=\"col\"" + std::string(&column == &columns.front() ? "" : " class=\"number\"") + ">" +
              html(column) + "</th>";
    out_ += "</tr></thead><tbody>\n";
  }
  void end_table() { out_ += "</tbody></table></div></section>\n"; }

  void add_broken() {
    if (document_["broken"].empty()) return;
    begin_table("broken", "Pictures left out", {"File"});
    for (const Json& item : document_["broken"])
      out_ += "<tr><td class=\"text\">" + html(text_of(item["file"])) + "<br><span class=\"muted\">" +
              html(text_of(item["why"])) + "</span></td></tr>\n";
    end_table();
  }

  void add_counts() {
    begin_table("counts", "Images a class", {"Class", "Train", "Search", "Test", ""});
    std::int64_t most = 1;
    for (const Json& item : document_["results"]) most = std::max(most, item["train"].get<std::int64_t>());
    for (const Json& item : document_["results"]) {
      out_ += "<tr><td class=\"text\">" + html(text_of(item["class"])) + "</td>";
      for (const char* part : {"train", "search", "test"})
        out_ += "<td class=\"number\">" + text_of(item[part]) + "</td>";
      out_ += "<td class=\"share\" aria-hidden=\"true\"><span style=\"width:" +
              std::to_string(100 * item["train"].get<std::int64_t>() / most) + "%\"></span></td></tr>\n";
    }
    end_table();
  }

  void add_samples() {
    const Json& samples = document_["samples"];
    out_ +=
        "<section aria-labelledby=\"samples\"><h2 id=\"samples\">Samples</h2>\n"
        "<p class=\"muted\">Training images as networks see them, without augmentation.</p>\n";
    for (std::size_t c = 0; c < samples.size(); ++c) {
      const std::string name = text_of(document_["results"][c]["class"]);
      out_ += "<h3>" + html(name) + "</h3>\n<div class=\"samples\">";
      for (const Json& address : samples[c])
        out_ += "<img loading=\"lazy\" alt=\"" + html(name) + "\" src=\"" + html(text_of(address)) + "\">";
      out_ += samples[c].empty() ? "<span class=\"muted\">none</span></div>\n" : "</div>\n";
    }
    if (samples.size() < document_["results"].size())
      out_ += "<p class=\"note\">Only the first " + std::to_string(samples.size()) + " classes are shown.</p>\n";
    out_ += "</section>\n";
  }

  const Json& document_;
  std::string out_;
};

}  // namespace

std::string contact_sheet(const nlohmann::ordered_json& document, const std::string& version) {
  return Sheet(document).text(version);
}

}  // namespace frontier
