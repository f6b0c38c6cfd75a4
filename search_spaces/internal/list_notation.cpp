#include "search_spaces/internal/list_notation.h"

#include <algorithm>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

bool parts_words(char c) { return std::string_view(" \t\n\r,;[](){}'\"=:").find(c) != std::string_view::npos; }

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && !parts_words(text[end])) ++end;
    if (end > at) words.push_back({text.substr(at, end - at), at});
    at = end + 1;
  }
  return words;
}

void require_count(const std::string& key, std::size_t seen, std::size_t count, std::string_view meaning) {
  if (seen != count)
    throw InvalidArchitecture("architecture: " + key + " has " + std::to_string(seen) + " entries; it needs " +
                              std::to_string(count) + std::string(meaning));
}

}  // namespace

ListNotation::ListNotation(std::string_view text, const std::vector<std::string>& keys,
                           const std::vector<std::string>& optional) {
  std::vector<std::string> known = keys;
  known.insert(known.end(), optional.begin(), optional.end());
  std::vector<Word>* list = nullptr;
  for (const Word& word : words_of(text)) {
    if (std::find(known.begin(), known.end(), word.text) != known.end()) {
      const auto [it, is_new] = words_.try_emplace(std::string(word.text));
      if (!is_new) refuse(word, "each of " + join(known) + " is given once");
      list = &it->second;
    } else if (list == nullptr) {
      refuse(word, "one of " + join(known) + " is expected");
    } else {
      list->push_back(word);
    }
  }
  for (const auto& key : keys)
    if (!words_.contains(key))
      throw InvalidArchitecture("architecture '" + printable(text) + "' lacks " + key + "; it needs " + join(keys));
}

const Word& ListNotation::single(const std::string& key) const {
  const auto& list = words_.at(key);
  if (list.empty()) throw InvalidArchitecture("architecture: " + key + " has no value");
  if (list.size() > 1) refuse(list[1], key + " takes one value");
  return list.front();
}

const std::vector<Word>& ListNotation::entries(const std::string& key, std::size_t count,
                                               std::string_view meaning) const {
  const auto& words = words_.at(key);
  require_count(key, words.size(), count, meaning);
  return words;
}

std::vector<Word> ListNotation::characters(const std::string& key, std::size_t count) const {
  std::vector<Word> result;
  for (const Word& word : words_.at(key))
    for (std::size_t i = 0; i < word.text.size(); ++i) result.push_back({word.text.substr(i, 1), word.at + i});
  require_count(key, result.size(), count, "");
  return result;
}

void ListNotation::refuse(const Word& word, const std::string& expected) {
  throw InvalidArchitecture("architecture, character " + std::to_string(word.at + 1) + " ('" +
                            printable(word.text, 30) + "'): " + expected);
}

std::uint16_t option_of(const Decision& decision, const Word& word) {
  const auto option = decision.find(word.text);
  if (!option) ListNotation::refuse(word, decision.name + " is one of " + join(decision.options));
  return *option;
}

}  // namespace frontier
