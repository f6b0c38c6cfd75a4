#include "db/filter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '/'; }

class WhereParser {
 public:
  explicit WhereParser(std::string_view text) : text_(text) {}

  std::vector<Condition> parse() {
    std::vector<Condition> conditions;
    if (trim(text_).empty()) return conditions;
    for (;;) {
      conditions.push_back(condition());
      skip_blanks();
      if (at_ == text_.size()) return conditions;
      const std::size_t start = at_;
      std::string joiner = name();
      std::transform(joiner.begin(), joiner.end(), joiner.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      if (joiner != "and") fail(start, "'and' or the end");
    }
  }

 private:
  Condition condition() {
    Condition result;
    skip_blanks();
    const std::size_t start = at_;
    result.field = name();
    if (result.field.empty()) fail(start, "a field (macs, params, seconds, seed or a metric)");
    result.comparison = comparison();
    result.number = number();
    return result;
  }

  std::string name() {
    const std::size_t start = at_;
    if (at_ < text_.size() && is_letter(text_[at_]))
      while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  Comparison comparison() {
    static constexpr std::array<std::pair<std::string_view, Comparison>, 6> kOperators{
        {{"<=", Comparison::kLessOrEqual},
         {">=", Comparison::kGreaterOrEqual},
         {"!=", Comparison::kNotEqual},
         {"<", Comparison::kLess},
         {">", Comparison::kGreater},
         {"=", Comparison::kEqual}}};
    skip_blanks();
    for (const auto& [text, value] : kOperators) {
      if (!text_.substr(at_).starts_with(text)) continue;
      at_ += text.size();
      return value;
    }
    fail(at_, "one of < <= > >= = !=");
  }

  double number() {
    skip_blanks();
    double value = 0;
    const char* first = text_.data() + at_;
    const char* last = text_.data() + text_.size();
    const auto [end, error] = std::from_chars(first, last, value);
    const std::size_t start = at_;
    if (error == std::errc()) at_ += static_cast<std::size_t>(end - first);
    if (error == std::errc() && at_ < text_.size()) value *= unit();
    const bool ends = at_ == text_.size() || !is_name_part(text_[at_]);
    if (error != std::errc() || !ends || !std::isfinite(value)) fail(start, "a number like 0.9, 300000, 600k or 4M");
    return value;
  }

  double unit() {
    switch (text_[at_]) {
      case 'k':
      case 'K': ++at_; return 1e3;
      case 'm':
      case 'M': ++at_; return 1e6;
      case 'g':
      case 'G': ++at_; return 1e9;
      case 't':
      case 'T': ++at_; return 1e12;
      default: return 1;
    }
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  [[noreturn]] void fail(std::size_t position, const std::string& wanted) const {
    const auto seen = text_.substr(position);
    throw UsageError("--where, position " + std::to_string(position + 1) + ": expected " + wanted +
                     (seen.empty() ? ", but the text ends" : ", not '" + printable(seen, 40) + "'") +
                     "; write it like 'macs<=4M and top1>0.9'");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Condition> parse_where(std::string_view text) { return WhereParser(text).parse(); }

bool is_field_name(std::string_view text) {
  return !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), is_name_part);
}

void check_metric_name(std::string_view name) {
  if (!is_field_name(name) || name == "macs" || name == "params" || name == "seconds" || name == "seed" ||
      name == "and")
    throw UsageError("metric name '" + printable(name) +
                     "': a letter first, then letters, digits, _ . - or /; not macs, params, seconds, seed or and");
}

}  // namespace frontier
