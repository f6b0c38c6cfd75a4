#include "supernet/safetensors.h"

#include <torch/types.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 48;  // of one tensor, extents of 0 taken for 1

constexpr struct {
  const char* name;
  at::ScalarType type;
} kTypes[] = {{"F32", at::kFloat}, {"F64", at::kDouble}, {"BF16", at::kBFloat16}, {"F16", at::kHalf},
              {"I64", at::kLong},  {"I32", at::kInt},    {"U8", at::kByte},       {"BOOL", at::kBool}};

const char* type_name(at::ScalarType type) {
  for (const auto& entry : kTypes)
    if (entry.type == type) return entry.name;
  throw Error(std::string("tensors of type ") + c10::toString(type) + " are not written to safetensors");
}

UsageError bad(std::string_view source, const std::string& why) {
  return UsageError(std::string(source) + " is not a valid safetensors file: " + why);
}

struct Parts {
  nlohmann::json header;
  std::string_view data;
};

Parts parts_of(std::string_view bytes, std::string_view source) {
  if (bytes.size() < 8)
    throw bad(source, "it has " + std::to_string(bytes.size()) + " bytes, fewer than its length field needs");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > bytes.size() - 8)
    throw bad(source, "its header should have " + std::to_string(length) + " bytes, the file has only " +
                          std::to_string(bytes.size() - 8) + " more");
  Parts parts{parse_json(bytes.substr(8, length), std::string(source) + " (header)"), bytes.substr(8 + length)};
  if (!parts.header.is_object()) throw bad(source, "its header is no JSON object");
  return parts;
}

}  // namespace

std::string to_safetensors(const std::map<std::string, at::Tensor>& tensors,
                           const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  std::vector<at::Tensor> data;
  for (const auto& [name, tensor] : tensors) {
    data.push_back(tensor.detach().to(at::kCPU).contiguous());
    const std::size_t bytes = data.back().nbytes();
    header[name] = {{"dtype", type_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string head = header.dump();
  head.resize((head.size() + 7) / 8 * 8, ' ');  // so that the data is aligned
  std::string out(8, '\0');
  const std::uint64_t length = head.size();
  std::memcpy(out.data(), &length, 8);
  out.reserve(8 + head.size() + offset);
  out += head;
  for (const auto& tensor : data) out.append(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  return out;
}

std::map<std::string, at::Tensor> from_safetensors(std::string_view bytes, std::string_view source) {
  const auto bad = [&](const std::string& why) { return frontier::bad(source, why); };
  const auto [header, data] = parts_of(bytes, source);
  std::map<std::string, at::Tensor> tensors;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> spans;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const std::string shown = std::string("'").append(printable(name)).append("'");
    const auto is_unsigned = [](const nlohmann::json& x) { return x.is_number_unsigned(); };
    const auto all_unsigned = [&](const char* key) {
      return entry.contains(key) && entry[key].is_array() &&
             std::all_of(entry[key].begin(), entry[key].end(), is_unsigned);
    };
    if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() || !all_unsigned("shape") ||
        !all_unsigned("data_offsets") || entry["data_offsets"].size() != 2)
      throw bad("tensor " + shown + " lacks dtype, shape or data_offsets");
    const auto dtype = entry["dtype"].get<std::string>();
    const auto* type =
        std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& t) { return dtype == t.name; });
    if (type == std::end(kTypes)) throw bad("tensor " + shown + " has the unknown dtype '" + printable(dtype) + "'");
    const auto begin = entry["data_offsets"][0].get<std::uint64_t>(),
               end = entry["data_offsets"][1].get<std::uint64_t>();
    std::uint64_t size = c10::elementSize(type->type);
    std::uint64_t bound = size;
    std::vector<std::int64_t> shape;
    for (const auto& item : entry["shape"]) {
      const auto extent = item.get<std::uint64_t>();
      if (bound > kMostBytes / std::max<std::uint64_t>(extent, 1))
        throw bad("tensor " + shown + " is larger than the file");
      bound *= std::max<std::uint64_t>(extent, 1);
      size *= extent;
      shape.push_back(static_cast<std::int64_t>(extent));
    }
    if (begin > end || end > data.size() || end - begin != size)
      throw bad("tensor " + shown + " should take " + std::to_string(size) + " bytes at " + std::to_string(begin) +
                " to " + std::to_string(end) + " of " + std::to_string(data.size()));
    spans.emplace_back(begin, end);
    at::Tensor tensor = at::empty(shape, type->type);
    if (size > 0) std::memcpy(tensor.data_ptr(), data.data() + begin, size);
    tensors.emplace(name, std::move(tensor));
  }
  // The format wants every byte of the data to belong to exactly one tensor.
  std::sort(spans.begin(), spans.end());
  std::uint64_t used = 0;
  for (const auto& [begin, end] : spans) {
    if (begin != used) throw bad(begin < used ? "two tensors overlap" : "some of its data belongs to no tensor");
    used = end;
  }
  if (used != data.size()) throw bad("some of its data belongs to no tensor");
  return tensors;
}

std::map<std::string, std::string> safetensors_metadata(std::string_view bytes, std::string_view source) {
  const nlohmann::json header = parts_of(bytes, source).header;
  const auto found = header.find("__metadata__");
  if (found == header.end()) return {};
  const bool texts = found->is_object() && std::all_of(found->begin(), found->end(),
                                                       [](const nlohmann::json& value) { return value.is_string(); });
  if (!texts) throw bad(source, "its __metadata__ is no object of texts");
  return found->get<std::map<std::string, std::string>>();
}

}  // namespace frontier
