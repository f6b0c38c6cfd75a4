// The harnesses over their seeds and some thousand changes of these, so that they build and hold without a fuzzer, too.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/rng.h"
#include "fuzz/harness.h"
#include "fuzz/properties.h"
#include "support/messages.h"

namespace frontier::fuzz {
namespace {

constexpr std::size_t kBytesToTry = 400'000;  // of inputs a harness: long notations are changed less often

/// One to four changes: a byte, a token, a piece taken out, doubled or from another seed.
std::string changed(const Harness& harness, Rng& rng) {
  const auto any = [&](const std::vector<std::string>& texts) { return texts[rng.below(texts.size())]; };
  std::string text = any(harness.seeds);
  for (std::uint64_t changes = 1 + rng.below(4); changes > 0; --changes) {
    const std::size_t at = rng.below(text.size() + 1), length = std::min<std::size_t>(rng.below(12), text.size() - at);
    switch (rng.below(6)) {
      case 0: text.insert(at, 1, static_cast<char>(rng.below(256))); break;
      case 1: text.replace(at, length > 0 ? 1 : 0, 1, static_cast<char>(32 + rng.below(96))); break;
      case 2: text.replace(at, rng.below(2) * length, any(harness.tokens)); break;
      case 3: text.erase(at, length); break;
      case 4: text.insert(at, text.substr(at, length)); break;
      default: {
        const std::string other = any(harness.seeds);
        const std::size_t from = rng.below(other.size() + 1);
        text = text.substr(0, at) + other.substr(from);
      }
    }
  }
  return text.substr(0, harness.max_length);
}

class EveryHarness : public testing::TestWithParam<std::string> {};

TEST_P(EveryHarness, HoldsOnSeedsAndTheirChanges) {
  const Harness harness = make_harness(GetParam());
  ASSERT_FALSE(harness.seeds.empty());
  ASSERT_FALSE(harness.tokens.empty());
  for (const auto& seed : harness.seeds) {
    EXPECT_LE(seed.size(), harness.max_length);
    ASSERT_NO_THROW(harness.check(seed)) << printable(seed, 2000);
  }
  Rng rng(1);
  for (std::size_t bytes = 0; bytes < kBytesToTry;) {
    const std::string input = changed(harness, rng);
    bytes += input.size() + 1;
    ASSERT_NO_THROW(harness.check(input)) << printable(input, 2000);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryHarness, testing::ValuesIn(harness_names()), [](const auto& instance) {
  std::string name = instance.param;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

TEST(Properties, MessagesThatNameNoPlaceAreFound) {
  EXPECT_TRUE(names_place("architecture, character 12 ('x'): '|' is expected"));
  EXPECT_TRUE(names_place("architecture: ks has 3 entries; it needs 20"));
  EXPECT_TRUE(names_place("architecture 'd=2' lacks ks; it needs ks, d"));
  EXPECT_FALSE(names_place("architecture 'x' is wrong"));
  EXPECT_FALSE(names_place("the character is wrong"));
  const std::vector<std::string> names{"stem.width"};
  EXPECT_TRUE(names_place("architecture does not say 'stem.width'", names));
  EXPECT_FALSE(names_place("architecture does not say 'head.width'", names));
}

TEST(Properties, BadMessagesAndOtherExceptionsAreFound) {
  const auto ignore = [](std::string_view) {};
  const auto refusing = [&](const std::string& message) {
    return accepted([&]() -> int { throw UsageError(message); }, ignore);
  };
  EXPECT_EQ(refusing("line 3 is empty"), std::nullopt);
  EXPECT_THROW(refusing(""), BrokenProperty);
  EXPECT_THROW(refusing("line 3: '\x1b[2J'"), BrokenProperty);
  EXPECT_THROW(refusing(std::string(5000, 'x')), BrokenProperty);
  EXPECT_THROW(accepted([]() -> int { throw Error("not the input's fault"); }, ignore), Error);
  EXPECT_THROWS_WITH(must_accept([]() -> int { throw UsageError("no"); }, "a good text"), BrokenProperty,
                     "a good text is refused: no");
}

}  // namespace
}  // namespace frontier::fuzz
