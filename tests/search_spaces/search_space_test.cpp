#include "search_spaces/search_space.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "common/errors.h"
#include "search_spaces/mobile_cnn.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;

std::vector<std::shared_ptr<const SearchSpace>> all_spaces() {
  std::vector<std::shared_ptr<const SearchSpace>> spaces;
  for (const auto& info : known_spaces()) spaces.push_back(make_space(info.name));
  spaces.push_back(std::make_shared<const SearchSpace>(nested_space()));
  spaces.push_back(std::make_shared<const SearchSpace>(shared_decision_space()));
  return spaces;
}

TEST(Registry, MakesEverySpaceByItsName) {
  for (const auto& info : known_spaces()) {
    EXPECT_EQ(make_space(info.name)->name(), info.name);
    EXPECT_FALSE(info.summary.empty());
  }
  EXPECT_THROWS_WITH(make_space("mobil_cnn"), UsageError, "did you mean 'mobile_cnn'?");
}

TEST(SearchSpace, CanonicalFormIsIdempotentAndMakesTheSameNetwork) {
  for (const auto& space : all_spaces()) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      SCOPED_TRACE(testing::Message() << space->name() << " seed " << seed);
      Rng rng(seed);
      const Architecture arch = random_choices(*space, rng);
      const Architecture canonical = space->canonical(arch);
      ASSERT_EQ(space->canonical(canonical), canonical);
      if (space->has_normal_form()) continue;  // an isomorphic network, not the same one
      ASSERT_EQ(to_dot(space->build(arch, space->default_input()), "n"),
                to_dot(space->build(canonical, space->default_input()), "n"));
    }
  }
}

TEST(SearchSpace, DifferentNetworksHaveDifferentCanonicalForms) {
  const SearchSpace space = shared_decision_space();
  std::unordered_set<Architecture> forms;
  std::unordered_set<std::string> networks;
  for (const auto& arch : all_choices(space)) {
    forms.insert(space.canonical(arch));
    networks.insert(to_dot(space.build(arch, space.default_input()), "n"));
  }
  EXPECT_EQ(forms.size(), networks.size());
  EXPECT_EQ(forms.size(), 3U * 4U * (1 + 3 * 3));  // widths, heads, and both off or three kernels for three cases
}

TEST(SearchSpace, NotationAndJsonRoundTrip) {
  for (const auto& space : all_spaces()) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      SCOPED_TRACE(testing::Message() << space->name() << " seed " << seed);
      Rng rng(seed);
      const Architecture arch = random_choices(*space, rng);
      const Architecture canonical = space->canonical(arch);
      const std::string text = space->to_string(arch);
      ASSERT_EQ(space->to_string(canonical), text);
      ASSERT_EQ(space->parse(text), canonical) << text;
      ASSERT_EQ(space->parse("  " + text + "\n"), canonical) << text;
      const auto json = space->to_json(arch);
      ASSERT_EQ(space->parse(json.dump()), canonical) << json;
      const Selection selection(arch);
      ASSERT_TRUE(selection.is_hard());
      ASSERT_EQ(selection.architecture(), arch);
    }
  }
}

TEST(SearchSpace, RandomIsCanonicalAndReachesEveryOption) {
  const SearchSpace space = nested_space();
  Rng rng(1);
  std::vector<std::vector<int>> seen;
  for (const auto& decision : space.decisions()) seen.emplace_back(decision.options.size(), 0);
  for (int i = 0; i < 2000; ++i) {
    const Architecture arch = space.random(rng);
    ASSERT_EQ(space.canonical(arch), arch);
    for (std::size_t d = 0; d < seen.size(); ++d) ++seen[d][arch.choices[d]];
  }
  for (const auto& counts : seen)
    for (const int count : counts) EXPECT_GT(count, 0);
}

TEST(SearchSpace, NotationOfMobileCnnIsAsDocumented) {
  const auto space = make_space("mobile_cnn");
  const std::string text = "8 | 16: k3e2 k5e4s | 24: k7e3 | 64: k3e2 k3e2s k7e4";
  EXPECT_EQ(space->to_string(space->parse(text)), text);
  EXPECT_EQ(space->to_string(space->parse("8|16:k3e2  k5e4s|24:k7e3|64: k3e2 k3e2s k7e4 ")), text);
}

TEST(SearchSpace, ValidatesWithTheDecisionAndItsOptions) {
  const SearchSpace space = nested_space();
  EXPECT_THROWS_WITH(space.validate(Architecture{{0}}), InvalidArchitecture, "has 1 choices, 'nested' has 10");
  Architecture arch{std::vector<std::uint16_t>(10, 0)};
  arch.choices[3] = 3;
  EXPECT_THROWS_WITH(space.validate(arch), InvalidArchitecture,
                     "'block0.kernel' is out of range; its 3 options are 1, 3, 5");
  EXPECT_THROWS_WITH(space.decision_index("dept"), InvalidArchitecture, "did you mean 'depth'?");
}

struct Hostile {
  const char* space;
  std::string text;
  std::string message;
};

TEST(SearchSpace, RefusesHostileNotationsWithAMessage) {
  const std::string good_stages = " | 16: k3e2 | 24: k7e3 | 64: k3e2";
  const std::vector<Hostile> cases = {
      {"nas_bench_macro", "", "has 0 characters; nas_bench_macro has 8 digits"},
      {"nas_bench_macro", "2221222", "has 7 characters"},
      {"nas_bench_macro", "222122200", "has 9 characters"},
      {"nas_bench_macro", "22212223", "digit 8: allowed are 0"},
      {"nas_bench_macro", "2221222-", "digit 8"},
      {"nas_bench_macro",
       std::string("2221\0"
                   "220",
                   8),
       "digit 5"},
      {"nas_bench_macro", std::string(200'000, '2'), "longer than 100,000 characters"},
      {"nas_bench_macro", std::string(50'000, '2'), "has 50000 characters"},
      {"nas_bench_macro", "\xff\xfe\x80\x81\x82\x83\x84\x85", "digit 1"},
      {"mobile_cnn", "", "stem width: '' is not allowed; stem.width is one of 8, 12, 16"},
      {"mobile_cnn", "9" + good_stages, "stem width: '9' is not allowed"},
      {"mobile_cnn", "8", "stage 0"},
      {"mobile_cnn", "8 | 16: k3e2", "stage 1"},
      {"mobile_cnn", "8" + good_stages + " | 64: k3e2", "the space has only 3 stages"},
      {"mobile_cnn", "8 | 16 k3e2 | 24: k7e3 | 64: k3e2", "write 'width: blocks'"},
      {"mobile_cnn", "8 | 16: k3e2 k3e2 k3e2 | 24: k7e3 | 64: k3e2", "stage 0 number of blocks: '3' is not allowed"},
      {"mobile_cnn", "8 | 16: | 24: k7e3 | 64: k3e2", "stage 0 number of blocks: '0' is not allowed"},
      {"mobile_cnn", "8 | 17: k3e2 | 24: k7e3 | 64: k3e2", "stage 0 width: '17' is not allowed"},
      {"mobile_cnn", "8 | 16: k4e2 | 24: k7e3 | 64: k3e2", "block 0 kernel: '4' is not allowed"},
      {"mobile_cnn", "8 | 16: k3e9 | 24: k7e3 | 64: k3e2", "block 0 expansion: '9' is not allowed"},
      {"mobile_cnn", "8 | 16: k3 | 24: k7e3 | 64: k3e2", "write k<kernel>e<expansion>"},
      {"mobile_cnn", "8 | 16: e3 | 24: k7e3 | 64: k3e2", "write k<kernel>e<expansion>"},
      {"mobile_cnn", "8 | 16: k3e | 24: k7e3 | 64: k3e2", "expansion: '' is not allowed"},
      {"mobile_cnn", "8 | 16: k3es | 24: k7e3 | 64: k3e2", "expansion: '' is not allowed"},
      {"mobile_cnn", "8 | 16: ke2 | 24: k7e3 | 64: k3e2", "kernel: '' is not allowed"},
      {"mobile_cnn", "8 | 16: s | 24: k7e3 | 64: k3e2", "write k<kernel>e<expansion>"},
      {"mobile_cnn", "8 | 16: k3e2ss | 24: k7e3 | 64: k3e2", "expansion: '2s' is not allowed"},
      {"mobile_cnn", std::string(5'000, '|'), "stem width"},
      {"mobile_cnn", "8" + std::string(5'000, '|'), "write 'width: blocks'"},
      {"mobile_cnn", std::string("\x01\x02\x00\x03", 4), "stem width: '\\x01\\x02\\x00\\x03'"},
      {"mobile_cnn", "{", "is not valid JSON: line 1"},
      {"mobile_cnn", "{\"stem.width\": \"8\"}", "does not say 'stage0.width'"},
      {"mobile_cnn", "{\"stem.with\": \"8\"}", "did you mean 'stem.width'?"},
      {"mobile_cnn", "{\"stem.width\": \"10\"}", "'10' is not an option of 'stem.width'"},
      {"mobile_cnn", "{\"stem.width\": [8]}", "'[8]' is not an option of 'stem.width'"},
      {"mobile_cnn", "{\"stem.width\": null}", "'null' is not an option of 'stem.width'"},
      {"mobile_cnn", std::string(50'000, '{'), "is not valid JSON"},
  };
  for (const auto& hostile : cases) {
    SCOPED_TRACE(hostile.space + std::string(": ") + hostile.text.substr(0, 80));
    EXPECT_THROWS_WITH(make_space(hostile.space)->parse(hostile.text), UsageError, hostile.message);
  }
}

TEST(SearchSpace, ParsersSurviveRandomBytesAndMutatedNotations) {
  for (const auto& space : all_spaces()) {
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      SCOPED_TRACE(testing::Message() << space->name() << " seed " << seed);
      Rng rng(seed);
      std::string text = seed % 2 ? space->to_string(space->random(rng)) : space->to_json(space->random(rng)).dump();
      for (std::uint64_t edits = 1 + rng.below(4); edits-- > 0;) {
        const auto place = rng.below(text.size() + 1);
        switch (rng.below(3)) {
          case 0:
            text.insert(text.begin() + static_cast<std::ptrdiff_t>(place), static_cast<char>(rng.below(256)));
            break;
          case 1: text.erase(place, 1 + rng.below(3)); break;
          default: text = text.substr(0, place) + text.substr(rng.below(text.size() + 1)); break;
        }
      }
      try {
        const Architecture arch = space->parse(text);
        ASSERT_EQ(space->canonical(arch), arch);
      } catch (const UsageError& error) {
        ASSERT_GT(std::string(error.what()).size(), 10U);
        ASSERT_LT(std::string(error.what()).size(), 2000U);
      }
    }
  }
}

TEST(InputShape, RoundTripsAndRefuses) {
  EXPECT_EQ(to_string(parse_input_shape("3x32x32", 10)), "3x32x32/10");
  for (const char* text : {"", "3", "3x32", "3x32x32x1", "axbxc", "0x32x32", "3x-1x32", "3x99999999x32", "3x32x"})
    EXPECT_THROWS_WITH(parse_input_shape(text, 10), UsageError, "input shape");
  EXPECT_THROWS_WITH(parse_input_shape("3x32x32", 1), UsageError, "classes = 1");
}

}  // namespace
}  // namespace frontier
