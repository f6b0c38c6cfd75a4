#include "supernet/safetensors.h"

#include <torch/types.h>

#include <cstring>

#include "common/errors.h"
#include "common/rng.h"
#include "support/messages.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::normal_tensor;
using testing_support::same_bits;

/// A file by the format's definition: eight bytes of length, the header, the data.
std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return bytes + header + data;
}

TEST(Safetensors, RoundTripOfEveryTypeAndShape) {
  const at::Tensor values = normal_tensor({2, 3, 4}, 1, 0, 50);
  std::map<std::string, at::Tensor> tensors = {{"scalar", at::full({}, 2.5F)},
                                               {"empty", at::zeros({0, 3})},
                                               {"strided", values.transpose(0, 2)},
                                               {"channels_last", testing_support::normal_images({2, 3, 4, 5}, 2)},
                                               {"a name \"with\" \\ signs / and ünïcode", at::ones({1})}};
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf, at::kLong, at::kInt, at::kByte, at::kBool})
    tensors.emplace(std::string("type ") + c10::toString(type), values.abs().to(type));
  const std::string bytes = to_safetensors(tensors);
  const auto read = from_safetensors(bytes, "memory");
  ASSERT_EQ(read.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) EXPECT_TRUE(same_bits(read.at(name), tensor)) << name;
  EXPECT_EQ(to_safetensors(read), bytes);
}

TEST(Safetensors, KeepsTheBitsOfUnusualNumbers) {
  const float infinity = std::numeric_limits<float>::infinity();
  const at::Tensor values = at::tensor({0.0F, -0.0F, infinity, -infinity, 1e-45F, std::nanf("")});
  const auto read = from_safetensors(to_safetensors({{"x", values}}), "memory");
  EXPECT_EQ(std::memcmp(read.at("x").const_data_ptr(), values.const_data_ptr(), 24), 0);
}

TEST(Safetensors, WritesTheBytesOfTheFormat) {
  // By hand from the format's definition: little-endian length, JSON padded with spaces to 8 bytes, data in order.
  const std::string header =
      R"({"a":{"data_offsets":[0,8],"dtype":"F32","shape":[2]},"b":{"data_offsets":[8,11],"dtype":"U8","shape":[3,1]}})";
  ASSERT_EQ(header.size(), 109U);
  const std::string expected = std::string("\x70\0\0\0\0\0\0\0", 8) + header + "   " +
                               std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0", 8) + std::string("\x01\x02\xff", 3);
  const at::Tensor b = at::tensor({1, 2, 255}).to(at::kByte).reshape({3, 1});
  EXPECT_EQ(to_safetensors({{"a", at::tensor({1.0F, -2.0F})}, {"b", b}}), expected);
}

TEST(Safetensors, ReadsFilesThatOthersWrote) {
  // Metadata, spaces, another order of names than of data, no padding.
  const std::string header = R"( {"__metadata__":{"format":"pt"}, "z":{"dtype":"I32","shape":[],"data_offsets":[0,4]},)"
                             R"("a":{"dtype":"BF16","shape":[1,2],"data_offsets":[4,8]}})";
  const auto read = from_safetensors(file_of(header, std::string("\xfe\xff\xff\xff\x80\x3f\x00\xc0", 8)), "memory");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read.at("z").item<int>(), -2);
  EXPECT_TRUE(same_bits(read.at("a"), at::tensor({1.0F, -2.0F}).to(at::kBFloat16).reshape({1, 2})));
  EXPECT_TRUE(from_safetensors(file_of("{}", ""), "memory").empty());
}

TEST(Safetensors, RefusesWhatItCannotWrite) {
  EXPECT_THROWS_WITH(to_safetensors({{"x", at::zeros({1}, at::kComplexFloat)}}), Error, "ComplexFloat");
}

TEST(Safetensors, RefusesHostileFilesWithAMessage) {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"x":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::string eight(8, '\1');
  const struct {
    std::string bytes, message;
  } cases[] = {
      {"", "it has 0 bytes"},
      {std::string("\x08\0\0", 3), "it has 3 bytes"},
      {std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10), "should have 18446744073709551615 bytes"},
      {std::string("\x03\0\0\0\0\0\0\0{}", 10), "should have 3 bytes, the file has only 2"},
      {file_of("", ""), "hostile.safetensors (header)"},
      {file_of("{\"x\":", ""), "hostile.safetensors (header)"},
      {file_of("\xff\xfe{}", ""), "hostile.safetensors (header)"},
      {file_of("[1, 2]", ""), "no JSON object"},
      {file_of("null", ""), "no JSON object"},
      {file_of(std::string(200'000, '['), ""), "hostile.safetensors (header)"},
      {file_of(R"({"x":7})", ""), "'x' lacks dtype"},
      {file_of(R"({"x":{"dtype":"F32","shape":[2]}})", eight), "'x' lacks dtype"},
      {file_of(R"({"x":{"dtype":4,"shape":[2],"data_offsets":[0,8]}})", eight), "'x' lacks dtype"},
      {file_of(entry("F32", "[-2]", "[0,8]"), eight), "'x' lacks dtype"},
      {file_of(entry("F32", "[2.0]", "[0,8]"), eight), "'x' lacks dtype"},
      {file_of(entry("F32", "2", "[0,8]"), eight), "'x' lacks dtype"},
      {file_of(entry("F32", "[2]", "[0,8,16]"), eight), "'x' lacks dtype"},
      {file_of(entry("F32", "[2]", "[-8,8]"), eight), "'x' lacks dtype"},
      {file_of(entry("Q4", "[2]", "[0,8]"), eight), "unknown dtype 'Q4'"},
      {file_of(entry("F32", "[3]", "[0,12]"), eight), "should take 12 bytes at 0 to 12 of 8"},
      {file_of(entry("F32", "[2]", "[8,0]"), eight), "should take 8 bytes at 8 to 0"},
      {file_of(entry("F32", "[2]", "[0,4]"), eight), "should take 8 bytes at 0 to 4"},
      {file_of(entry("F32", "[2]", "[18446744073709551608,0]"), eight), "at 18446744073709551608 to 0"},
      {file_of(entry("F32", "[1000000000000]", "[0,8]"), eight), "'x'"},
      {file_of(entry("F32", "[4611686018427387904]", "[0,0]"), ""), "larger than the file"},
      {file_of(entry("U8", "[4294967296,4294967296]", "[0,0]"), ""), "larger than the file"},
      {file_of(entry("U8", "[0,18446744073709551615]", "[0,0]"), ""), "larger than the file"},
      {file_of(entry("U8", "[9223372036854775807,0,9223372036854775807]", "[0,0]"), ""), "larger than the file"},
      {file_of(
           R"({"x":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"y":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}})",
           eight),
       "overlap"},
      {file_of(
           R"({"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"y":{"dtype":"U8","shape":[3],"data_offsets":[5,8]}})",
           eight),
       "belongs to no tensor"},
      {file_of(entry("U8", "[8]", "[0,8]"), eight + "more"), "belongs to no tensor"},
      {file_of("{}", eight), "belongs to no tensor"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE("expects: " + c.message);
    EXPECT_THROWS_WITH(from_safetensors(c.bytes, "hostile.safetensors"), UsageError, c.message);
    EXPECT_THROWS_WITH(from_safetensors(c.bytes, "hostile.safetensors"), UsageError, "hostile.safetensors");
  }
}

TEST(Safetensors, EveryTruncationAndEveryFlippedBitOfTheHeaderIsSurvived) {
  const std::string bytes = to_safetensors({{"a", normal_tensor({3, 2}, 1)}, {"b", at::ones({2}, at::kLong)}});
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(from_safetensors(std::string_view(bytes).substr(0, length), "cut"), UsageError) << length;
  for (std::size_t bit = 0; bit < 8 * (bytes.size() - 40); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    try {
      from_safetensors(damaged, "flipped");  // another name or shape of equal size is a valid file
    } catch (const UsageError&) {
    }
  }
}

}  // namespace
}  // namespace frontier
