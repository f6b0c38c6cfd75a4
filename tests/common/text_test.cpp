#include "common/text.h"

#include <gtest/gtest.h>

#include <limits>

#include "common/errors.h"
#include "common/rng.h"
#include "support/messages.h"

namespace frontier {
namespace {

using Strings = std::vector<std::string>;

TEST(Text, SplitsJoinsAndTrims) {
  EXPECT_EQ(split("a,b,,c", ','), (Strings{"a", "b", "", "c"}));
  EXPECT_EQ(split("", ','), Strings{""});
  EXPECT_EQ(join(Strings{"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(join(Strings{}), "");
  EXPECT_EQ(join(split("x|y|z", '|'), "|"), "x|y|z");
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim("   "), "");
  EXPECT_EQ(num_characters(""), 0U);
  EXPECT_EQ(num_characters("8→24 ch, é"), 10U);
}

TEST(Text, NearestNamesWhatWasMeant) {
  const Strings known = {"uniform", "sandwich", "darts"};
  EXPECT_EQ(nearest("unifrom", known), "uniform");
  EXPECT_EQ(nearest("sandwhich", known), "sandwich");
  EXPECT_EQ(nearest("evolution", known), "");
  EXPECT_EQ(nearest("x", Strings{}), "");
}

TEST(Text, UnknownNameListsTheKnown) {
  EXPECT_EQ(unknown_name("sampler", "dart", Strings{"uniform", "darts"}),
            "unknown sampler 'dart'; did you mean 'darts'? Known: uniform, darts");
  EXPECT_EQ(unknown_name("sampler", "zzzzzzzz", Strings{"uniform", "darts"}),
            "unknown sampler 'zzzzzzzz'; Known: uniform, darts");
}

TEST(Text, PrintableEscapesAndCuts) {
  EXPECT_EQ(printable("a\nb\x1b[31m"), "a\\x0ab\\x1b[31m");
  EXPECT_EQ(printable(std::string(100, 'x'), 5), "xxxxx...");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Text, PrintableShowsNothingThatTurnsHidesOrBreaksText) {
  EXPECT_EQ(printable("Grüße, 日本, 🙂"), "Grüße, 日本, 🙂");
  EXPECT_EQ(printable("a\u202Eb\u2066c\u200Bd\uFEFF"), "a\\u202eb\\u2066c\\u200bd\\ufeff");
  EXPECT_EQ(printable("a\u061cb\u00adc\ufffbd\U000E0041"), "a\\u061cb\\xadc\\ufffbd\\ue0041");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b"
            "31m");                                                             // CSI as one character
  EXPECT_EQ(printable("\xff\xc3(\xed\xa0\x80"), "\\xff\\xc3(\\xed\\xa0\\x80");  // no UTF-8
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                               // overlong
  EXPECT_EQ(printable("ééé", 3), "éé...");                                      // not through a character
}

TEST(Text, ParsesCounts) {
  EXPECT_EQ(parse_count("4M", "n"), 4000000);
  EXPECT_EQ(parse_count("600k", "n"), 600000);
  EXPECT_EQ(parse_count("1.2G", "n"), 1200000000);
  EXPECT_EQ(parse_count("0.1M", "n"), 100000);
  EXPECT_EQ(parse_count(" 300000 ", "n"), 300000);
  EXPECT_EQ(parse_count("0", "n"), 0);
  EXPECT_EQ(parse_count("3.504872M", "n"), 3504872);
  EXPECT_EQ(parse_count("9007199254740993", "n"), 9007199254740993) << "2^53 + 1 is no double";
}

TEST(Text, RefusesWhatIsNoCount) {
  for (const char* text : {"", "M", "4X", "-1", "nan", "inf", "4 M M", "0x10", "1e999", "four"})
    EXPECT_THROWS_WITH(parse_count(text, "--max-macs"), UsageError,
                       "--max-macs: '" + std::string(text) + "' is not a count");
  EXPECT_THROWS_WITH(parse_count("10000000000G", "--max-macs"), UsageError, "is too large");
}

TEST(Text, ParsesNumbersEntirely) {
  EXPECT_DOUBLE_EQ(parse_number("-2.5e-3", "lr"), -2.5e-3);
  EXPECT_EQ(parse_integer("-7", "seed"), -7);
  for (const char* text : {"", "1x", "nan", "inf", "1e999", "1,5"})
    EXPECT_THROWS_WITH(parse_number(text, "lr"), UsageError, "lr: '");
  for (const char* text : {"", "1.5", "1e3", "99999999999999999999"})
    EXPECT_THROWS_WITH(parse_integer(text, "seed"), UsageError, "is not a whole number");
}

TEST(Text, FormatsCountsAndSeconds) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1234567), "1.23 M");
  EXPECT_EQ(format_count(300774272), "301 M");
  EXPECT_EQ(format_count(12345), "12.3 k");
  EXPECT_EQ(format_seconds(12.34), "12.3 s");
  EXPECT_EQ(format_seconds(185), "3 min 05 s");
  EXPECT_EQ(format_seconds(3725), "1 h 02 min");
  EXPECT_EQ(format_seconds(3e9), "833333 h 20 min");
  EXPECT_EQ(format_seconds(1e300), "over a million hours");
  EXPECT_EQ(format_seconds(-1), "an unknown time");
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(format_seconds(-2147483648.0 * 1000), "an unknown time");
  EXPECT_EQ(format_seconds(kNan), "an unknown time");
  EXPECT_EQ(format_seconds(kInfinity), "over a million hours");
  EXPECT_EQ(format_seconds(0), "0.000 s");
  EXPECT_EQ(format_seconds(0.0123), "0.012 s");
}

TEST(Text, FormatsRates) {
  EXPECT_EQ(format_rate(8289.7, "kB"), "8.29 k kB/s");
  EXPECT_EQ(format_rate(812.3, "steps"), "812 steps/s");
  EXPECT_EQ(format_rate(12.54, "steps"), "12.5 steps/s");
  EXPECT_EQ(format_rate(0.5, "steps"), "0.50 steps/s");
  EXPECT_EQ(format_rate(0.0501, "steps"), "3.01 steps/min");
  EXPECT_EQ(format_rate(0.0001, "steps"), "0.36 steps/h");
  EXPECT_EQ(format_rate(1e-9, "steps"), "0.00 steps/h");
  EXPECT_EQ(format_rate(0, "steps"), "0.00 steps/s");
  EXPECT_EQ(format_rate(3e12, "kB"), "3.00 T kB/s");
  for (const double none : {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    EXPECT_EQ(format_rate(none, "steps"), "an unknown rate");
}

/// RFC 4648, section 10.
TEST(Base64, GivesTheVectorsOfItsStandard) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(Base64, KeepsEveryByte) {
  Rng rng(3);
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(rng.below(256));
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
  }
}

TEST(Base64, RefusesWhatItDoesNotWrite) {
  for (const char* text : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zh==", "Z g=", "Zm9=", "Zm9v\n", "Z=9v"})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace frontier
