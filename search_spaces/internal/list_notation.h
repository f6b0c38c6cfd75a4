#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "search_spaces/architecture.h"

namespace frontier {

/// A word of an architecture's text and where it stands.
struct Word {
  std::string_view text;
  std::size_t at = 0;  ///< first character, counted from 0
};

/// "key=list" notations: `ks=3,5,7 d=[2, 3] r=224`. Keys in any order; words are parted by spaces, commas, semicolons,
/// brackets or quotes, and a key by '=' or ':' or nothing from its list.
class ListNotation {
 public:
  /// @param text must outlive the object.
  /// @throws InvalidArchitecture for a word that belongs to no key, a key given twice, or one that is missing.
  /// @param optional keys that may be missing.
  ListNotation(std::string_view text, const std::vector<std::string>& keys,
               const std::vector<std::string>& optional = {});

  bool contains(const std::string& key) const { return words_.contains(key); }

  const std::vector<Word>& operator[](const std::string& key) const { return words_.at(key); }
  /// The same. @param meaning of the count, for the message: ", one for each block".
  /// @throws InvalidArchitecture if the key has another number of words.
  const std::vector<Word>& entries(const std::string& key, std::size_t count, std::string_view meaning = "") const;
  /// The one word of a key. @throws InvalidArchitecture if there are none or several.
  const Word& single(const std::string& key) const;
  /// The words of a key, where one word stands for several: every character its own ("35577" for 3,5,5,7,7).
  std::vector<Word> characters(const std::string& key, std::size_t count) const;
  /// @throws InvalidArchitecture naming the place, what is there, and what should be.
  [[noreturn]] static void refuse(const Word& word, const std::string& expected);

 private:
  std::map<std::string, std::vector<Word>> words_;
};

/// The option of `decision` that a word names. @throws InvalidArchitecture naming the place and the options.
std::uint16_t option_of(const Decision& decision, const Word& word);

}  // namespace frontier
