#include "fuzz/properties.h"

#include <algorithm>
#include <array>

namespace frontier::fuzz {
namespace {

constexpr std::size_t kLongestMessage = 4000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool names_place(std::string_view message, std::span<const std::string> names) {
  // A number behind the word ("character 12", "stage 2 block 1") or, of a whole list, before it ("has 3 entries").
  constexpr std::array<std::string_view, 14> kPlaces{"character", "line",  "column",  "position", "digit",
                                                     "option",    "stage", "block",   "entry",    "edge",
                                                     "vertex",    "node",  "entries", "letters"};
  for (const std::string_view word : kPlaces)
    for (std::size_t at = message.find(word); at != std::string_view::npos; at = message.find(word, at + 1)) {
      const std::string_view after = message.substr(at + word.size());
      if (after.size() > 1 && after[0] == ' ' && is_digit(after[1])) return true;
      if (at > 1 && message[at - 1] == ' ' && is_digit(message[at - 2])) return true;
    }
  if (message.find(" lacks ") != std::string_view::npos || message.find(" has no value") != std::string_view::npos)
    return true;
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return message.find(name) != std::string_view::npos; });
}

void check_message(std::string_view message) {
  require(!message.empty(), "a refusal says nothing");
  require(message.size() <= kLongestMessage, "a refusal says too much", message);
  require(std::all_of(message.begin(), message.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }),
          "a refusal holds control characters", message);
}

}  // namespace frontier::fuzz
